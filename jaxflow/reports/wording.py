"""Numbers as people read them: percentages, values, intervals, counts."""

from collections.abc import Callable, Sequence

# What a table has where there is no number: an en dash.
NONE = "\u2013"


def percent(share: float, examples: int) -> str:
    """Returns a share as a percentage with as many decimals as so many examples tell apart.

    A share that is not quite 0 or 1 is never written as 0% or 100%.

    Args:
      share: 0 to 1.
      examples: that it is of.
    """
    decimals = 0 if examples < 100 else 1 if examples < 10_000 else 2
    while decimals < 6 and 0 < share < 1 and round(100 * share, decimals) in (0, 100):
        decimals += 1
    text = f"{100 * share:.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def number(value: float) -> str:
    """Returns a number with three significant digits, or all of them before the point."""
    value += 0.0  # no -0
    if abs(value) < 1 and f"{abs(value):.3g}" == "1":  # what is not all is not written so
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e15 else f"{value:.3g}"


def exact(value: float | None) -> str:
    """Returns a number for a table: four decimals, fewer where it is large, four significant digits where small."""
    if value is None:
        return NONE
    if abs(value) < 1 and abs(round(value, 4)) == 1:  # what is not all is not written so
        return f"{value:.9f}".rstrip("0").rstrip(".")
    if 1e5 <= abs(value) < 1e15:
        return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1e9 else f"{value:,.2f}"
    return f"{value:,.4g}" if 0 < abs(value) < 0.1 or abs(value) >= 1e15 else f"{value:,.4f}"


def between(interval: Sequence[float] | None, show: Callable[[float], str]) -> str:
    """Returns " (LOW to HIGH)", the first without its percent sign; "" where there is no interval."""
    if interval is None:
        return ""
    low, high = map(show, interval)
    return f" ({low.removesuffix('%')} to {high.removesuffix('%')})"


def epoch(value: float) -> str:
    """Returns an epoch with a decimal where it is none that ends: of 5.03, after a validation's last step, "5"."""
    return f"{round(value, 1):g}"


def count(how_many: int, noun: str) -> str:
    """Returns "1 image", "2 images", "3 classes"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{how_many:,} {noun if how_many == 1 else plural}"


def times(how_many: int) -> str:
    """Returns "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(how_many, f"{how_many:,} times")
