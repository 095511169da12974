"""One issue with the data, in a sentence that says what to do."""

from dataclasses import dataclass
from typing import Literal

# Examples that are named where there are more.
MAX_IDS = 20


@dataclass(frozen=True)
class Issue:
    """One issue with the data, with severity and advice.

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
