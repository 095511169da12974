"""Reads sentences in columns: a token on each line, a blank line after each sentence (CoNLL, CoNLL-U)."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jaxflow.data.reading.limits import read_lines
from jaxflow.data.reading.text.files import check_encoding, open_text, readable, table_suffix
from jaxflow.errors import UserError, listed, meant

logger = logging.getLogger("jaxflow")

Column = int | str | None
# The columns of CoNLL-U, and the line by which other files name theirs.
CONLLU = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
NAMES = re.compile(r"#\s*global\.columns\s*=\s*(.+)")
# A line between documents, as CoNLL-2003 has it, and CoNLL-U's cell of a token without a tag.
DOCUMENT, NO_TAG = "-DOCSTART-", "_"
# Ids of CoNLL-U's words of several tokens, "1-2", and of words that are not written, "1.1": they are no tokens.
NO_TOKEN = re.compile(r"\d+[-.]\d+")
SPACES = " \t\r\n"
# What the first line calls its columns where it is no token, in lower case.
TOKEN_NAMES, TAG_NAMES = {"token", "word", "form"}, {"tag", "label", "pos", "upos", "ner", "ner_tag", "pos_tag"}


class Sentence(NamedTuple):
    """A sentence, and the line of its file where it begins; a tag is None where a token has none."""

    line: int
    tokens: tuple[str, ...]
    tags: tuple[str | None, ...]


@dataclass(frozen=True)
class SentenceColumns:
    """Where a file has its tokens and tags.

    Attributes:
      token: number of the column of tokens, counted from 1, or from the end by -1; or its name, where the file names
        its columns. None for the first, of CoNLL-U FORM.
      tag: likewise of the tags; None for the last, of CoNLL-U UPOS.
      delimiter: what separates columns; None for tabs where the first line has some, and else spaces.
      encoding: how characters are encoded; None finds it.
    """

    token: Column = None
    tag: Column = None
    delimiter: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        check_encoding(self.encoding)
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in "\r\n"):
            raise UserError(f"data.delimiter is {self.delimiter!r}; it is one character, for example ','")
        for name in ("token", "tag"):
            if getattr(self, name) == 0:
                raise UserError(f"data.{name} is 0; columns are counted from 1, or from the end by -1")


def check_sentences(path: Path, columns: SentenceColumns) -> None:
    """Raises UserError if a path is none that holds sentences in columns."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file, and the files of other splits: data.validation, data.test")
    if table_suffix(path) in (".csv", ".jsonl", ".parquet") and columns.delimiter is None:
        raise UserError(
            f"{path} is a table, and sentences lie in columns: a token and its tag on each line, a blank line after "
            "each sentence (CoNLL); write it so, or name what separates its columns: data.delimiter"
        )


def read_sentences(path: Path, columns: SentenceColumns, tagged: bool = True) -> Iterator[Sentence]:
    """Reads the sentences of a file; its comments and marks of documents are left out, and counted in the log.

    Args:
      path: a text file, compressed or not.
      columns: where it has tokens and tags.
      tagged: whether tags are read.

    Yields:
      The sentences, without tags where these are not read.

    Raises:
      UserError: the file, or a line of it, is no such text.
    """
    left_out: Counter[str] = Counter()
    with readable(path, columns.encoding):
        layout = _find_layout(path, columns.delimiter, columns.encoding)
        if layout is None:
            return
        places = _places(path, columns, layout, tagged)
        line, tokens, tags = 0, [], []
        for number, cells in _rows(path, columns.encoding, layout, left_out):
            if cells:
                token, *tag = _chosen(path, number, cells, places)
                line = line if tokens else number
                tokens.append(token)
                tags += [None if layout.names[:1] == CONLLU[:1] and each == NO_TAG else each for each in tag]
            elif tokens:
                yield Sentence(line, tuple(tokens), tuple(tags))
                tokens, tags = [], []
        if tokens:
            yield Sentence(line, tuple(tokens), tuple(tags))
    if left_out:
        logger.info(f"{path}: read as no tokens: {listed(f'{what}: {count:,}' for what, count in left_out.items())}")


class _Layout(NamedTuple):
    """The first line that is no comment, how many columns it has, what separates these, and their names, if any.

    `is_header` is whether that line names the columns.
    """

    first: int
    width: int
    delimiter: str | None
    names: tuple[str, ...]
    is_header: bool


def _find_layout(path: Path, delimiter: str | None, encoding: str | None) -> _Layout | None:
    """Returns the layout of a file; None where it holds nothing but blank lines and comments."""
    names = CONLLU if table_suffix(path) == ".conllu" else ()
    with open_text(path, encoding) as file:
        for number, line in enumerate(read_lines(file, path), 1):
            text = line.strip(SPACES)
            if found := NAMES.fullmatch(text):
                names = tuple(found[1].split())
            if text and not text.startswith(("#", DOCUMENT)):
                delimiter = delimiter or ("\t" if "\t" in text else None)
                cells = _cells(line, delimiter)
                lowered = {cell.lower() for cell in cells}
                is_header = bool(lowered & TOKEN_NAMES and lowered & TAG_NAMES)
                return _Layout(number, len(cells), delimiter, tuple(cells) if is_header else names, is_header)
    return None


def _rows(path: Path, encoding: str | None, layout: _Layout, left_out: Counter[str]) -> Iterator[tuple[int, list[str]]]:
    """Yields the number and the cells of each line with a token, and no cells where a sentence ends."""
    with open_text(path, encoding) as file:
        for number, line in enumerate(read_lines(file, path), 1):
            cells = _cells(line, layout.delimiter) if line.strip(SPACES) else []
            if cells[:1] == [DOCUMENT]:
                left_out[f"marks of documents ({DOCUMENT})"] += 1
            elif cells and len(cells) != layout.width and line.startswith("#"):
                left_out["comments (#)"] += 1
            elif cells and len(cells) != layout.width:
                raise UserError(f"{path}, line {number}: {_explain(cells, layout)}")
            elif cells and layout.names[:1] == CONLLU[:1] and NO_TOKEN.fullmatch(cells[0]):
                left_out["words of several tokens, or of none"] += 1
            elif not (layout.is_header and number == layout.first):
                yield number, cells


def _cells(line: str, delimiter: str | None) -> list[str]:
    """Divides a line into cells; without a delimiter several spaces are one."""
    if delimiter is None:
        return re.split(r"[ \t]+", line.strip(SPACES))
    return [cell.strip(" ") for cell in line.rstrip("\r\n").split(delimiter)]


def _places(path: Path, columns: SentenceColumns, layout: _Layout, tagged: bool) -> tuple[int, ...]:
    """Returns which of a line's cells are its token and its tag."""
    asked = [("token", columns.token, "FORM", 0), ("tag", columns.tag, "UPOS", layout.width - 1)]
    where, places = f"{path}, line {layout.first}", []
    for field, column, name, otherwise in asked[: 2 if tagged else 1]:
        if isinstance(column, str) and column not in layout.names:
            has = f"has {listed(layout.names)}" if layout.names else "names no columns: give its number"
            raise UserError(f"data.{field} is {column!r}, and {path} {has}{meant(column, layout.names)}")
        if column is None or isinstance(column, str):
            wanted = name if column is None else column
            place = layout.names.index(wanted) if wanted in layout.names else otherwise
        else:
            place = column - 1 if column > 0 else layout.width + column
        if not 0 <= place < layout.width:
            raise UserError(f"{where}: there are {layout.width} columns, and data.{field} is {column or name}")
        places.append(place)
    if len(set(places)) < len(places):
        advice = "each line holds a token and its tag" if layout.width == 1 else "name another: data.token, data.tag"
        raise UserError(f"{where}: token and tag are both column {places[0] + 1} of {layout.width}; {advice}")
    return tuple(places)


def _chosen(path: Path, number: int, cells: Sequence[str], places: Sequence[int]) -> list[str]:
    """Returns the token of a line, and its tag."""
    chosen = [cells[place] for place in places]
    if "" in chosen:
        raise UserError(f"{path}, line {number}: the {('token', 'tag')[chosen.index('')]} is empty; correct the line")
    return chosen


def _explain(cells: Sequence[str], layout: _Layout) -> str:
    """Returns what is wrong with a line of too few or too many cells."""
    if len(cells) < layout.width:
        advice = "a line holds a token and its tag, and a blank line ends a sentence"
    else:
        advice = "where tokens hold spaces, tabs separate the columns: data.delimiter"
    columns = f"{len(cells)} column{'s' if len(cells) > 1 else ''} ({listed(cells, 3, ' ')})"
    return f"there {'are' if len(cells) > 1 else 'is'} {columns}, and {layout.width} in line {layout.first}; {advice}"
