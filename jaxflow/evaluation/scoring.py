"""Collects what the scores of a split need, block by block, by the kind of its target."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from jaxflow.data.series.split import SeriesSplit
from jaxflow.evaluation.metrics.classes import MAX_LISTED_CLASSES, ClassRecords, class_scores
from jaxflow.evaluation.metrics.dense import count_masks, count_tokens, mask_scores, token_scores
from jaxflow.evaluation.metrics.labels import LabelRecords, label_scores
from jaxflow.evaluation.metrics.scores import Scores, Units, scores_of_sums
from jaxflow.evaluation.metrics.values import forecast_scores, quantile_scores, value_scores
from jaxflow.evaluation.thresholds import positive_class
from jaxflow.interfaces import Problem
from jaxflow.problems.names import outputs_of_columns
from jaxflow.problems.uncertainty.quantile_regression import QuantileRegression
from jaxflow.schema import Schema, Split

Block = Mapping[str, np.ndarray]


class ScoreData(Protocol):
    """What the scores of one kind of target need of all examples."""

    def add(self, block: Block) -> None:
        """Adds the next block of examples, as `evaluate_split` passes it to `on_block`."""
        ...

    def scores(self, units: Units) -> list[Scores]:
        """Returns the scores of all examples, whose units are given."""
        ...


def score_data(schema: Schema, test: Split, problem: Problem) -> ScoreData:
    """Returns what collects the data of a split's scores.

    Args:
      schema: what the data holds.
      test: the split.
      problem: what is solved.
    """
    target = schema.target
    if target.kind == "number":
        return ValueData(test, problem)
    if target.kind == "class" and not target.dense_shape:
        return ClassData(target.names, problem.answer, positive_class(problem))
    if target.kind == "labels":
        return LabelData(target.names, problem.answer)
    if target.kind == "class" and schema.inputs.kind == "tokens":
        return TokenData()
    if target.kind == "class" and schema.inputs.kind in ("image", "volume"):
        return MaskData(target.names)
    return NoScores()


class NoScores:
    """Targets that no score here is of: the problem's own metrics are all there is."""

    def add(self, block: Block) -> None:
        """Collects nothing."""

    def scores(self, units: Units) -> list[Scores]:
        """Returns nothing."""
        return []


@dataclass
class ClassData:
    """One class for each example: probabilities and the answers to them."""

    names: tuple[str, ...]
    answer: Callable[[Any], Any]
    positive: int
    blocks: list[tuple[np.ndarray, ...]] = field(default_factory=list)

    def add(self, block: Block) -> None:
        """Collects targets, probabilities and answers."""
        probabilities = block["predictions"]
        self.blocks.append((block["targets"], probabilities, np.asarray(self.answer(probabilities))))

    def scores(self, units: Units) -> list[Scores]:
        """Returns the scores of the examples whose class is known."""
        targets, probabilities, answers = (np.concatenate(parts) for parts in zip(*self.blocks))
        if probabilities.shape[1:] != (len(self.names),) or not np.isfinite(probabilities).all():
            return []  # scores of those that are finite would flatter
        known = targets >= 0
        precision = (
            np.float64 if len(self.names) <= MAX_LISTED_CLASSES else probabilities.dtype
        )  # a copy would be large
        chosen = (probabilities if known.all() else probabilities[known]).astype(precision, copy=False)
        records = ClassRecords(targets[known], chosen, answers[known], self.names)
        return class_scores(records, Units(units.index[known], units.count, units.noun), self.positive)


@dataclass
class LabelData:
    """Any of several labels for each example: their probabilities."""

    names: tuple[str, ...]
    answer: Callable[[Any], Any]
    blocks: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, block: Block) -> None:
        """Collects targets and probabilities."""
        self.blocks.append((block["targets"], block["predictions"]))

    def scores(self, units: Units) -> list[Scores]:
        """Returns the scores of the labels that are known."""
        targets, probabilities = (np.concatenate(parts) for parts in zip(*self.blocks))
        if probabilities.shape != targets.shape or not np.isfinite(probabilities).all():
            return []  # as above
        answers = np.asarray(self.answer(probabilities))
        return label_scores(LabelRecords(targets, probabilities.astype(np.float64), answers, self.names), units)


@dataclass
class ValueData:
    """Numbers: the values that are predicted, or quantiles of them."""

    test: Split
    problem: Any
    blocks: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Block) -> None:
        """Collects the predictions."""
        self.blocks.append(np.asarray(block["predictions"], np.float64))

    def scores(self, units: Units) -> list[Scores]:
        """Returns the errors of the answers, by target where there are several, and of quantiles their coverage."""
        predictions, targets = np.concatenate(self.blocks), self.test.targets
        answers = np.asarray(self.problem.answer(predictions), np.float64)
        if answers.shape != targets.shape or not np.isfinite(predictions).all():
            return []
        outputs = outputs_of_columns(getattr(self.problem, "columns", None)) or {"": list(range(targets.shape[1]))}
        found = value_scores(targets, answers, outputs, units)
        if isinstance(self.problem, QuantileRegression):
            found.append(quantile_scores(targets, predictions, self.problem.quantiles, units))
        if isinstance(self.test, SeriesSplit):
            naive = next(reversed(self.test.naive_forecasts().values()))  # of the last season, where there is one
            found += forecast_scores(targets, answers, naive, outputs, units)
        return found


@dataclass
class MaskData:
    """A class for each pixel: how many of each class there are in each example."""

    names: tuple[str, ...]
    counts: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Block) -> None:
        """Counts the pixels of each class."""
        self.counts.append(count_masks(block["targets"], block["predictions"], len(self.names)))

    def scores(self, units: Units) -> list[Scores]:
        """Returns the overlaps of truth and answer."""
        return mask_scores(np.concatenate(self.counts), self.names, units)


@dataclass
class TokenData:
    """A token for each position: sums over each window."""

    sums: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Block) -> None:
        """Sums over the known tokens."""
        self.sums.append(count_tokens(block["targets"], block["predictions"], block["log_likelihood"]))

    def scores(self, units: Units) -> list[Scores]:
        """Returns perplexity, bits and accuracy."""
        return token_scores(np.concatenate(self.sums), units)


@dataclass
class LossData:
    """Losses and weights, which every problem has."""

    blocks: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Block) -> None:
        """Collects each example's loss and weight."""
        loss, weight = block["loss"].astype(np.float64), block["weight"].astype(np.float64)
        self.blocks.append(np.stack([loss * weight, weight], 1))

    def scores(self, units: Units) -> list[Scores]:
        """Returns the weighted mean loss."""
        sums = np.concatenate(self.blocks)
        return [scores_of_sums(("loss",), sums, units, lambda sums: sums[:, :1] / sums[:, 1:])]
