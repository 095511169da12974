"""Texts with a class each, from a table or from folders, cut or filled up to one length."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.console import say
from jaxflow.data.dataset import ArraySplit, Dataset, Feature, Schema, Target, checked
from jaxflow.data.files import find_files, none_found
from jaxflow.data.folder_assign import assign
from jaxflow.data.folder_layout import find_labelled
from jaxflow.data.labelled_folder import check_classes, check_there
from jaxflow.data.splitting import HoldOut, KFold
from jaxflow.data.text_files import TABLES, TEXTS, digest_of, numbered, read_rows, read_text
from jaxflow.data.tokens import BPE, END, Bytes, Characters, encode, vocabulary
from jaxflow.errors import UserError


@dataclass(frozen=True)
class LabelledText:
    """The rows of a .csv, .tsv or .jsonl file, or .txt files in a folder for each class, as tokens.

    A folder may hold train, validation and test folders of such. What is longer than `length` is cut, what is shorter
    is filled up with the end token. The tokenizer is fitted to the training split alone.
    """

    path: str = field(metadata={"identity": False})
    """The table, or the folder."""
    text: str = "text"
    """Column of a table that holds the texts."""
    label: str = "label"
    """Column of a table that holds the classes. Rows without one are left out, and counted."""
    tokens: Characters | Bytes | BPE = Characters()
    """What is a token."""
    length: int = 256
    """Tokens of an example."""
    split: HoldOut | KFold = HoldOut()
    """Who is held out: by the file's path, or by what a row's text is, so that equal rows stay together. A folder's own
    splits are kept."""
    origin: str | None = field(default=None, metadata={"identity": False})
    """Where the texts can be had, said where they are missing."""

    def __post_init__(self) -> None:
        if self.length < 1:
            raise UserError(f"data.length is {self.length}; it must be 1 or more")

    def load(self) -> Dataset:
        """Reads, splits and tokenizes the texts.

        Returns:
          The dataset: inputs (examples, length); `encoding` holds the fitted tokenizer, and `left_out` counts empty
          texts and rows without a class.

        Raises:
          UserError: the texts or their classes make no dataset; file and line are named.
        """
        path = Path(self.path).expanduser()
        check_there(path, self.origin)
        is_table = path.suffix.lower() in TABLES and not path.is_dir()
        found = self._rows(path) if is_table else _files(path)
        left_out = {
            "empty texts": sum(not text.strip() for _, text, _, _ in found),
            "no class": sum(bool(text.strip()) and not label for _, text, label, _ in found),
        }
        found = [example for example in found if example[1].strip() and example[2]]
        if not found:
            raise UserError(f"{path} holds no text with a class; name another: --data.path=PATH")
        keys, texts, labels, official = zip(*found)
        names = sorted(set(labels))
        if len(names) == 1:
            raise UserError(f"all {len(labels)} texts of {path} are of one class, {names[0]!r}")
        targets = np.array([names.index(label) for label in labels], np.int32)
        parts = assign(self.split, keys, official, path, targets)
        check_classes(path, TEXTS.plural, names, targets, parts["train"])
        encoding = self.tokens.fit(texts[index] for index in parts["train"])
        tokens = len(vocabulary(encoding))
        feature = Feature("tokens", (self.length,), np.min_scalar_type(-tokens).name, categories=(tokens,))
        everything = ArraySplit(fill(encoding, texts, feature), targets, numbered(keys))
        splits = {name: everything.take(chosen) for name, chosen in parts.items()}
        left_out = {reason: count for reason, count in left_out.items() if count}
        if left_out:
            say("left out: " + ", ".join(f"{count} ({reason})" for reason, count in left_out.items()))
        schema = Schema(feature, Target("class", tuple(names)))
        return checked(Dataset(splits, schema, left_out, {"tokens": encoding, "text": self.text}))

    def _rows(self, path: Path) -> list[tuple[str, str, str, None]]:
        rows = read_rows(path, (self.text, self.label))
        return [(digest_of(text), text, label.strip(), None) for _, (text, label) in rows]


def _files(path: Path) -> list[tuple[str, str, str, str | None]]:
    files = find_labelled(path, TEXTS, None)
    return [(file.path, "".join(read_text(path / file.path)), file.label, file.split) for file in files]


def fill(encoding: Mapping[str, Any], texts: Iterable[str], feature: Feature) -> np.ndarray:
    """Encodes texts, cut or filled up with END to one length: (texts, length) of the feature's dtype."""
    rows = []
    for text in texts:
        row = np.full(feature.shape, END, feature.dtype)
        ids = encode(encoding, text)[: len(row)]
        row[: len(ids)] = ids
        rows.append(row)
    return np.stack(rows)


def encode_texts(encoding: Mapping[str, Any], path: Path, feature: Feature) -> tuple[np.ndarray, Sequence[str]]:
    """Reads new texts as a model takes them.

    Args:
      encoding: as `Dataset.encoding` of the texts that it was trained on.
      path: a table with the same column of texts, a folder of .txt files, or a text file, each line of which is a text.
      feature: what the model takes.

    Returns:
      (texts, length) of the feature's dtype, and a name for each text: its file's path, or the number of its row or
      line, from 0.

    Raises:
      UserError: there are no texts, or not what they must be.
    """
    if path.is_dir():
        names = find_files(path, TEXTS)
        if not names:
            raise none_found(path, TEXTS)
        return fill(encoding["tokens"], ("".join(read_text(path / name)) for name in names), feature), names
    if path.suffix.lower() in TABLES:
        texts = [text for _, (text,) in read_rows(path, (encoding["text"],))]
    else:
        texts = "".join(read_text(path)).splitlines()
    if not texts:
        raise UserError(f"{path} holds no text")
    return fill(encoding["tokens"], texts, feature), list(map(str, range(len(texts))))
