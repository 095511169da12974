"""What a page is made of: frozen values, each drawn by the template of its `kind`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from jaxflow.reports.galleries import Gallery, Passages
from jaxflow.reports.tables import Table

# Of remarks: what makes results wrong, what costs quality, what is good to know, what is as it should be.
Severity = Literal["leak", "problem", "note", "good"]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Remark:
    """One thing that is good to know.

    Attributes:
      severity: how much it matters.
      text: what was found, and what to do.
      names: of examples that it is about.
    """

    severity: Severity
    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Remarks:
    """A list of remarks."""

    items: Sequence[Remark]
    kind: ClassVar[str] = "remarks"


@dataclass(frozen=True)
class Drawing:
    """A figure in a file.

    Attributes:
      title: its heading.
      file: SVG.
      alt: what is seen there, with numbers.
      table: the numbers behind it; None where there are none but pictures.
    """

    title: str
    file: Path
    alt: str
    table: Table | None = None
    kind: ClassVar[str] = "drawing"


@dataclass(frozen=True)
class Drawings:
    """Figures beside each other, where there is room.

    Attributes:
      title: their heading.
      about: what is seen in all of them.
      drawings: the figures.
      table: the numbers behind all of them; None where each has its own.
    """

    title: str
    about: str
    drawings: Sequence[Drawing]
    table: Table | None = None
    kind: ClassVar[str] = "drawings"


@dataclass(frozen=True)
class Mark:
    """A place on a chart's axis.

    Attributes:
      at: where it is.
      label: what is there; shown where it is the only one.
      colour: of the stylesheet.
    """

    at: float
    label: str
    colour: str = "quiet"


@dataclass(frozen=True)
class Chart:
    """Lines over the same axis, which can be read off and hidden where scripts run.

    Attributes:
      still: the same as a figure, for where none do.
      across: label of the axis they share.
      up: label of the other axis.
      lines: by split, or by run, the points, (across, up), ascending.
      marks: places on the axis that are marked.
      colours: of lines that are no splits, by name in the stylesheet.
    """

    still: Drawing
    across: str
    up: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    marks: Sequence[Mark] = ()
    colours: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Charts:
    """Charts beside each other."""

    charts: Sequence[Chart]
    kind: ClassVar[str] = "charts"


@dataclass(frozen=True)
class Code:
    """Text in fixed width: a command, a file.

    Attributes:
      title: what it is; "" for none.
      text: its lines.
      folded: whether it is shown when asked for.
    """

    title: str
    text: str
    folded: bool = False
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Fold:
    """Sections that are shown when asked for.

    Attributes:
      title: what they are.
      sections: what it holds.
    """

    title: str
    sections: "Sequence[Section]"
    kind: ClassVar[str] = "fold"


Block = Text | Remarks | Table | Drawing | Drawings | Gallery | Passages | Charts | Code | Fold


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
      title: its heading.
      blocks: what it holds; a section without any is left out.
    """

    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)
