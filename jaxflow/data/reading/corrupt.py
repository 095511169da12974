"""Files that cannot be read: how many may be left out, and why they were."""

import logging
from collections.abc import Sequence

from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")


def check_corrupt(bad: Sequence[str], max_corrupt: int) -> None:
    """Raises if more than `max_corrupt` examples are unreadable.

    Args:
      bad: what is wrong with each.
      max_corrupt: the largest number that is left out.

    Raises:
      UserError: there are more; the last is named.
    """
    if len(bad) > max_corrupt:
        others = f" (and {len(bad) - 1} before it; max_corrupt is {max_corrupt})" if len(bad) > 1 else ""
        raise UserError(
            f"{bad[-1]}{others}; restore the file, or leave out up to N such examples: --data.max_corrupt=N"
        )


def report_corrupt(bad: Sequence[str], max_corrupt: int, plural: str) -> None:
    """Logs how many examples, called `plural`, are left out; raises UserError if there are more than `max_corrupt`."""
    check_corrupt(bad, max_corrupt)
    if bad:
        logger.info(f"left out {len(bad)} unreadable {plural} (data.max_corrupt {max_corrupt}): {bad[0]}")


def error_line(error: Exception) -> str:
    """Describes in one line what was raised."""
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}".removesuffix(": ")
