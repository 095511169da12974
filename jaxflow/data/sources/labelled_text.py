"""Texts with a class each, from a table or from folders, truncated or padded to one length."""

import dataclasses
import itertools
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxflow.console import track
from jaxflow.data.checks import check_classes, report_untested, validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.folders.labelled import require_folder
from jaxflow.data.folders.labels import report_classes
from jaxflow.data.folders.layout import LabelledFile, find_labelled
from jaxflow.data.folders.split_folders import Folders
from jaxflow.data.folders.splits import assign_splits
from jaxflow.data.reading.category_names import MISSING, category_names
from jaxflow.data.reading.text.dialect import Dialect
from jaxflow.data.reading.text.files import check_rows, readable
from jaxflow.data.reading.text.rows import find_dialect, read_rows
from jaxflow.data.splitting.advice import advise_on_rare_class
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut, as_rule
from jaxflow.data.splitting.keys import make_unique
from jaxflow.data.splitting.written import count_unassigned
from jaxflow.data.storage.cache import cache_key
from jaxflow.data.storage.mapped import cached_dataset, mapped_split, new_array
from jaxflow.data.tables.raw.several_files import files_by_split
from jaxflow.data.targets import doubt_labels
from jaxflow.data.texts.encode import TextEncoding, pad_or_truncate
from jaxflow.data.texts.read import TABLES, TEXTS, is_table, read_text, text_digest
from jaxflow.data.texts.tokenizers import BPE, Bytes, Characters
from jaxflow.data.texts.words import Words
from jaxflow.errors import UserError, listed, perhaps
from jaxflow.ranges import Count, check_ranges
from jaxflow.schema import Feature, Schema, Target

logger = logging.getLogger("jaxflow")

# Changes with the way in which the cache holds encoded texts.
CACHE_VERSION = 4


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
    delimiter: str | None = None
    """What separates the columns of a .csv or .tsv file; None finds it."""
    quotes: bool = True
    """Whether quotes around a cell are no part of it; False takes them for letters, and each line for a row."""
    encoding: str | None = None
    """How characters are encoded, for example cp1252; None for UTF-8, or what the beginning of a file says."""
    tokens: Characters | Bytes | BPE | Words = Characters()
    """What is a token."""
    length: Count = 256
    """Tokens of an example."""
    split: HoldOut | KFold | str = HoldOut()
    """How texts are held out: by the file's path, or by a row's text, so that equal rows are kept together; or the
    column of a table that says so. Official splits of a folder are kept."""
    validation: str | None = field(default=None, metadata={"identity": False})
    """Table with the texts of the validation split; None where `split` takes them out of `path`."""
    test: str | None = field(default=None, metadata={"identity": False})
    """Table with the texts of the test split, likewise."""
    download_hint: str | None = field(default=None, metadata={"identity": False})
    """Where the texts can be had, said where they are missing."""
    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether the tokens are kept in memory. With False they are read from the cache's disk batch by batch, for texts
    larger than memory; the batches are the same."""
    follow_links: bool = field(default=False, metadata={"identity": False})
    """Whether symbolic links in a folder are followed, here and in `predict`; they may lead out of it."""
    folders: Folders = "auto"
    """What the folders in a folder are: classes, or splits (train, test) that hold the classes; auto infers it from
    their names and from what they hold, and asks where they may be either."""

    def __post_init__(self) -> None:
        check_ranges(self)
        _ = self.dialect  # checks its fields
        if (
            len(self._columns) < 2
            or self._columns[self.text] != "data.text"
            or self._columns[self.label] != "data.label"
        ):
            raise UserError(
                f"data.text, data.label and data.split name one column twice: {listed(self._columns)}; name others"
            )

    @property
    def dialect(self) -> Dialect:
        """How the files are written, as far as it is said."""
        return Dialect(self.delimiter, self.quotes, self.encoding)

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
            raise UserError(
                f"no texts at {path}; data.path takes a folder of .txt files, or {', '.join(TABLES)}"
                f"{perhaps(path, Path.exists)}"
            )
        if path.is_file() and not is_table(path):
            with readable(path, self.encoding):
                check_rows(path, self.encoding)
            raise UserError(
                f"{path} is no table of texts; data.path takes {', '.join(TABLES)}, or a folder of .txt files"
            )
        if not is_table(path) and (self.validation or self.test):
            raise UserError(
                f"data.validation and data.test name tables, and {path} is none; put all splits into folders"
            )
        files = [] if is_table(path) else find_labelled(path, TEXTS, None, self.folders, self.follow_links)
        if self.in_memory:
            dataset = self._encoded(path, files)
        else:
            dataset = cached_dataset(self._key(path, files), lambda: self._encoded(path, files))
        if dataset.excluded:
            logger.info("left out: " + ", ".join(f"{count} ({reason})" for reason, count in dataset.excluded.items()))
        return validate(dataset)

    def _key(self, path: Path, files: Sequence[LabelledFile]) -> str:
        """Computes the cache's key of the files and what they become: a changed file is read anew."""
        others = [self.validation, self.test, getattr(self.split, "table", None)]
        names = [file.path for file in files] or ["."]
        names += [os.path.abspath(os.path.expanduser(other)) for other in others if other]
        how = dataclasses.replace(self, path="", download_hint=None, in_memory=True)
        return cache_key(path, (CACHE_VERSION, how), names)

    def _encoded(self, path: Path, files: Sequence[LabelledFile]) -> Dataset:
        """Reads the texts three times: to know their classes, to fit the tokenizer, and to encode them."""
        excluded, keys, labels, official, cells, lines = Counter(), [], [], [], [], []
        dialects = {} if files else self._dialects(path)
        for example in track(self._examples(path, files, dialects), f"read {path.name}"):
            if reason := example.wrong:
                excluded[reason] += 1
            else:
                keys.append(example.key)
                labels.append(sys.intern(example.label))
                official.append(example.split)
                cells.append(example.cell)
                lines.append(example.line)
        if not keys:
            raise UserError(f"{path} holds no text with a class; name another: --data.path=PATH")
        name_of = category_names(set(labels), str(path)) if not files else {label: label for label in labels}
        labels = [name_of[label] for label in labels]
        if not files:
            doubt_labels(f"column {self.label} of {path}", labels, "name a column of classes: data.label")
        names = sorted(set(labels))
        if len(names) == 1:
            raise UserError(f"all {len(labels)} texts of {path} are of one class, {names[0]!r}")
        index_of = {name: index for index, name in enumerate(names)}
        targets = np.array([index_of[label] for label in labels], np.int32)
        column = None if files else lambda _: cells
        parts, by = assign_splits(self.split, keys, official, path, targets, column=column)
        excluded |= Counter(count_unassigned(parts, len(keys)))
        report_classes(path, TEXTS.plural, names, targets)
        report_untested(names, targets, parts, by.written_in)
        check_classes(names, targets, parts, str(path), TEXTS.plural, advise_on_rare_class(as_rule(self.split), by))

        def texts() -> Iterator[str]:
            return (example.text for example in self._examples(path, files, dialects) if not example.wrong)

        train = np.zeros(len(keys), bool)
        train[parts["train"]] = True
        tokenizer = self.tokens.fit(itertools.compress(texts(), train))
        tokens = len(tokenizer.vocabulary)
        feature = Feature("tokens", (self.length,), np.min_scalar_type(-tokens).name, vocab_size=tokens)
        inputs = new_array((len(keys), self.length), feature.dtype, self.in_memory)
        for row, text in zip(inputs, track(texts(), f"encode {path.name}", len(keys))):
            row[:] = pad_or_truncate(tokenizer, text, feature)
        everything = (ArraySplit if self.in_memory else mapped_split)(
            inputs, targets, make_unique(keys), None if files else np.array(lines)
        )
        splits = {name: everything.take(chosen) for name, chosen in parts.items()}
        schema = Schema(feature, Target("class", tuple(names)))
        encoding = TextEncoding(tokenizer, self.text, self.dialect)
        return Dataset(splits, schema, dict(excluded), encoding, written_in=by.written_in or None)

    def _examples(
        self, path: Path, files: Sequence[LabelledFile], dialects: Mapping[str, tuple[Path, Dialect]]
    ) -> Iterator["_Example"]:
        """Reads the texts of the files or of a table one after the other, those that are left out too."""
        for file in files:
            text = "".join(read_text(path / file.path, self.encoding))
            yield _Example(file.path, text, file.label, file.split)
        for split, (table, dialect) in dialects.items():
            for line, (text, label, *cell) in read_rows(table, self._columns, dialect):
                of, label = split if len(dialects) > 1 else None, label.strip()
                missing = f"no class: {label!r}" if label and label in MISSING else "no class" if not label else ""
                yield _Example(text_digest(text), text, label, of, cell[0] if cell else None, line, missing)

    @property
    def _columns(self) -> dict[str, str]:
        """The columns of a table that are read, and the setting that names each."""
        rule = as_rule(self.split)
        named = isinstance(rule, HoldOut | KFold) and rule.column and not rule.table
        of_split = {rule.column: "data.split"} if named else {}
        return {self.text: "data.text", self.label: "data.label"} | of_split

    def _dialects(self, path: Path) -> dict[str, tuple[Path, Dialect]]:
        """Returns the tables by split, and how each is written."""
        tables = {"train": str(path), "validation": self.validation, "test": self.test}
        paths = files_by_split(tables)
        return {
            split: (table, find_dialect(table, tuple(self._columns), self.dialect)) for split, table in paths.items()
        }


class _Example(NamedTuple):
    """A text, its class, its split by folder or file, what a column says of it, its line, and why it has no class."""

    key: str
    text: str
    label: str
    split: str | None = None
    cell: str | None = None
    line: int = 0
    missing: str = ""

    @property
    def wrong(self) -> str | None:
        """Reason why it is left out; None where it is not."""
        return "empty texts" if not self.text.strip() else self.missing or None
