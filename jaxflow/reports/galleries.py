"""Blocks of examples: pictures and sounds beside each other, texts with marked parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxflow.reports.tables import Table


@dataclass(frozen=True)
class Exhibit:
    """An example that is shown: a picture, a sound, or both.

    Attributes:
      name: of the example.
      lines: what is said of it.
      picture: a data URL; "" for none.
      sound: a data URL; "" for none.
    """

    name: str
    lines: Sequence[str]
    picture: str = ""
    sound: str = ""


@dataclass(frozen=True)
class Gallery:
    """Examples beside each other.

    Attributes:
      title: its heading.
      about: what is shown, with numbers.
      exhibits: the examples.
      pairs: whether a picture is two beside each other, which need more room.
    """

    title: str
    about: str
    exhibits: Sequence[Exhibit]
    pairs: bool = False
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Passage:
    """A text whose parts speak for or against an answer.

    Attributes:
      name: of the example.
      lines: what is said of it.
      parts: pieces of the text in order, and how strongly each speaks: 1 to 3 for the answer, -1 to -3 against it.
    """

    name: str
    lines: Sequence[str]
    parts: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Passages:
    """Texts with marked parts.

    Attributes:
      title: their heading.
      about: what is marked.
      texts: the texts.
      table: the numbers behind the marks.
    """

    title: str
    about: str
    texts: Sequence[Passage]
    table: Table
    kind: ClassVar[str] = "passages"
