"""Texts become rows of tokens, as fitted to the training texts."""

import itertools
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxflow.data.reading.find import find_files
from jaxflow.data.reading.text.dialect import Dialect
from jaxflow.data.reading.text.files import table_suffix
from jaxflow.data.reading.text.rows import find_dialect, read_rows
from jaxflow.data.texts.read import TEXTS, is_table, read_text
from jaxflow.data.texts.sentences import Sentence, SentenceColumns, check_sentences, read_sentences
from jaxflow.data.texts.tokenizers import END, Tokenizer
from jaxflow.data.texts.unknown import UnknownPieces
from jaxflow.data.texts.words import WordTokenizer, words_of
from jaxflow.errors import UserError
from jaxflow.schema import Feature

logger = logging.getLogger("jaxflow")

END_OF_LINE = re.compile("\r\n|\r|\n")
BETWEEN_WORDS = re.compile("[ \t]+")


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


@dataclass(frozen=True)
class SentenceEncoding:
    """How sentences in columns become tokens, as fitted to the training sentences.

    Attributes:
      tokenizer: what encodes their words.
      columns: where a file has them.
    """

    tokenizer: WordTokenizer
    columns: SentenceColumns


def pad_or_truncate(tokenizer: Tokenizer, text: str, feature: Feature) -> np.ndarray:
    """Encodes a text, truncated or padded with END to one length: (length,) of the feature's dtype."""
    return padded(tokenizer.encode(text), END, feature.shape[0], feature.dtype)


def padded(values: np.ndarray, value: int, length: int, dtype: str) -> np.ndarray:
    """Returns values truncated, or padded with a value, to one length: (length,) of a dtype."""
    row = np.full(length, value, dtype)
    row[: len(values)] = values[:length]
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
      (texts, length) of the feature's dtype, and an id for each text: its file's path, or the line where it begins.

    Raises:
      UserError: there are no texts, or not what they must be.
    """
    named, written = _named_texts(encoding, path, follow_links, bad), False
    unknown, length = UnknownPieces(encoding.tokenizer), feature.shape[0]
    while block := list(itertools.islice(named, rows)):
        written |= any(text for _, text in block)
        encoded = [encoding.tokenizer.encode(text)[:length] for _, text in block]
        for (_, text), ids in zip(block, encoded):
            unknown.add(words_of(text) if isinstance(encoding.tokenizer, WordTokenizer) else text, ids)
        yield np.stack([padded(ids, END, length, feature.dtype) for ids in encoded]), [name for name, _ in block]
    unknown.say(str(path))
    if not written and not bad:
        raise UserError(f"{path} holds no text")


def encode_sentences(
    encoding: SentenceEncoding, path: Path, feature: Feature, rows: int, bad: list[str] | None = None
) -> Iterator[tuple[np.ndarray, list[str], list[tuple[str, ...]]]]:
    """Reads new sentences as a model takes them, some at a time.

    Args:
      encoding: as fitted to the sentences that the model was trained on.
      path: a .txt file with a sentence on each line, its tokens divided by spaces; or a file in columns as those of
        training, with tags or without.
      feature: what the model takes.
      rows: sentences that are read at once.
      bad: gets what is wrong with each sentence that is too long, which is left out; None raises it instead.

    Yields:
      (sentences, length) of the feature's dtype, an id for each sentence, the line where it begins, and its tokens.

    Raises:
      UserError: there are no sentences, or one is longer than the model takes.
    """
    length, found = feature.shape[0], 0

    def fitting() -> Iterator[Sentence]:
        nonlocal found
        for sentence in _new_sentences(encoding, path):
            found += 1
            if len(sentence.tokens) <= length:
                yield sentence
                continue
            wrong = f"{path}, line {sentence.line}: the sentence has {len(sentence.tokens)} tokens, and the model takes"
            if bad is None:
                raise UserError(f"{wrong} {length}; divide it, or leave it out: --bad skip")
            bad.append(f"{wrong} {length}")

    sentences, unknown = fitting(), UnknownPieces(encoding.tokenizer)
    while block := list(itertools.islice(sentences, rows)):
        words = [encoding.tokenizer.encode_words(sentence.tokens) for sentence in block]
        for sentence, ids in zip(block, words):
            unknown.add(sentence.tokens, ids)
        inputs = np.stack([padded(row, END, length, feature.dtype) for row in words])
        yield inputs, [f"line {sentence.line}" for sentence in block], [sentence.tokens for sentence in block]
    if not found:
        raise UserError(f"{path} holds no sentence")
    unknown.say(str(path))


def _new_sentences(encoding: SentenceEncoding, path: Path) -> Iterator[Sentence]:
    """Yields the sentences of a file without tags: one on each line of a .txt file, else in columns."""
    check_sentences(path, encoding.columns)
    if table_suffix(path) != ".txt":
        yield from read_sentences(path, encoding.columns, tagged=False)
        return
    widths, blank = set(), False
    for number, line in enumerate(_lines(path, encoding.columns.encoding), 1):
        tokens = tuple(BETWEEN_WORDS.split(line.strip())) if line.strip() else ()
        blank |= not tokens and bool(widths)
        if tokens:
            widths.add(len(tokens))
            yield Sentence(number, tokens, ())
    if blank and len(widths) == 1:
        raise UserError(
            f"{path} has {max(widths)} columns and blank lines, and of a .txt file each line is a sentence; if a token "
            f"is on each line, rename it to {path.stem}.conll"
        )


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
        columns = {encoding.column or "": ""}  # the training table's: nothing names another
        rows = read_rows(path, columns, find_dialect(path, tuple(columns), encoding.dialect))
        yield from ((f"line {number}", text) for number, (text,) in rows)
    else:
        logger.info(f"{path}: each line is a text; in a folder of .txt files each file is one")
        yield from ((f"line {number}", line) for number, line in enumerate(_lines(path, encoding.dialect.encoding), 1))


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
