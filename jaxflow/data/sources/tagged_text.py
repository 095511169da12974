"""Sentences with a tag at each token, in columns as CoNLL's shared tasks have them."""

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jaxflow.console import track
from jaxflow.data.checks import report_unlearned, validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.folders.labelled import require_folder
from jaxflow.data.folders.splits import assign_splits
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut
from jaxflow.data.splitting.keys import make_unique
from jaxflow.data.splitting.written import count_unassigned
from jaxflow.data.tables.raw.several_files import files_by_split
from jaxflow.data.texts.encode import SentenceEncoding, padded
from jaxflow.data.texts.read import text_digest
from jaxflow.data.texts.sentences import Column, Sentence, SentenceColumns, check_sentences, read_sentences
from jaxflow.data.texts.tokenizers import END, UNKNOWN
from jaxflow.data.texts.words import Words
from jaxflow.errors import UserError, listed, perhaps
from jaxflow.ranges import Count, check_ranges
from jaxflow.schema import IGNORE, Feature, Schema, Target

logger = logging.getLogger("jaxflow")


@dataclass(frozen=True)
class TaggedText:
    """Sentences of a text file with a token and its tag on each line and a blank line after each (CoNLL, CoNLL-U).

    Tokens that training holds too seldom are the unknown token. Sentences longer than `length` are cut, and counted.
    """

    path: str = field(metadata={"identity": False})
    """The file."""
    token: Column = None
    """Column of the tokens: its number, counted from 1, or from the end by -1; or its name, where the file names its
    columns (CoNLL-U). None for the first, of CoNLL-U FORM."""
    tag: Column = None
    """Column of the tags, likewise; None for the last, of CoNLL-U UPOS."""
    delimiter: str | None = None
    """What separates the columns; None for tabs where the first line has some, and else spaces."""
    encoding: str | None = None
    """How characters are encoded, for example cp1252; None for UTF-8, or what the beginning of a file says."""
    tokens: Words = Words()
    """Which tokens are known."""
    length: Count = 128
    """Tokens of an example."""
    split: HoldOut | KFold = HoldOut()
    """How sentences are held out: by their tokens, so that equal sentences are kept together."""
    validation: str | None = field(default=None, metadata={"identity": False})
    """File with the sentences of the validation split; None where `split` takes them out of `path`."""
    test: str | None = field(default=None, metadata={"identity": False})
    """File with the sentences of the test split, likewise."""
    download_hint: str | None = field(default=None, metadata={"identity": False})
    """Where the sentences can be had, said where they are missing."""

    def __post_init__(self) -> None:
        check_ranges(self)
        _ = self.columns  # checks its fields

    @property
    def columns(self) -> SentenceColumns:
        """Where a file has its tokens and tags."""
        return SentenceColumns(self.token, self.tag, self.delimiter, self.encoding)

    def load(self) -> Dataset:
        """Reads, splits and encodes the sentences.

        Returns:
          The dataset: tokens (examples, length), END after the last, and tags (examples, length), IGNORE where there is
          none; `input_encoding` holds the fitted words. Tags are those of all splits.

        Raises:
          UserError: a file, or a line of it, is no such text; it is named.
        """
        path = Path(os.path.expanduser(self.path))
        require_folder(path, self.download_hint)
        files = files_by_split({"train": self.path, "validation": self.validation, "test": self.test})
        found = {split: self._read(file) for split, file in files.items()}
        sentences = [sentence for part in found.values() for sentence in part]
        official = [split if len(found) > 1 else None for split, part in found.items() for _ in part]
        keys = [text_digest(" ".join(sentence.tokens)) for sentence in sentences]
        names = tuple(sorted({tag for sentence in sentences for tag in sentence.tags if tag is not None}))
        if len(names) < 2:
            told = f"have the tag {names[0]!r}" if names else "are without a tag"
            raise UserError(f"all tokens of {path} {told}; there is nothing to predict: data.tag names the column")
        parts, by = assign_splits(self.split, keys, official, path)
        tokenizer = self.tokens.fit(sentences[index].tokens for index in parts["train"])
        words = len(tokenizer.vocabulary)
        feature = Feature("tokens", (self.length,), np.min_scalar_type(-words).name, vocab_size=words)
        target = Target("class", names, dense_shape=(self.length,))
        rows = [tokenizer.encode_words(sentence.tokens) for sentence in sentences]
        inputs = np.stack([padded(row, END, self.length, feature.dtype) for row in rows])
        index_of: dict[str | None, int] = {None: IGNORE} | {name: index for index, name in enumerate(names)}
        indices = (np.array([index_of[tag] for tag in sentence.tags]) for sentence in sentences)
        targets = np.stack([padded(row, IGNORE, self.length, target.dtype) for row in indices])
        _report_sentences(path, sentences, targets, names, rows, parts)
        self._report_cut(path, sentences)
        lines = np.array([sentence.line for sentence in sentences])
        everything = ArraySplit(inputs, targets, make_unique(keys), lines)
        splits = {name: everything.take(chosen) for name, chosen in parts.items()}
        encoding = SentenceEncoding(tokenizer, self.columns)
        excluded = count_unassigned(parts, len(keys))
        return validate(Dataset(splits, Schema(feature, target), excluded, encoding, written_in=by.written_in or None))

    def _read(self, file: Path) -> list[Sentence]:
        """Reads the sentences of a file; raises UserError if it holds none, or one that cannot be divided."""
        if not file.exists():
            raise UserError(f"no sentences at {file}; data.path takes a file in columns{perhaps(file)}")
        check_sentences(file, self.columns)
        sentences = list(track(read_sentences(file, self.columns), f"read {file.name}"))
        if not sentences:
            raise UserError(f"{file} holds no token with a tag; name another file: --data.path=PATH")
        if len(sentences) == 1 and len(sentences[0].tokens) > self.length:
            count = len(sentences[0].tokens)
            raise UserError(f"{file} holds one sentence of {count:,} tokens; a blank line ends a sentence: add them")
        return sentences

    def _report_cut(self, path: Path, sentences: Sequence[Sentence]) -> None:
        """Logs how many sentences are cut, and how many tokens that loses."""
        cut = [len(sentence.tokens) for sentence in sentences if len(sentence.tokens) > self.length]
        if cut:
            logger.warning(
                f"{path}: {len(cut):,} sentences have more than {self.length} tokens, {max(cut):,} at most; "
                f"{sum(cut) - self.length * len(cut):,} tokens beyond are neither learned nor measured: data.length"
            )


def _report_sentences(
    path: Path,
    sentences: Sequence[Sentence],
    targets: np.ndarray,
    names: tuple[str, ...],
    rows: Sequence[np.ndarray],
    parts: Mapping[str, np.ndarray],
) -> None:
    """Logs what there is, how much of it is unknown, and which tags no model can learn.

    Args:
      path: what the sentences come from.
      sentences: all of them.
      targets: (sentences, length) tags.
      names: of the tags.
      rows: of each sentence its encoded tokens.
      parts: the sentences of each split.
    """
    counts = Counter(tag for sentence in sentences for tag in sentence.tags if tag is not None)
    by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    most = listed((f"{name} {count:,}" for name, count in by_count), 10)
    tokens = sum(len(sentence.tokens) for sentence in sentences)
    logger.info(f"{path}: {len(sentences):,} sentences of {tokens:,} tokens with {len(names)} tags ({most})")
    words = {split: np.concatenate([rows[index] for index in chosen]) for split, chosen in parts.items()}
    counts_by_split = ", ".join(f"{split} {len(chosen):,}" for split, chosen in parts.items())
    unknown = ", ".join(f"{split} {(tokens == UNKNOWN).mean():.1%}" for split, tokens in words.items())
    logger.info(f"{path}: {counts_by_split}; unknown tokens: {unknown}")
    report_unlearned(names, targets, parts)
