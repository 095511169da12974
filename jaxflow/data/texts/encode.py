"""Texts become rows of tokens, as fitted to the training texts."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxflow.data.reading.dialect import Dialect
from jaxflow.data.reading.find import find_files
from jaxflow.data.reading.rows import find_dialect, read_rows
from jaxflow.data.texts.read import TEXTS, is_table, read_text
from jaxflow.data.texts.tokenizers import END, Tokenizer
from jaxflow.errors import UserError
from jaxflow.schema import Feature

END_OF_LINE = re.compile("\r\n|\r|\n")


@dataclass(frozen=True)
class TextEncoding:
    """How texts become tokens, as fitted to the training texts.

    Attributes:
      tokenizer: what encodes a text.
      column: of a table, the one that holds the texts to be classified; None for a language model, which continues
        texts.
      dialect: how a file of texts is written, as far as the source said it.
    """

    tokenizer: Tokenizer
    column: str | None = None
    dialect: Dialect = Dialect()


def pad_or_truncate(tokenizer: Tokenizer, text: str, feature: Feature) -> np.ndarray:
    """Encodes a text, truncated or padded with END to one length: (length,) of the feature's dtype."""
    row = np.full(feature.shape, END, feature.dtype)
    ids = tokenizer.encode(text)[: len(row)]
    row[: len(ids)] = ids
    return row


def encode_texts(
    encoding: TextEncoding,
    path: Path,
    feature: Feature,
    rows: int,
    follow_links: bool = False,
    bad: list[str] | None = None,
) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Reads new texts as a model takes them, some at a time.

    Args:
      encoding: as fitted to the texts that the model was trained on, with a column.
      path: a table with the same column of texts, a folder of .txt files, or a text file, each line of which is a text.
      feature: what the model takes.
      rows: texts that are read at once.
      follow_links: whether symbolic links in a folder are followed.
      bad: gets what is wrong with each file of a folder that cannot be read, which is left out; None raises it instead.

    Yields:
      (texts, length) of the feature's dtype, and an id for each text: its file's path, or the index of its row or
      line, from 0.

    Raises:
      UserError: there are no texts, or not what they must be.
    """
    named, written = _named_texts(encoding, path, follow_links, bad), False
    while block := list(itertools.islice(named, rows)):
        written |= any(text for _, text in block)
        yield (
            np.stack([pad_or_truncate(encoding.tokenizer, text, feature) for _, text in block]),
            [name for name, _ in block],
        )
    if not written and not bad:
        raise UserError(f"{path} holds no text")


def _named_texts(
    encoding: TextEncoding, path: Path, follow_links: bool, bad: list[str] | None
) -> Iterator[tuple[str, str]]:
    """Yields the name of each text, and the text."""
    if path.is_dir():
        for name in find_files(path, TEXTS, follow_links):
            try:
                text = "".join(read_text(path / name, encoding.dialect.encoding))
            except UserError as error:
                if bad is None:
                    raise
                bad.append(str(error))
            else:
                yield name, text
    elif is_table(path):
        columns = (encoding.column or "",)
        rows = read_rows(path, columns, find_dialect(path, columns, encoding.dialect))
        yield from ((str(number), text) for number, (_, (text,)) in enumerate(rows))
    else:
        yield from ((str(number), line) for number, line in enumerate(_lines(path, encoding.dialect.encoding)))


def _lines(path: Path, encoding: str | None) -> Iterator[str]:
    """Yields the lines of a text file without their ends, whichever these are; a chunk of it is in memory at a time."""
    rest, count = "", 0
    for chunk in read_text(path, encoding):
        # An end may be divided between two chunks.
        held = chunk.endswith("\r")
        *lines, rest = END_OF_LINE.split(rest + chunk.removesuffix("\r"))
        yield from lines
        count += len(lines)
        rest += "\r" if held else ""
    *lines, rest = END_OF_LINE.split(rest)
    yield from lines
    if rest or not (count or lines):
        yield rest
