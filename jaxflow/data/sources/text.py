"""Text for language models: windows of tokens, and the tokens that follow."""

import dataclasses
import io
import itertools
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import IO, Literal

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.reading.text.dialect import Dialect
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut, as_rule
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.splitting.time_split import TimeSplit
from jaxflow.data.splitting.written import check_evaluation, splits_named
from jaxflow.data.storage.cache import cache_key, cached_arrays
from jaxflow.data.storage.mapped import new_file, require_mapped
from jaxflow.data.texts.encode import TextEncoding
from jaxflow.data.texts.read import Documents, find_documents, text_paths
from jaxflow.data.texts.tokenizers import BPE, Bytes, Characters
from jaxflow.data.texts.windows import WindowSplit, write_windows
from jaxflow.data.written_splits import add_written
from jaxflow.errors import UserError, listed, perhaps
from jaxflow.ranges import Count, check_ranges
from jaxflow.schema import Feature, Schema, Target
from jaxflow.serialization import from_json, to_json

logger = logging.getLogger("jaxflow")

# Changes with the way in which the cache holds tokens.
CACHE_VERSION = 4
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Text:
    """A text file, a folder of .txt files, or a table with a text in each row, divided into windows of tokens.

    One text is split in order, the last part for the test, and no window spans two splits. Several are split by their
    names. The tokenizer is fitted to the training split alone.
    """

    path: str = field(metadata={"identity": False})
    """The text file, the folder, or the .csv, .tsv or .jsonl file."""
    tokens: Characters | Bytes | BPE = Characters()
    """What is a token."""
    length: Count = 128
    """Tokens of a window."""
    stride: Count | None = None
    """Tokens from the start of one window to the start of the next; None for `length`, so that each token is predicted
    once. With fewer, windows overlap."""
    documents: Literal["pack", "pad"] = "pack"
    """pack joins all documents, with an end token between them, and divides the whole into windows; pad divides each
    document by itself, and pads its last window with positions that are ignored."""
    column: str = "text"
    """Column of a table that holds the texts."""
    delimiter: str | None = None
    """What separates the columns of a .csv or .tsv file; None finds it."""
    quotes: bool = True
    """Whether quotes around a cell are no part of it; False takes them for letters, and each line for a row."""
    encoding: str | None = None
    """How characters are encoded, for example cp1252; None for UTF-8, or what the beginning of a file says."""
    split: HoldOut | TimeSplit | KFold | None = None
    """How texts are held out; None for TimeSplit() of one text and HoldOut() of several. Texts of a folder that all lie
    in train, validation and test folders, or are files of these names, stay there."""
    download_hint: str | None = field(default=None, metadata={"identity": False})
    """Where the text can be had, said where it is missing."""
    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether the tokens are kept in memory. With False they are read from the cache's disk window by window, for texts
    larger than memory; the batches are the same."""
    follow_links: bool = field(default=False, metadata={"identity": False})
    """Whether symbolic links in a folder are followed, here and in `predict`; they may lead out of it."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.stride is not None and not 1 <= self.stride <= self.length:
            raise UserError(f"data.stride is {self.stride}; it must be in 1..{self.length}, or tokens are left out")
        if self.documents not in ("pack", "pad"):
            raise UserError(f"data.documents is {self.documents!r}; it is 'pack' or 'pad'")
        _ = self.dialect  # checks its fields

    @property
    def dialect(self) -> Dialect:
        """How the files are written, as far as it is said."""
        return Dialect(self.delimiter, self.quotes, self.encoding)

    def load(self) -> Dataset:
        """Reads, splits and tokenizes the texts; a window is named by its document and its position in it.

        Returns:
          The dataset: inputs (examples, length) and the next tokens, IGNORE past the end of a document;
          `input_encoding` holds the fitted tokenizer, and `excluded` counts empty documents and what is in no split.

        Raises:
          UserError: there is no text, or not what it must be; file and line are named.
        """
        path = Path(os.path.expanduser(self.path))
        if self.download_hint and not path.exists():
            told = f"data.path {path} is not there{perhaps(path)}; {self.download_hint}"
            raise UserError(f"{told}, or name another text: --data.path=PATH")
        files = text_paths(path, self.follow_links)
        arrays = cached_arrays(self._key(path, files), lambda: self._tokenized(path, files), mapped=not self.in_memory)
        if not self.in_memory:
            require_mapped(arrays["train.tokens"])
        tokenizer = from_json(json.loads(str(arrays["tokenizer"][0])))
        names = tokenizer.vocabulary
        splits, target = {}, Target("class", names, dense_shape=(self.length,))
        for name in SPLITS:
            if f"{name}.tokens" in arrays:
                starts, of, firsts = (np.array(arrays[f"{name}.{key}"]) for key in ("starts", "names", "firsts"))
                splits[name] = WindowSplit(arrays[f"{name}.tokens"], starts, self.length, of, firsts)
        excluded = json.loads(str(arrays["excluded"][0]))
        counts = "  ".join(f"{name} {len(split):,}" for name, split in splits.items())
        dropped = "".join(f"; {count:,} {what} left out" for what, count in excluded.items())
        logger.info(f"{path}: windows of {self.length} tokens ({counts}), vocabulary of {len(names)} tokens{dropped}")
        feature = Feature("tokens", (self.length,), target.dtype, vocab_size=len(names))
        return Dataset(splits, Schema(feature, target), excluded, TextEncoding(tokenizer))

    def _key(self, path: Path, files: Sequence[Path]) -> str:
        """Computes the cache's key of the files and how they are read: a changed file is read anew."""
        names = [str(file.relative_to(path)) for file in files]
        how = dataclasses.replace(self, path="", download_hint=None, in_memory=True)
        table = getattr(self.split, "table", None)
        return cache_key(
            path, (CACHE_VERSION, how), [*names, *([os.path.abspath(os.path.expanduser(table))] if table else [])]
        )

    def _tokenized(self, path: Path, files: Sequence[Path]) -> dict[str, np.ndarray]:
        """Computes what the cache holds: the tokenizer, and the fields of each WindowSplit."""
        documents = find_documents(path, files, self.column, self.dialect)
        parts, unassigned = _divide(self.split, documents, path)
        excluded = ({"empty documents": documents.empty} if documents.empty else {}) | unassigned
        tokenizer = self.tokens.fit(piece for _, piece in parts["train"]())
        dtype = Target("class", tokenizer.vocabulary, dense_shape=(self.length,)).dtype
        how = {"ends": len(documents.names) > 1, "pack": self.documents == "pack"}
        arrays = {"tokenizer": np.array([json.dumps(to_json(tokenizer))]), "excluded": np.array([json.dumps(excluded)])}
        for split, read in parts.items():
            named = (
                (name, (tokenizer.encode(text) for _, text in chunks))
                for name, chunks in itertools.groupby(read(), key=itemgetter(0))
            )
            with io.BytesIO() if self.in_memory else new_file() as file:
                windows = write_windows(named, file, dtype, self.length, self.stride or self.length, **how)
                if not len(windows["starts"]):
                    raise UserError(f"the {split} split of {path} is empty; give more text, or change data.split")
                arrays |= {f"{split}.{key}": array for key, array in windows.items()}
                arrays[f"{split}.tokens"] = _read_back(file, dtype)
        return arrays


def _divide(
    split: HoldOut | TimeSplit | KFold | None, documents: Documents, path: Path
) -> tuple[dict[str, Callable[[], Iterator[tuple[str, str]]]], dict[str, int]]:
    """Assigns texts to splits.

    Args:
      split: how texts are held out; None for the default.
      documents: the texts.
      path: where they are, for messages.

    Returns:
      For each split a function that reads its texts: (name of the document, a chunk of it), in order. And how many
      texts, or characters of one text, are in no split.

    Raises:
      UserError: a split would be empty, or one text is to be split by names.
    """
    names = documents.names
    if len(names) > 1:

        def whole(chosen: set[int]) -> Iterator[tuple[str, str]]:
            return ((names[index], chunk) for index, chunk in documents.read() if index in chosen)

        rule, keys = as_rule(split or HoldOut()), SplitKeys(documents.keys, times=np.arange(len(names)))
        keys = add_written(keys, rule, "this text")
        official = None if keys.written else _official(names, split is None, path)
        if official:
            where = "the names of folders or files"
            keys = dataclasses.replace(keys, written=official, written_in=where)
            logger.info(f"splits by {where}: train {official.count('train'):,} of {len(names):,} texts")
        parts = rule.split(keys)
        unassigned = len(names) - sum(map(len, parts.values()))
        reads = {part: partial(whole, set(parts[part].tolist())) for part in SPLITS if part in parts}
        return reads, {"texts in no split": unassigned} if unassigned else {}
    if not isinstance(split, TimeSplit | None):
        raise UserError(
            f"data.split is {type(split).__name__}, and {names[0]} is one text, which is split in order; use "
            "TimeSplit(validation, test)"
        )
    split, size = split or TimeSplit(), int(documents.sizes[0])
    if split.end is not None or isinstance(split.validation, str) or isinstance(split.test, str):
        raise UserError(f"data.split names a time, and {names[0]} is one text; hold out fractions or characters of it")
    fractions = split.fractions(size)
    whole_size, size = size, round(size * fractions["all"])
    ends = [int(size * (1 - fractions["test"] - fractions["validation"])), int(size * (1 - fractions["test"])), size]

    def section(part: str, first: int, last: int) -> Iterator[tuple[str, str]]:
        end = 0
        for _, chunk in documents.read():
            begin, end = end, end + len(chunk)
            if max(first, begin) < min(last, end):
                yield f"{names[0]} {part}", chunk[max(first - begin, 0) : last - begin]

    bounds = zip(SPLITS, [0, *ends], ends)
    reads = {part: partial(section, part, *bound) for part, *bound in bounds if getattr(split, part) != 0}
    return reads, {"characters in no split": whole_size - size} if size < whole_size else {}


def _official(names: Sequence[str], must: bool, path: Path) -> list[str] | None:
    """Returns the split that each text's folder, or its file, is named after; None where that holds not for all.

    Args:
      names: of the texts.
      must: whether it has to hold for all where some are named after train and another split, since nothing else says
        how texts are split.
      path: where they are, for messages.

    Raises:
      UserError: it has to, and does not.
    """
    tops = [name.partition("/")[0] if "/" in name else name.rpartition(".")[0] for name in names]
    found = splits_named(tops)
    outside = [name for name, top in zip(names, tops) if top not in found]
    if outside and "train" in found.values() and len(set(found.values())) > 1:
        what = f"{path}: {listed(sorted(found), 5)} are splits by name, and {len(outside):,} texts lie in none of them"
        if must:
            raise UserError(
                f"{what}, the first {outside[0]}; put each into one, remove it, or split all by their names: "
                "data.split=HoldOut() (--data.split=HoldOut)"
            )
        logger.warning(f"{what}: all texts are split by data.split alone")
    if not outside:
        check_evaluation(found, f"the folders or files of {path}")
    return None if outside or "train" not in found.values() else [found[top] for top in tops]


def _read_back(file: IO[bytes], dtype: str) -> np.ndarray:
    if isinstance(file, io.BytesIO):
        return np.frombuffer(file.getvalue(), dtype)
    file.flush()
    return np.memmap(file, dtype, mode="r")  # remains when the file is closed
