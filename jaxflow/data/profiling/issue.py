"""Something that a person should look at, in a sentence that says what to do."""

from dataclasses import dataclass
from typing import Literal

# Examples that are named where there are more.
SHOWN = 20


@dataclass(frozen=True)
class Issue:
    """Something that a person should look at.

    Attributes:
      severity: "leak" makes results wrong; "problem" costs quality; "note" is good to know.
      message: what was found, with numbers.
      advice: what to do.
      ids: some of the examples.
    """

    severity: Literal["leak", "problem", "note"]
    message: str
    advice: str
    ids: tuple[str, ...] = ()
