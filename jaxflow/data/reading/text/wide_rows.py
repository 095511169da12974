"""Why a row of text has too many cells: what keeps a cell whole elsewhere keeps none whole here."""

from collections.abc import Sequence

from jaxflow.data.reading.text.dialect import NAMES
from jaxflow.data.reading.text.quotes import ESCAPED

# What people put around a cell in place of double quotes, before it and after it.
OTHER_QUOTES = (("'", "'"), ("\u201c", "\u201d"), ("\u201e", "\u201c"), ("\u00ab", "\u00bb"))


def explain_parts(rows: Sequence[Sequence[str]], mark: str) -> str:
    """Returns why cells of wide rows are parts of one, and what to do; "" where nothing shows that they are.

    Args:
      rows: their cells.
      mark: what separates these.
    """
    for row in rows:
        cells = [cell.strip() for cell in row]
        if any(cell.endswith("\\") for cell in cells[:-1]):
            return f"a backslash stands before {NAMES.get(mark, repr(mark))}, where quotes keep a cell whole: {ESCAPED}"
        for before, after in OTHER_QUOTES:
            first = next((at for at, cell in enumerate(cells) if cell[:1] == before and after not in cell[1:]), None)
            if first is not None and any(cell.endswith(after) for cell in cells[first + 1 :]):
                return f'{before} and {after} keep no cell whole: put double quotes, ", around it'
    return ""
