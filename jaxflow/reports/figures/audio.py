"""Figures of audio: waveforms over their spectrograms, how long and loud clips are, the effect of augmentations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.profiling.waveforms import audio_statistics, decibels, spectrogram_images
from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.distributions import augmentations
from jaxflow.reports.figures.plot import bin_edges, colour_of, legend, save
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import exact

# Points of a waveform: more fall on the same pixels.
MAX_POINTS = 1000


def examples(dataset: Dataset, sample: Sample, path: Path, columns: int = 5, max_rows: int = 12) -> Drawing:
    """Draws some training clips, one row for each class if the target is a class.

    Args:
      dataset: audio.
      sample: of the training split.
      path: SVG file to write.
      columns: clips in a row.
      max_rows: rows that are drawn at most.
    """
    if dataset.schema.target.kind == "class" and not dataset.schema.target.dense_shape:
        names = dataset.schema.target.names[:max_rows]
        rows = [(name, np.flatnonzero(sample.targets == label)[:columns]) for label, name in enumerate(names)]
    else:
        rows = [("", part) for part in np.array_split(np.arange(min(3 * columns, len(sample.inputs))), 3)]
    waves = [(name, sample.inputs[chosen]) for name, chosen in rows if len(chosen)]
    _rows([(name, clips, spectrogram_images(clips)[..., 0]) for name, clips in waves], columns, path)
    shown = ", ".join(f"{len(clips)} of {name}" if name else str(len(clips)) for name, clips in waves)
    return Drawing("Examples of the training split", path, f"Waveforms over spectrograms of training clips: {shown}")


def before_and_after(rows: Sequence[tuple[str, np.ndarray, np.ndarray]], path: Path) -> Drawing:
    """Draws the same clips before and after augmentations.

    Args:
      rows: a name, (clips, samples) waveforms, and these after preprocessing: spectrograms, (clips, frames,
        bands, 1), or anything else, which is not drawn.
      path: SVG file to write.
    """
    # (clip, frame, band, 1) -> (clip, band, frame), the highest first
    drawn = [
        (name, waves, made[:, :, ::-1, 0].swapaxes(1, 2) if made.ndim == 4 else None) for name, waves, made in rows
    ]
    _rows(drawn, len(rows[0][1]), path)
    return augmentations(rows, path)


def loudness(dataset: Dataset, samples: Mapping[str, Sample], path: Path) -> Drawing:
    """Draws how long and how loud the clips of each split are.

    Args:
      dataset: audio.
      samples: by split.
      path: SVG file to write.
    """
    figure = Figure(figsize=(10.5, 3.0), layout="constrained")
    measured = {
        name: audio_statistics(sample.inputs, dataset.schema.inputs.sample_rate) for name, sample in samples.items()
    }
    panels = {"seconds": "seconds to the last sound", "peak": "peak, decibels", "rms": "root mean square, decibels"}
    medians: list[list[str]] = []
    for position, (name, label) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), position)
        values = [numbers[name] if name == "seconds" else decibels(numbers[name]) for numbers in measured.values()]
        edges = bin_edges(values, bins=30)
        for split, part in zip(measured, values):
            axes.hist(part, bins=edges, density=True, histtype="step", label=split, color=colour_of(split))
            medians.append([label, split, *(exact(float(x)) for x in np.quantile(part, (0.05, 0.5, 0.95)))])
        axes.set_xlabel(label, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_yticks([])
        axes.spines[["top", "right"]].set_visible(False)
    legend(figure)
    save(figure, path)
    table = Table("Length and loudness", ("", "split", "5%", "median", "95%"), medians)
    told = ", ".join(f"{label} of {split} median {middle}" for label, split, _, middle, _ in medians)
    return Drawing("Length and loudness", path, f"Histograms of length and loudness: {told}", table)


def _rows(rows: Sequence[tuple[str, np.ndarray, np.ndarray | None]], columns: int, path: Path) -> None:
    """Draws rows of clips: a name, (clips, samples) waveforms and (clips, frequencies, frames) images below them."""
    figure = Figure(figsize=(1.9 * columns, 1.35 * len(rows)))
    first = rows[0][2]
    # Silence would take most of the colours.
    limits = (0, 1) if first is None else (np.quantile(first, 0.1), first.max())
    for part, (name, waves, made) in zip(np.atleast_1d(figure.subfigures(len(rows), 1)), rows):
        grid = part.add_gridspec(3, columns, left=0.01, right=0.99, top=0.84, bottom=0.02, wspace=0.05, hspace=0.0)
        for column, wave in enumerate(waves):
            axes = part.add_subplot(grid[0 if made is not None else slice(None), column])
            axes.plot(wave[:: max(1, len(wave) // MAX_POINTS)], linewidth=0.4, color=colour_of("train"))
            axes.set_xlim(0, len(wave[:: max(1, len(wave) // MAX_POINTS)]))
            axes.set_ylim(-1, 1)
            axes.set_axis_off()
            if made is not None:
                axes = part.add_subplot(grid[1:, column])
                axes.imshow(made[column], aspect="auto", vmin=limits[0], vmax=limits[1])
                axes.set_axis_off()
        part.axes[0].set_title(name, fontsize=8, loc="left", pad=2)
    save(figure, path)
