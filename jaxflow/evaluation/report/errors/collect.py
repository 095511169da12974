"""Chooses what a report collects of single predictions, by the target's kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxflow.data.spread import evenly_spaced
from jaxflow.evaluation.report.errors.base import NO_FIGURE, ErrorData, Measured, Tested
from jaxflow.evaluation.report.errors.classes import Classes
from jaxflow.evaluation.report.errors.dense import Masks, NextTokens, Tags
from jaxflow.evaluation.report.errors.labels import Labels
from jaxflow.evaluation.report.errors.ranks import Ranks
from jaxflow.evaluation.report.errors.reconstructions import Reconstructions
from jaxflow.evaluation.report.errors.several import SeveralClasses
from jaxflow.evaluation.report.errors.transcripts import Transcripts
from jaxflow.evaluation.report.errors.values import Values
from jaxflow.interfaces import Problem
from jaxflow.problems.autoencoding import Autoencoding
from jaxflow.problems.classes.multi_label import MultiLabel
from jaxflow.problems.classes.ordinal_classification import OrdinalClassification
from jaxflow.problems.sequences.tagging import Tagging
from jaxflow.problems.sequences.transcription import Transcription
from jaxflow.problems.uncertainty.gaussian_regression import GaussianRegression
from jaxflow.problems.uncertainty.quantile_regression import QuantileRegression
from jaxflow.reports.blocks import Block
from jaxflow.reports.figures.masks import MAX_EXAMPLES
from jaxflow.schema import Schema, Split


@dataclass
class NoErrors:
    """Predictions that no figure shows, such as those of a problem of the user's own; their losses alone are kept."""

    losses: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects losses."""
        self.losses.append(block["loss"])

    def measured(self, test: Split) -> Measured:
        """Returns the loss of each example."""
        return Measured("loss", np.concatenate(self.losses).astype(np.float64))

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns the sentence that nothing is shown."""
        return [NO_FIGURE]


def error_data(schema: Schema, test: Split, problem: Problem, *, answered: bool = False) -> ErrorData:
    """Returns what collects the predictions that a report shows.

    Args:
      schema: what the data holds.
      test: the test split.
      problem: what is solved; its `answer` to a distribution is what is shown.
      answered: whether values that are added are such answers already, as in files of predictions.
    """
    if isinstance(problem, Autoencoding):
        return Reconstructions()
    if schema.target.kind == "number":
        levels = levels_of(problem)
        return Values(_same if answered and not levels else problem.answer, levels)
    if isinstance(problem, MultiLabel):
        return Labels(problem)
    if schema.target.several:
        return SeveralClasses(problem.answer)
    if isinstance(problem, OrdinalClassification):
        return Ranks(problem)
    if not schema.target.dense_shape:
        return Classes(problem)
    if schema.inputs.kind == "tokens" and isinstance(problem, Tagging):
        return Tags(np.zeros((len(schema.target.names),) * 2, int))
    if schema.inputs.kind == "tokens":
        return NextTokens(*(np.zeros(schema.target.dense_shape, int) for _ in range(2)))
    if isinstance(problem, Transcription):
        return Transcripts()
    if schema.inputs.kind not in ("image", "volume"):
        return NoErrors()
    chosen = evenly_spaced(len(test), MAX_EXAMPLES)
    return Masks(np.zeros((len(schema.target.names),) * 2, int), chosen)


def levels_of(problem: Problem) -> tuple[float, ...]:
    """Returns the levels of the quantiles that a problem predicts; () where it predicts values."""
    if isinstance(problem, QuantileRegression):
        return problem.quantiles
    return (0.025, 0.5, 0.975) if isinstance(problem, GaussianRegression) else ()


def _same(values: Any) -> Any:
    return values
