"""Tables of a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

# Rows of a table that are shown unasked.
MAX_OPEN_ROWS = 20


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows.

    Attributes:
      caption: what it shows.
      columns: heads of the columns.
      rows: cells as they are shown.
      folded: whether it is shown when asked for.
      prose: whether cells are words of any length, which break, and not numbers.
      links: by name of a row, the page beside this one that it leads to.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    folded: bool = False
    prose: bool = False
    links: Mapping[str, str] = field(default_factory=dict)
    kind: ClassVar[str] = "table"
