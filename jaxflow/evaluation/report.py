"""Chooses the report's figures by the target's kind, and collects what they show, block by block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jaxflow.data.profiling.waveforms import spectrogram_images
from jaxflow.data.series.split import SeriesSplit
from jaxflow.reports.figures import masks as mask_figures
from jaxflow.reports.figures import predictions as prediction_figures
from jaxflow.reports.figures import series as series_figures
from jaxflow.reports.figures import texts as text_figures
from jaxflow.schema import Schema, Split

Figures = list[tuple[str, Path]]


class FigureData(Protocol):
    """What the figures of one kind of target need of all examples."""

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Adds the next block of examples, as `evaluate_split` passes it to `on_block`."""
        ...

    def draw(self, schema: Schema, test: Split, folder: Path) -> Figures:
        """Writes PNG files into a folder and returns them with their captions."""
        ...


def figure_data(schema: Schema, test: Split) -> FigureData:
    """Returns what collects the data of a report's figures.

    Args:
      schema: what the data holds.
      test: the test split.
    """
    if schema.target.kind == "number":
        return Forecasts() if isinstance(test, SeriesSplit) else Values()
    if schema.target.several:
        return NoFigures()
    if not schema.target.dense_shape:
        return Classes()
    if schema.inputs.kind == "tokens":
        return NextTokens(*(np.zeros(schema.target.dense_shape, int) for _ in range(2)))
    chosen = np.unique(np.linspace(0, len(test) - 1, mask_figures.MAX_EXAMPLES).astype(int))
    return Masks(np.zeros((len(schema.target.names),) * 2, int), chosen)


def report_figures(
    lines: Sequence[dict[str, Any]],
    units: Mapping[str, str],
    data: FigureData,
    schema: Schema,
    test: Split,
    folder: Path,
) -> Figures:
    """Draws a report's figures.

    Args:
      lines: the lines of metrics.jsonl.
      units: of the problem's metrics, by name; "" where a metric has none.
      data: what was collected of the test split's examples.
      schema: what the data holds.
      test: the test split.
      folder: where the PNG files go.

    Returns:
      Captions and files, in the order of the report.
    """
    learning_curve = folder / "learning_curve.png"
    prediction_figures.learning_curve(lines, units, learning_curve)
    return [("Learning curve", learning_curve), *data.draw(schema, test, folder)]


@dataclass
class NoFigures:
    """Several classes or labels at once, of which a problem of the user's own makes predictions of its own."""

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects nothing."""

    def draw(self, schema: Schema, test: Split, folder: Path) -> Figures:
        """Draws nothing."""
        return []


@dataclass
class Values:
    """Regression targets: the predicted values of all examples."""

    predictions: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects the predictions."""
        self.predictions.append(block["predictions"])

    def draw(self, schema: Schema, test: Split, folder: Path) -> Figures:
        """Draws predictions over true values, and residuals."""
        predictions, names = np.concatenate(self.predictions), schema.target.names
        against, residuals = folder / "predicted_against_true.png", folder / "residuals.png"
        prediction_figures.predicted_against_true(test.targets, predictions, names, against)
        prediction_figures.residuals(test.targets, predictions, names, residuals)
        return [("Predicted against true, test split", against), ("Residuals of the test split", residuals)]


@dataclass
class Forecasts(Values):
    """Values ahead of windows of a series: the predicted values of all examples."""

    def draw(self, schema: Schema, test: SeriesSplit, folder: Path) -> Figures:
        """Draws a few forecasts, the error by step ahead, and what is drawn of other values."""
        predictions, by_step, examples = (
            np.concatenate(self.predictions),
            folder / "by_step.png",
            folder / "forecasts.png",
        )
        targets, forecasts = test.targets, {"model": predictions, **test.naive_forecasts()}
        names = [name.rpartition("+")[0] for name in schema.target.names[:: test.horizon]]
        series_figures.forecasts(test, predictions, names, examples)
        drawn = [("Forecasts of the test split", examples)]
        if test.horizon > 1:
            errors = {name: np.sqrt(np.square(values - targets).mean(0)) for name, values in forecasts.items()}
            series_figures.error_by_step(errors, names, by_step)
            drawn.append(("Error by step ahead, test split", by_step))
        return drawn + super().draw(schema, test, folder)


@dataclass
class Classes:
    """A class for each example: the most likely class and its probability, of all examples."""

    predicted: list[np.ndarray] = field(default_factory=list)
    confidence: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects the most likely class and its probability."""
        self.predicted.append(block["predictions"].argmax(-1))
        self.confidence.append(block["predictions"].max(-1))

    def draw(self, schema: Schema, test: Split, folder: Path) -> Figures:
        """Draws the confusion matrix, and for images and audio the most confident wrong predictions."""
        names, predicted = schema.target.names, np.concatenate(self.predicted)
        confusion, misclassified = folder / "confusion.png", folder / "misclassified.png"
        prediction_figures.confusion(count_pairs(test.targets, predicted, len(names)), names, confusion)
        drawn = [("Confusion matrix of the test split", confusion)]
        shown = {"image": lambda images: images, "audio": spectrogram_images}.get(schema.inputs.kind)
        if shown is not None:
            prediction_figures.misclassified(
                lambda index: shown(test.rows(np.array([index]))["inputs"])[0],  # a few: all may not fit into memory
                test.targets,
                predicted,
                np.concatenate(self.confidence),
                names,
                misclassified,
            )
            drawn.append(("Wrong predictions", misclassified))
        return drawn


@dataclass
class NextTokens:
    """A token for each position: how many are known and how many of them are right, (time,)."""

    correct: np.ndarray
    known: np.ndarray

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Counts by position."""
        known = block["targets"] >= 0
        self.correct += ((block["predictions"] == block["targets"]) & known).sum(0)
        self.known += known.sum(0)

    def draw(self, schema: Schema, test: Split, folder: Path) -> Figures:
        """Draws the accuracy by position."""
        by_position = folder / "accuracy_by_position.png"
        text_figures.accuracy_by_position(self.correct, self.known, by_position)
        return [("Right next tokens by their position in the window, test split", by_position)]


@dataclass
class Masks:
    """A class for each pixel: pairs of true and predicted classes, (classes, classes), and the masks of a few examples.

    Attributes:
      chosen: indices of these examples, ascending.
      examples: their masks.
      seen: how many examples came so far.
    """

    counts: np.ndarray
    chosen: np.ndarray
    examples: list[np.ndarray] = field(default_factory=list)
    seen: int = 0

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Counts pairs of classes, and keeps the masks of the chosen examples."""
        targets, predictions = block["targets"], block["predictions"]
        known = targets >= 0
        self.counts += count_pairs(targets[known], predictions[known], len(self.counts))
        here = self.chosen[(self.chosen >= self.seen) & (self.chosen < self.seen + len(targets))]
        self.examples.extend(predictions[here - self.seen])
        self.seen += len(targets)

    def draw(self, schema: Schema, test: Split, folder: Path) -> Figures:
        """Draws examples with their masks, the overlap of each class and the confusion matrix."""
        names, rows = schema.target.names, test.rows(self.chosen)
        masks, overlaps, confusion = folder / "masks.png", folder / "overlaps.png", folder / "confusion.png"
        both = (rows["targets"], np.stack(self.examples))
        mask_figures.examples(rows["inputs"], both, ("true", "predicted"), names, masks)
        mask_figures.overlaps(self.counts, names, overlaps)
        prediction_figures.confusion(self.counts, names, confusion)
        return [
            ("Examples of the test split", masks),
            ("Intersection over union of truth and prediction", overlaps),
            ("Confusion matrix of the test split's pixels or voxels", confusion),
        ]


def count_pairs(targets: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Returns how often each class is predicted where each is true, (classes, classes) int."""
    pairs = targets.astype(int) * classes + predicted
    return np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)
