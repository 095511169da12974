"""Texts with a class each, from a table or from folders, truncated or padded to one length."""

import dataclasses
import itertools
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxflow.console import track
from jaxflow.data.checks import check_classes, validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.folders.labelled import report_classes, require_folder
from jaxflow.data.folders.layout import LabelledFile, find_labelled
from jaxflow.data.folders.splits import assign_splits
from jaxflow.data.splitting import HoldOut, KFold, make_unique
from jaxflow.data.storage.cache import cache_key
from jaxflow.data.storage.mapped import cached_dataset, mapped_split, new_array
from jaxflow.data.texts.encode import TextEncoding, pad_or_truncate
from jaxflow.data.texts.read import TABLES, TEXTS, read_rows, read_text, text_digest
from jaxflow.data.texts.tokenizers import BPE, Bytes, Characters
from jaxflow.errors import UserError
from jaxflow.ranges import Count, check_ranges
from jaxflow.schema import Feature, Schema, Target

logger = logging.getLogger("jaxflow")

# Changes with the way in which the cache holds encoded texts.
CACHE_VERSION = 2


@dataclass(frozen=True)
class LabelledText:
    """The rows of a .csv, .tsv or .jsonl file, or .txt files in a folder for each class, as tokens.

    A folder may hold train, validation and test folders of such. Texts longer than `length` are truncated, shorter ones
    padded with the end token. The tokenizer is fitted to the training split alone.
    """

    path: str = field(metadata={"identity": False})
    """The table, or the folder."""
    text: str = "text"
    """Column of a table that holds the texts."""
    label: str = "label"
    """Column of a table that holds the classes. Rows without one are left out, and counted."""
    tokens: Characters | Bytes | BPE = Characters()
    """What is a token."""
    length: Count = 256
    """Tokens of an example."""
    split: HoldOut | KFold = HoldOut()
    """How texts are held out: by the file's path, or by a row's text, so that equal rows are kept together. Official
    splits of a folder are kept."""
    download_hint: str | None = field(default=None, metadata={"identity": False})
    """Where the texts can be had, said where they are missing."""
    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether the tokens are kept in memory. With False they are read from the cache's disk batch by batch, for texts
    larger than memory; the batches are the same."""

    __post_init__ = check_ranges

    def load(self) -> Dataset:
        """Reads, splits and tokenizes the texts.

        Returns:
          The dataset: inputs (examples, length); `input_encoding` holds the fitted tokenizer, and `excluded` counts
          empty texts and rows without a class.

        Raises:
          UserError: the texts or their classes make no dataset; file and line are named.
        """
        path = Path(os.path.expanduser(self.path))
        require_folder(path, self.download_hint)
        if not path.exists():
            raise UserError(f"no texts at {path}; data.path takes a folder of .txt files, or {', '.join(TABLES)}")
        is_table = path.suffix.lower() in TABLES and not path.is_dir()
        files = [] if is_table else find_labelled(path, TEXTS, None)
        if self.in_memory:
            dataset = self._encoded(path, files)
        else:
            dataset = cached_dataset(self._key(path, files), lambda: self._encoded(path, files))
        if dataset.excluded:
            logger.info("left out: " + ", ".join(f"{count} ({reason})" for reason, count in dataset.excluded.items()))
        return validate(dataset)

    def _key(self, path: Path, files: Sequence[LabelledFile]) -> str:
        """Computes the cache's key of the files and what they become: a changed file is read anew."""
        names = [file.path for file in files] or ["."]
        how = dataclasses.replace(self, path="", download_hint=None, in_memory=True)
        return cache_key(path, (CACHE_VERSION, how), names)

    def _encoded(self, path: Path, files: Sequence[LabelledFile]) -> Dataset:
        """Reads the texts three times: to know their classes, to fit the tokenizer, and to encode them."""
        excluded, keys, labels, official = Counter(), [], [], []
        for example in track(self._examples(path, files), f"read {path.name}"):
            if reason := example.wrong:
                excluded[reason] += 1
            else:
                keys.append(example.key)
                labels.append(sys.intern(example.label))
                official.append(example.split)
        if not keys:
            raise UserError(f"{path} holds no text with a class; name another: --data.path=PATH")
        names = sorted(set(labels))
        if len(names) == 1:
            raise UserError(f"all {len(labels)} texts of {path} are of one class, {names[0]!r}")
        index_of = {name: index for index, name in enumerate(names)}
        targets = np.array([index_of[label] for label in labels], np.int32)
        parts = assign_splits(self.split, keys, official, path, targets)
        report_classes(path, TEXTS.plural, names, targets)
        check_classes(names, targets, parts, str(path), TEXTS.plural)

        def texts() -> Iterator[str]:
            return (example.text for example in self._examples(path, files) if not example.wrong)

        train = np.zeros(len(keys), bool)
        train[parts["train"]] = True
        tokenizer = self.tokens.fit(itertools.compress(texts(), train))
        tokens = len(tokenizer.vocabulary)
        feature = Feature("tokens", (self.length,), np.min_scalar_type(-tokens).name, vocab_size=tokens)
        inputs = new_array((len(keys), self.length), feature.dtype, self.in_memory)
        for row, text in zip(inputs, track(texts(), f"encode {path.name}", len(keys))):
            row[:] = pad_or_truncate(tokenizer, text, feature)
        everything = (ArraySplit if self.in_memory else mapped_split)(inputs, targets, make_unique(keys))
        splits = {name: everything.take(chosen) for name, chosen in parts.items()}
        schema = Schema(feature, Target("class", tuple(names)))
        return Dataset(splits, schema, dict(excluded), TextEncoding(tokenizer, self.text))

    def _examples(self, path: Path, files: Sequence[LabelledFile]) -> Iterator["_Example"]:
        """Reads the texts of the files or of a table one after the other, those that are left out too."""
        for file in files:
            yield _Example(file.path, "".join(read_text(path / file.path)), file.label, file.split)
        if not files:
            for _, (text, label) in read_rows(path, (self.text, self.label)):
                yield _Example(text_digest(text), text, label.strip())


class _Example(NamedTuple):
    """A text, its class, and the split whose folder it lies in; None where there are no such folders."""

    key: str
    text: str
    label: str
    split: str | None = None

    @property
    def wrong(self) -> str | None:
        """Reason why it is left out; None where it is not."""
        return "empty texts" if not self.text.strip() else None if self.label else "no class"
