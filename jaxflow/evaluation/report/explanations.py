"""What a model looks at: the section of a report, drawn from what an evaluation stored."""

import logging
from pathlib import Path

import numpy as np

from jaxflow.data.dataset import Dataset, name_of
from jaxflow.data.profiling.tokens import token_names
from jaxflow.data.profiling.waveforms import spectrogram_images
from jaxflow.data.texts.encode import SentenceEncoding
from jaxflow.data.texts.tokenizers import END
from jaxflow.evaluation.explanations.runs.values import (
    Attention,
    Explanations,
    Importance,
    Maps,
    Plane,
    read_explanations,
)
from jaxflow.reports.blocks import Block, Drawing, Text
from jaxflow.reports.figures.explanations.attention import attention, attention_to_patches
from jaxflow.reports.figures.explanations.importance import column_importance, row_sizes
from jaxflow.reports.figures.explanations.plane import decision_plane, hidden_units
from jaxflow.reports.figures.explanations.saliency import beside_map, concentration, joined_parts, strengths
from jaxflow.reports.figures.masks import display_images
from jaxflow.reports.galleries import Exhibit, Gallery, Passage, Passages
from jaxflow.reports.media import picture_url
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import exact, number, percent

logger = logging.getLogger("jaxflow")

# Pixels of two pictures beside each other; tokens of a text that are shown, and tokens and columns that have numbers.
MAX_PAIR, MAX_TOKENS, MAX_NAMED = 400, 600, 8


def explanation_blocks(workdir: Path, dataset: Dataset, step: int | None, folder: Path) -> list[Block]:
    """Returns what a report shows of what the model looks at; [] where that is not stored.

    Args:
      workdir: the run folder.
      dataset: its data.
      step: of the checkpoint that the report is of; what is explained of another one is not shown.
      folder: where the SVG files go.

    Raises:
      UserError: what is stored is damaged.
    """
    stored = read_explanations(workdir)
    if stored is None or stored.step != step:
        return []
    try:
        return _blocks(stored, dataset, folder)
    except Exception as error:  # results are worth more than their explanations
        reason = f"{error or type(error).__name__}".splitlines()[0]
        logger.warning(f"what the model looks at could not be drawn ({reason})")
        return [Text(f"What the model looks at could not be drawn: {reason}")]


def _blocks(stored: Explanations, dataset: Dataset, folder: Path) -> list[Block]:
    shown: list[Block] = [Text(note) for note in stored.notes]
    if stored.plane is not None:
        shown += _plane(stored.plane, dataset, folder)
    if stored.importance is not None:
        shown += _importance(stored.importance, dataset, folder)
    if stored.maps is not None:
        shown += _maps(stored.maps, dataset, folder)
    if stored.attention is not None:
        shown.append(_attention(stored.attention, dataset, folder))
    return shown


def _plane(plane: Plane, dataset: Dataset, folder: Path) -> list[Block]:
    target = dataset.schema.target
    classes = target.names if target.kind == "class" else ()
    sides, answers, points = (plane.across, plane.up), (plane.answers, plane.strength), (plane.points, plane.targets)
    drawn: list[Block] = [decision_plane(plane.names, sides, answers, points, classes, folder / "plane.svg")]
    if plane.layers:
        drawn.append(hidden_units(plane.hidden, plane.layers, plane.widths, folder / "hidden_units.svg"))
    return drawn


def _importance(found: Importance, dataset: Dataset, folder: Path) -> list[Block]:
    noun = "part of a window" if dataset.schema.inputs.kind == "series" else "column"
    about = (
        f"The {found.metric} is {number(found.before)} on {found.rows:,} examples of the test split. The values of "
        f"each {noun} were permuted among them {found.repeats} times: as far as the {found.metric} rises, the model "
        f"needs them. Intervals resample {found.units}; a rise whose interval holds 0 may be chance. What tells the "
        f"same as another {noun} is stood in for by it, and may seem to matter little."
    )
    rises = found.metric, found.rises, found.loss_rises
    return [column_importance(found.columns, noun, *rises, folder / "importance.svg"), Text(about)]


def _maps(maps: Maps, dataset: Dataset, folder: Path) -> list[Block]:
    kind = dataset.schema.inputs.kind
    if kind == "tokens":
        return [_passages(maps, dataset)]
    if kind == "vector":
        return [_effects(maps, dataset)]
    explained = f"Explained is {maps.explained}, by {maps.method}"
    if kind == "series":
        drawing = row_sizes(maps.values, maps.columns, folder / "row_sizes.svg")
        many = len(maps.indices)
        return [Text(f"{explained}, of {many} windows: half with the largest losses, half of the others."), drawing]
    about = (
        f"{_colours(dataset, 'blue')} each against the strongest of its picture. {explained}: half of the examples "
        "have the largest losses, and come first. A map tells what moves this number, not whether the model is right "
        "to look there."
    )
    return [_gallery(maps, dataset, about), *_sums(maps, dataset)]


def _colours(dataset: Dataset, against: str) -> str:
    if dataset.schema.target.kind == "number":
        return f"Orange raises what is explained, {against} lowers it,"
    return f"Orange speaks for the answer, {against} against it,"


def _gallery(maps: Maps, dataset: Dataset, about: str) -> Gallery:
    exhibits = []
    for place, index in enumerate(maps.indices.tolist()):
        image, values = _picture(maps, dataset, place)
        half = f"half of the map in {percent(concentration(values), 1000)} of the picture"
        picture = picture_url(beside_map(image, values), MAX_PAIR)
        lines = [line for line in (*maps.said[place], half) if line]
        exhibits.append(Exhibit(name_of(dataset.splits["test"], index), lines, picture))
    return Gallery("What speaks for the answer", about, exhibits, pairs=True)


def _picture(maps: Maps, dataset: Dataset, place: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the picture of an example, (height, width, channel) from 0 to 1, and its map, which divides it evenly."""
    values, raw = maps.values[place], dataset.splits["test"].rows(maps.indices[place : place + 1])["inputs"]
    if dataset.schema.inputs.kind != "audio":
        return display_images(raw)[0], values
    if values.ndim == 1:
        return spectrogram_images(raw)[0], values[None]
    spectrum = maps.shown[place].T[::-1, :, None]  # (band, frame, 1), the highest first
    low, high = np.quantile(spectrum, (0.02, 0.995))
    return np.clip((spectrum - low) / max(float(high - low), 1e-9), 0, 1), values.T[::-1]


def _sums(maps: Maps, dataset: Dataset) -> list[Block]:
    """Returns how near the parts of each example come to what they should add up to."""
    if not np.isfinite(maps.sums).all():
        return []
    ids = [name_of(dataset.splits["test"], index) for index in maps.indices.tolist()]
    rows = [[name, *map(exact, each)] for name, each in zip(ids, maps.sums.tolist())]
    return [Table("Sums of these maps, and what they should be", ("example", "sum", "should be"), rows, folded=True)]


def _passages(maps: Maps, dataset: Dataset) -> Passages:
    test, names = dataset.splits["test"], token_names(dataset)
    gap = " " if isinstance(dataset.input_encoding, SentenceEncoding) else ""
    texts, rows = [], []
    for place, index in enumerate(maps.indices.tolist()):
        tokens = test.rows(np.array([index]))["inputs"][0]
        length = min(int(np.flatnonzero(tokens != END)[-1:].max(initial=0)) + 1, MAX_TOKENS)
        values, pieces = maps.values[place][:length], [names[token] for token in tokens[:length]]
        lines, name = [line for line in maps.said[place] if line], name_of(test, index)
        seen = [f"{piece}{gap}".replace("\n", "↵\n") for piece in pieces]
        texts.append(Passage(name, lines, joined_parts(seen, strengths(values))))
        most = np.argsort(-np.abs(values), kind="stable")[:MAX_NAMED]
        told = ", ".join(f"{pieces[at]!r} ({at + 1}) {values[at]:+.3g}" for at in most)
        rows.append([name, *maps.said[place], told])
    about = (
        f"{_colours(dataset, 'dotted blue')} each against the strongest of its text. Explained is {maps.explained}, by "
        f"{maps.method}: half of the texts have the largest losses, and come first."
    )
    table = Table(
        "The strongest tokens", ("example", "answer", "truth", "token (position) and what it adds"), rows, prose=True
    )
    return Passages("What speaks for the answer", about, texts, table)


def _effects(maps: Maps, dataset: Dataset) -> Table:
    """Returns the effects of the columns that matter most to these examples, a row for each example."""
    test = dataset.splits["test"]
    most = np.argsort(-np.abs(maps.values).mean(0), kind="stable")[:MAX_NAMED]
    rows = [
        [name_of(test, index), *maps.said[place], *(f"{maps.values[place, at]:+.2f}" for at in most)]
        for place, index in enumerate(maps.indices.tolist())
    ]
    caption = f"What each column adds to {maps.explained}, against the values of training rows"
    return Table(caption, ("example", "answer", "truth", *(maps.columns[at] for at in most)), rows)


def _attention(found: Attention, dataset: Dataset, folder: Path) -> Drawing:
    inputs, path = dataset.splits["test"].rows(np.array([found.index]))["inputs"], folder / "attention.svg"
    if found.getting:
        image = display_images(inputs)[0]
        return attention_to_patches(image, found.weights, found.layers, found.heads, found.getting, path)
    count = found.weights.shape[-1]
    positions = [f"position {place + 1}" for place in range(count)]
    if dataset.schema.inputs.kind == "tokens":
        names = token_names(dataset)
        first = found.positions - inputs.shape[1] if found.positions > inputs.shape[1] else 0  # a class token
        tokens = [repr(names[token])[1:-1] for token in inputs[0][: count - first]]
        positions = ["class token"] * first + tokens
    return attention(found.weights, found.layers, found.heads, positions, path)
