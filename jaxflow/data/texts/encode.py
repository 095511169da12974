"""Texts become rows of tokens, as fitted to the training texts."""

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxflow.data.reading.dialect import Dialect
from jaxflow.data.reading.formats import find_files, none_found
from jaxflow.data.reading.rows import find_dialect, read_rows
from jaxflow.data.texts.read import TEXTS, is_table, read_text
from jaxflow.data.texts.tokenizers import END, Tokenizer
from jaxflow.errors import UserError
from jaxflow.schema import Feature


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
    encoding: TextEncoding, path: Path, feature: Feature, rows: int
) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Reads new texts as a model takes them, some at a time.

    Args:
      encoding: as fitted to the texts that the model was trained on, with a column.
      path: a table with the same column of texts, a folder of .txt files, or a text file, each line of which is a text.
      feature: what the model takes.
      rows: texts that are read at once.

    Yields:
      (texts, length) of the feature's dtype, and an id for each text: its file's path, or the index of its row or
      line, from 0.

    Raises:
      UserError: there are no texts, or not what they must be.
    """
    named, written = _named_texts(encoding, path), False
    while block := list(itertools.islice(named, rows)):
        written |= any(text for _, text in block)
        yield (
            np.stack([pad_or_truncate(encoding.tokenizer, text, feature) for _, text in block]),
            [name for name, _ in block],
        )
    if not written:
        raise UserError(f"{path} holds no text")


def _named_texts(encoding: TextEncoding, path: Path) -> Iterator[tuple[str, str]]:
    """Yields the name of each text, and the text."""
    if path.is_dir():
        names = find_files(path, TEXTS)
        if not names:
            raise none_found(path, TEXTS)
        yield from ((name, "".join(read_text(path / name, encoding.dialect.encoding))) for name in names)
    elif is_table(path):
        columns = (encoding.column or "",)
        rows = read_rows(path, columns, find_dialect(path, columns, encoding.dialect))
        yield from ((str(number), text) for number, (_, (text,)) in enumerate(rows))
    else:
        lines = (
            io.StringIO("".join(read_text(path, encoding.dialect.encoding)), newline=None)
            .read()
            .removesuffix("\n")
            .split("\n")
        )
        yield from ((str(number), line) for number, line in enumerate(lines))
