"""Which figures a report shows: that hangs on what the inputs and the target are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.profiling.waveforms import spectrogram_images
from jaxflow.reports.figures import masks as mask_figures
from jaxflow.reports.figures import predictions as prediction_figures
from jaxflow.reports.figures import texts as text_figures
from jaxflow.schema import Schema, Split


def report_figures(
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
    prediction_figures.learning_curve(lines, metrics, learning_curve)
    if schema.target.kind == "number":
        by_kind = _of_numbers
    elif not schema.target.dense_shape:
        by_kind = _of_classes
    else:
        by_kind = _of_next_tokens if schema.inputs.kind == "tokens" else _of_masks
    return [("Learning curve", learning_curve), *by_kind(schema, test, predictions, folder)]


def _of_numbers(schema: Schema, test: Split, predictions: np.ndarray, folder: Path) -> list[tuple[str, Path]]:
    against, residuals = folder / "predicted_against_true.png", folder / "residuals.png"
    prediction_figures.predicted_against_true(test.targets, predictions, schema.target.names, against)
    prediction_figures.residuals(test.targets, predictions, schema.target.names, residuals)
    return [("Predicted against true, test split", against), ("Residuals of the test split", residuals)]


def _of_masks(schema: Schema, test: Split, predictions: np.ndarray, folder: Path) -> list[tuple[str, Path]]:
    names, masks, overlaps = schema.target.names, folder / "masks.png", folder / "overlaps.png"
    chosen = np.unique(np.linspace(0, len(test) - 1, mask_figures.MAX_EXAMPLES).astype(int))
    rows = test.rows(chosen)
    both = (rows["targets"], predictions[chosen])
    mask_figures.examples(rows["inputs"], both, ("true", "predicted"), names, masks)
    mask_figures.overlaps(test.targets, predictions, names, overlaps)
    drawn = [("Examples of the test split", masks), ("MeanIoU of truth and prediction", overlaps)]
    known = test.targets >= 0
    prediction_figures.confusion(test.targets[known], predictions[known], names, folder / "confusion.png")
    return [*drawn, ("Confusion matrix of the test split's pixels or voxels", folder / "confusion.png")]


def _of_next_tokens(schema: Schema, test: Split, predictions: np.ndarray, folder: Path) -> list[tuple[str, Path]]:
    by_place = folder / "accuracy_by_place.png"
    text_figures.accuracy_by_place(test.targets, predictions, by_place)
    return [("Right next tokens by their place in the window, test split", by_place)]


def _of_classes(schema: Schema, test: Split, probabilities: np.ndarray, folder: Path) -> list[tuple[str, Path]]:
    names, confusion, misclassified = schema.target.names, folder / "confusion.png", folder / "misclassified.png"
    prediction_figures.confusion(test.targets, probabilities.argmax(-1), names, confusion)
    drawn = [("Confusion matrix of the test split", confusion)]
    shown = {"image": lambda images: images, "audio": spectrogram_images}.get(schema.inputs.kind)
    if shown is not None:
        prediction_figures.misclassified(
            lambda index: shown(test.rows(np.array([index]))["inputs"])[0],  # a few: all may not fit into memory
            test.targets,
            probabilities,
            names,
            misclassified,
        )
        drawn.append(("Wrong predictions", misclassified))
    return drawn
