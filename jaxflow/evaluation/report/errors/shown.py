"""Examples that a report shows: as pictures, sounds or texts, or as rows of their table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxflow.data.texts.encode import TextEncoding
from jaxflow.evaluation.report.errors.base import Tested
from jaxflow.reports.blocks import Block, Text
from jaxflow.reports.figures.examples import example_urls
from jaxflow.reports.galleries import Exhibit, Gallery
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import NONE

# Examples that are shown; characters of a text; columns of a row.
MAX_SHOWN, MAX_LETTERS, MAX_COLUMNS = 16, 400, 8


@dataclass(frozen=True)
class Shown:
    """An example, and what is said of it.

    Attributes:
      index: of the example.
      said: by name: {"predicted": "cat (98%)", "true": "dog"}.
    """

    index: int
    said: Mapping[str, str]


def how_many(found: int, what: str) -> str:
    """Returns which of what was found are shown, and in which order: "the most confident first, 16 of them"."""
    return f"{what} first" + (f", {MAX_SHOWN} of them" if found > MAX_SHOWN else "")


def show_examples(tested: Tested, title: str, about: str, examples: Sequence[Shown]) -> list[Block]:
    """Returns examples as pictures, sounds or texts with their names, or as a table of names and columns.

    Args:
      tested: the split.
      title: heading.
      about: what is shown, with numbers; "" for nothing.
      examples: what is said of each has the same names.
    """
    feature = tested.dataset.schema.inputs
    ids = tested.called([each.index for each in examples])
    if feature.kind in ("image", "volume", "audio"):
        lines = [[f"{name} {text}" for name, text in each.said.items()] for each in examples]
        media = (example_urls(each[0], feature) for each in _inputs(tested, examples))
        exhibits = [Exhibit(name, said, *made) for name, said, made in zip(ids, lines, media)]
        return [Gallery(title, about, exhibits)]
    more = _rows(tested, examples)
    columns = ["example", *examples[0].said, *more]
    rows = [
        [name, *each.said.values(), *(cells[place] for cells in more.values())]
        for place, (name, each) in enumerate(zip(ids, examples))
    ]
    return [*([Text(about)] if about else []), Table(title, columns, rows, prose=True)]


def _inputs(tested: Tested, examples: Sequence[Shown]) -> Iterator[np.ndarray]:
    """Yields the inputs of one example after the other, (1, ...): all may not fit into memory."""
    return (tested.split.rows(np.array([each.index]))["inputs"] for each in examples)


def _rows(tested: Tested, examples: Sequence[Shown]) -> dict[str, list[str]]:
    """Returns the text of each example, or its row's columns, by name."""
    encoding = tested.dataset.input_encoding
    if tested.dataset.schema.inputs.kind == "tokens" and isinstance(encoding, TextEncoding):
        texts = (" ".join(encoding.tokenizer.decode(each[0]).split()) for each in _inputs(tested, examples))
        return {"text": [shortened(text) for text in texts]}
    columns = list(tested.columns.items())[:MAX_COLUMNS]
    return {name: [cell(values[each.index]) for each in examples] for name, values in columns}


def shortened(text: str) -> str:
    """Returns the beginning of a long text, with an ellipsis."""
    return text[:MAX_LETTERS] + ("…" if len(text) > MAX_LETTERS else "")


def cell(value: object) -> str:
    """Returns a value of a table as people read it: numbers with their digits, a dash where one is missing."""
    if value is None or value != value:  # NaN and NaT
        return NONE
    return f"{value:.10g}" if isinstance(value, float | np.floating) else shortened(str(value))
