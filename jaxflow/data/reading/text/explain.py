"""Why a table of text cannot be read: a row of another width, a title above the names of its columns."""

import csv
import itertools
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from jaxflow.data.numbers import is_number
from jaxflow.data.reading.limits import read_lines
from jaxflow.data.reading.text.dialect import DELIMITERS, NAMES, Dialect, is_blank, rows_with_lines, skip_lines
from jaxflow.data.reading.text.files import find_preamble, open_text
from jaxflow.data.reading.text.quotes import ESCAPED
from jaxflow.data.reading.text.wide_rows import explain_parts

# Rows at the end of a file that may be a footer, and rows that are looked at beyond one with too many or few cells.
MAX_FOOTER, LOOK_AHEAD = 5, 100
# Rows among which the names of columns are looked for below a title, and numbers that may be among such names.
MAX_TITLE, YEAR = 50, re.compile(r"[12]\d{3}")
# A number whose decimals are a cell of their own.
DECIMAL_COMMA = re.compile(r"(?:^|,)\s*([+-]?\d+,\d+)\s*(?=,|$)", re.MULTILINE)


def explain_ragged(path: Path, dialect: Dialect, columns: Collection[str] = ()) -> str:
    """Returns where the first row lies that has too many or too few cells, why that may be, and what to do; "" of none.

    Args:
      path: a text file of rows.
      dialect: how it is written, with its delimiter.
      columns: columns that it has, as far as they are known.
    """
    mark = dialect.delimiter or ","
    with open_text(path, dialect.encoding) as file:
        number = 1 if dialect.names else skip_lines(file, find_preamble(path, dialect.encoding, mark)[0])
        rows = (each for each in rows_with_lines(read_lines(file, path), mark, dialect, number) if each[1])
        names = dialect.names or next(rows, (0, (), ()))[1]
        whole, odd = 0, None
        for line, row, lines in rows:
            if len(row) != (width := len(names)) and not is_blank(row, width):
                odd = line, row, lines
                break
            whole += 1
        further = [row for _, row, _ in itertools.islice(rows, LOOK_AHEAD)]
    if odd is None:
        return ""
    if (not whole or len(names) == 1) and (title := explain_title(path, dialect, columns)):
        return title
    (line, row, lines), width, following = odd, len(names), [len(row) for row in further]
    if not whole and {len(row), *following} == {width + 1} and not any(each[-1].strip() for each in (row, *further)):
        why = f"each row ends with {NAMES.get(mark, repr(mark))}: end the first line with it too, and it is left out"
    elif dialect.quotes and len(row) > width == len(next(csv.reader(lines, delimiter=mark, skipinitialspace=True), [])):
        why = "a space stands before a quote, which then counts as a letter: remove such spaces"
    elif len(row) > width and (parts := explain_parts([row, *further], mark)):
        why = parts
    elif not whole and {len(row), *following} == {width + 1}:
        why = "the rows have a name each, which the first line does not count: give their column one there"
    elif dialect.quotes and '\\"' in "".join(lines):
        why = f"a backslash stands before a quote, where quotes are doubled: {ESCAPED}"
    elif dialect.quotes and "".join(lines).count('"') % 2:
        why = "it has a quote that is never paired: correct it, or take quotes for letters: data.quotes=False"
    elif whole and width not in following and len(row) < width and len(following) < MAX_FOOTER:
        why = "no whole row follows: if it is a footer or cut off, remove it"
    elif len(row) > width and mark == "," and (found := DECIMAL_COMMA.search("".join(lines))):
        why = f"{found[1]} may be a number with a decimal comma: put quotes around such, or separate columns by ;"
    elif len(row) > width:
        why = f"put quotes around texts that hold {NAMES.get(mark, repr(mark))}, or name what separates: data.delimiter"
    else:
        why = f"it lacks cells, or something else than {NAMES.get(mark, repr(mark))} separates them: data.delimiter"
    return f"line {line}: there are {len(row)} cells in {width} columns; {why}"


def explain_title(path: Path, dialect: Dialect, columns: Collection[str] = ()) -> str:
    """Returns where a title stands above the names of a file's columns, and what to do; "" where none does.

    Args:
      path: a text file of rows.
      dialect: how it is written, with its delimiter.
      columns: columns that it has, as far as they are known: the one line that has them all is that of the names.
    """
    if dialect.names:
        return ""
    for mark in dict.fromkeys((dialect.delimiter or ",", *DELIMITERS)):
        (first, title), *rows = _first_rows(path, dialect, mark) or [(0, [""])]
        alone = not any(title[1:])
        told = f"line {first}: there is {title[0]!r}{' alone' if alone else ''}, a title perhaps, and the names of the"
        following = [len(cells) for _, cells in rows[1:]]
        named = [line for line, cells in rows if columns and {*columns} <= {*cells} and not {*columns} <= {*title}]
        for (line, cells), width in zip(rows, [*following, None]):
            if named == [line] or (alone and width in (len(cells), None) and _are_names(cells)):
                return f"{told} columns may be in line {line}; remove the lines before them"
    return ""


def _first_rows(path: Path, dialect: Dialect, mark: str) -> list[tuple[int, list[str]]]:
    """Returns the first rows of a file that are not blank, each with the number of its line; none of what is no CSV."""
    with open_text(path, dialect.encoding) as file:
        number = skip_lines(file, find_preamble(path, dialect.encoding, mark)[0])
        found = itertools.islice(rows_with_lines(read_lines(file, path), mark, dialect, number), MAX_TITLE)
        return [(line, [cell.strip() for cell in row]) for line, row, _ in found if any(map(str.strip, row))]


def _are_names(cells: Sequence[str]) -> bool:
    """Returns whether a row may be the names of several columns: different texts, years among them."""
    years = [cell for cell in cells if YEAR.fullmatch(cell)]
    numbers = any(is_number(cell) for cell in cells if cell not in years)
    return len(cells) > max(1, len(years)) and all(cells) and len({*cells}) == len(cells) and not numbers
