"""Explains a trained run, by the kind of its inputs; what fails becomes a sentence, and loses nothing else."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.evaluation.explanations.runs.columns import features_by_column, window_parts
from jaxflow.evaluation.explanations.runs.examples import Examples
from jaxflow.evaluation.explanations.runs.importances import MAX_COLUMNS, importance_of
from jaxflow.evaluation.explanations.runs.looks import attention_of, plane_of
from jaxflow.evaluation.explanations.runs.maps import input_maps, row_maps, token_maps
from jaxflow.evaluation.explanations.runs.numbers import explained_number
from jaxflow.evaluation.explanations.runs.subject import Subject, subject_of
from jaxflow.evaluation.explanations.runs.values import Explanations, Maps
from jaxflow.evaluation.metrics.scores import Units
from jaxflow.problems.autoencoding import Autoencoding
from jaxflow.training.trained import Trained

logger = logging.getLogger("jaxflow")

# Examples that are explained, and how many of them where one holds more numbers than that.
MAX_EXAMPLES, MAX_LARGE, LARGE = 8, 4, 1 << 17


def explain(trained: Trained, dataset: Dataset, examples: Examples, units: Units) -> Explanations:
    """Explains a trained run on its test split.

    Args:
      trained: the run.
      dataset: its data.
      examples: the losses of the test split.
      units: of the test split.

    Returns:
      What could be explained, and a sentence for what could not.
    """
    if trained.program.layout.processes > 1:
        note = "Nothing is explained where several processes evaluate a run; evaluate it with one for that."
        return Explanations((note,), trained.step)
    notes: list[str] = []
    found = _tried(notes, "The run", lambda: _explain(subject_of(trained, dataset), examples, units, notes)) or {}
    return Explanations(tuple(notes), trained.step, **found)


def _explain(subject: Subject, examples: Examples, units: Units, notes: list[str]) -> dict[str, Any]:
    """Returns the parts of `Explanations` that the kind of the inputs has, by name."""
    feature = subject.dataset.schema.inputs
    if feature.kind == "several":
        notes.append("An example has several inputs, and nothing of them is explained.")
        return {}
    chosen = examples.chosen(MAX_LARGE if feature.size > LARGE else MAX_EXAMPLES)
    if not len(chosen):
        notes.append("Nothing is explained: no example has a known target and a finite loss.")
        return {}
    found: dict[str, Any] = {"maps": _tried(notes, "Single examples", lambda: _maps(subject, chosen, notes))}
    columns = _columns(subject, notes)
    if columns:
        found["importance"] = _tried(notes, "The columns", lambda: importance_of(subject, columns, units))
    if feature.kind != "vector":
        found["attention"] = _tried(notes, "Attention", lambda: attention_of(subject, int(chosen[-1])))
    elif _is_plane(subject):
        found["plane"] = _tried(notes, "The plane", lambda: plane_of(subject))
    return found


def _is_plane(subject: Subject) -> bool:
    """Returns whether an example is two numbers, and the answer one class, or values."""
    schema = subject.dataset.schema
    answers = schema.target.kind in ("class", "number") and not isinstance(subject.problem, Autoencoding)
    return schema.inputs.shape == (2,) and not schema.inputs.cardinalities and answers


def _maps(subject: Subject, chosen: np.ndarray, notes: list[str]) -> Maps | None:
    feature = subject.dataset.schema.inputs
    explained = explained_number(subject.problem, subject.dataset.schema, subject.test.rows(chosen)["targets"])
    if explained is None:
        name = type(subject.problem).__name__
        notes.append(f"Single examples are not explained: {name} has no one number that stands for an answer.")
        return None
    if feature.kind == "vector":
        return row_maps(subject, explained, chosen) if len(features_by_column(subject.dataset)) <= MAX_COLUMNS else None
    return (token_maps if feature.kind == "tokens" else input_maps)(subject, explained, chosen)


def _columns(subject: Subject, notes: list[str]) -> dict[str, list[int]]:
    """Returns the columns that are permuted, or the parts of windows; {} where inputs have none."""
    kind, dense = subject.dataset.schema.inputs.kind, subject.dataset.schema.target.dense_shape
    if kind not in ("vector", "series") or dense:
        return {}
    columns = features_by_column(subject.dataset) if kind == "vector" else window_parts(subject.dataset)
    if len(columns) > MAX_COLUMNS:
        notes.append(
            f"{len(columns):,} columns are too many to permute one after the other; "
            "jaxflow.permutation_importance does it for some of them."
        )
        return {}
    return columns


def _tried(notes: list[str], what: str, act: Callable[[], Any]) -> Any:
    """Returns what an explanation returns; what it raises becomes a sentence, since an evaluation is not lost by it."""
    try:
        return act()
    except Exception as error:
        reason = f"{error or type(error).__name__}".splitlines()[0]
        logger.warning(f"{what} could not be explained ({reason}); all else of the evaluation is as it would be")
        notes.append(f"{what} could not be explained: {reason}")
        return None
