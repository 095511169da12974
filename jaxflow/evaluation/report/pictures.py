"""Which figures a report shows: that hangs on what the inputs and the target are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.dataset import Schema, Split
from jaxflow.evaluation.report import figures, text_figures


def draw(
    lines: Sequence[dict[str, Any]],
    metrics: Sequence[str],
    schema: Schema,
    test: Split,
    predictions: np.ndarray,
    folder: Path,
) -> list[tuple[str, Path]]:
    """Draws a report's figures.

    Args:
      lines: the lines of metrics.jsonl.
      metrics: names of the problem's metrics.
      schema: what the data holds.
      test: the test split.
      predictions: (examples, ...) of its examples, in order.
      folder: where the PNG files go.

    Returns:
      Captions and files, in the order of the report.
    """
    learning_curve = folder / "learning_curve.png"
    figures.learning_curve(lines, metrics, learning_curve)
    by_kind = _of_numbers if schema.target.kind == "number" else _of_classes
    if schema.inputs.kind == "tokens" and schema.target.over:
        by_kind = _of_next_tokens
    return [("Learning curve", learning_curve), *by_kind(schema, test, predictions, folder)]


def _of_numbers(schema: Schema, test: Split, predictions: np.ndarray, folder: Path) -> list[tuple[str, Path]]:
    against, residuals = folder / "predicted_against_true.png", folder / "residuals.png"
    figures.predicted_against_true(test.targets, predictions, schema.target.names, against)
    figures.residuals(test.targets, predictions, schema.target.names, residuals)
    return [("Predicted against true, test split", against), ("Residuals of the test split", residuals)]


def _of_next_tokens(schema: Schema, test: Split, predictions: np.ndarray, folder: Path) -> list[tuple[str, Path]]:
    by_place = folder / "accuracy_by_place.png"
    text_figures.accuracy_by_place(test.targets, predictions, by_place)
    return [("Right next tokens by their place in the window, test split", by_place)]


def _of_classes(schema: Schema, test: Split, probabilities: np.ndarray, folder: Path) -> list[tuple[str, Path]]:
    names, confusion, misclassified = schema.target.names, folder / "confusion.png", folder / "misclassified.png"
    figures.confusion(test.targets, probabilities.argmax(-1), names, confusion)
    drawn = [("Confusion matrix of the test split", confusion)]
    if schema.inputs.kind == "image":
        figures.misclassified(
            lambda index: test.rows(np.array([index]))["inputs"][0],  # a few of them: all may not fit into memory
            test.targets,
            probabilities,
            names,
            misclassified,
        )
        drawn.append(("Wrong predictions", misclassified))
    return drawn
