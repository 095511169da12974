"""What a comparison says, in sentences and cells."""

import math
from collections.abc import Callable

from jaxflow.evaluation.comparison.values import Comparison, Difference
from jaxflow.evaluation.cross_validation import Estimate
from jaxflow.evaluation.metrics.intervals import Measured
from jaxflow.reports.wording import NONE, exact

# Smaller p are not told apart: so many draws have no smaller one.
LEAST_P = 0.0001
MINUS = "\u2212"


def verdict(difference: Difference) -> str:
    """Returns whether a difference is more than chance, in a few words."""
    return "more than chance" if difference.different else "may be chance"


def lead(comparison: Comparison) -> str:
    """Returns the sentence that a comparison begins with."""
    first, found = comparison.groups[0], comparison.differences
    if len(found) == 1:
        return f"{sentence(comparison, found[0])} That speaks of {found[0].about}."
    better = [each for each in found if each.different and each.better]
    worse = [each for each in found if each.different and not each.better]
    parts = [f"{len(of)} {word}" for of, word in ((better, "better"), (worse, "worse")) if of]
    rest = len(found) - len(better) - len(worse)
    parts += [f"{rest} not told apart from it"] if rest else []
    said = f"Of {len(found)} compared with {first.name} by {comparison.metric}, {_joined(parts)}."
    best = max(better, key=lambda each: abs(each.value), default=None)
    return f"{said} {sentence(comparison, best)}" if best else said


def sentence(comparison: Comparison, difference: Difference) -> str:
    """Returns what a difference says: which is better, by how much, whether by chance, and of what that is."""
    place = comparison.differences.index(difference) + 1
    ours, theirs = (comparison.estimates[difference.metric][each].mean for each in (0, place))
    first, how = comparison.groups[0].name, "better" if difference.better else "worse"
    values = f"{difference.metric} {exact(theirs)} against {exact(ours)}"
    if difference.value == 0:
        return f"{difference.name} and {first} do equally well ({difference.metric} {exact(ours)})."
    apart = f"{signed(difference.value)}{_between(difference.low, difference.high)}"
    if not math.isclose(theirs - ours, difference.value, rel_tol=1e-3, abs_tol=1e-9):
        apart += " over all folds' answers together"  # which is no mean of the folds' values
    tested = f"{difference.test}, {p_of(difference)}"
    if difference.different:
        return f"{difference.name} is {how} than {first}: {values}, {apart}, more than chance ({tested})."
    return (
        f"Whether {difference.name} is {how} than {first} cannot be told: {values}, {apart}, which may be chance "
        f"({tested})."
    )


def p_of(difference: Difference) -> str:
    """Returns "p = 0.012", or "p < 0.0001"."""
    return f"p < {LEAST_P}" if difference.p < LEAST_P else f"p = {difference.p:.2g}"


def signed(value: float) -> str:
    """Returns a difference with its sign."""
    if not math.isfinite(value):
        return NONE
    sign = "+" if value > 0 else MINUS if value < 0 else ""
    return f"{sign}{exact(abs(value))}"


def interval(low: float, high: float, show: Callable[[float], str] = exact) -> str:
    """Returns "LOW to HIGH", or a dash where there is no interval."""
    return f"{show(low)} to {show(high)}" if math.isfinite(low) and math.isfinite(high) else NONE


def measured(found: Measured) -> tuple[str, str]:
    """Returns the cells of a difference: its value, and its interval."""
    return signed(found.value), interval(found.low, found.high, signed)


def estimated(estimate: Estimate) -> tuple[str, str]:
    """Returns the cells of a metric: its value, of several runs with their deviation, and its interval."""
    spread = f" \u00b1 {exact(estimate.std)}" if math.isfinite(estimate.std) else ""
    return f"{exact(estimate.mean)}{spread}", interval(estimate.low, estimate.high)


def _between(low: float, high: float) -> str:
    shown = interval(low, high, signed)
    return "" if shown == NONE else f" (95% interval {shown})"


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
