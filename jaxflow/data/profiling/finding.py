"""Something that a person should look at, in a sentence that says what to do."""

from dataclasses import dataclass
from typing import Literal

# Examples that are named where there are more.
SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """Something that a person should look at.

    Attributes:
      weight: "leak" makes results wrong; "problem" costs quality; "note" is good to know.
      what: what was found, with numbers.
      advice: what to do.
      ids: some of the examples.
    """

    weight: Literal["leak", "problem", "note"]
    what: str
    advice: str
    ids: tuple[str, ...] = ()
