"""Texts become rows of tokens, as fitted to the training texts."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxflow.data.reading.formats import find_files, none_found
from jaxflow.data.texts.read import TABLES, TEXTS, read_rows, read_text
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
    """

    tokenizer: Tokenizer
    column: str | None = None


def pad_or_truncate(tokenizer: Tokenizer, text: str, feature: Feature) -> np.ndarray:
    """Encodes a text, truncated or padded with END to one length: (length,) of the feature's dtype."""
    row = np.full(feature.shape, END, feature.dtype)
    ids = tokenizer.encode(text)[: len(row)]
    row[: len(ids)] = ids
    return row


def encode_texts(encoding: TextEncoding, path: Path, feature: Feature) -> tuple[np.ndarray, Sequence[str]]:
    """Reads new texts as a model takes them.

    Args:
      encoding: as fitted to the texts that the model was trained on, with a column.
      path: a table with the same column of texts, a folder of .txt files, or a text file, each line of which is a text.
      feature: what the model takes.

    Returns:
      (texts, length) of the feature's dtype, and an id for each text: its file's path, or the index of its row or
      line, from 0.

    Raises:
      UserError: there are no texts, or not what they must be.
    """
    names: Sequence[str] = ()
    if path.is_dir():
        names = find_files(path, TEXTS)
        if not names:
            raise none_found(path, TEXTS)
        texts = ["".join(read_text(path / name)) for name in names]
    elif path.suffix.lower() in TABLES:
        texts = [text for _, (text,) in read_rows(path, (encoding.column,))]
    else:
        texts = io.StringIO("".join(read_text(path)), newline=None).read().removesuffix("\n").split("\n")
    if not any(texts):
        raise UserError(f"{path} holds no text")
    return np.stack([pad_or_truncate(encoding.tokenizer, text, feature) for text in texts]), names or list(
        map(str, range(len(texts)))
    )
