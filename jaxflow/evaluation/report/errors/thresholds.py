"""Tables of thresholds: what each would bring, and what its mistakes would cost."""

from collections.abc import Sequence

import numpy as np

from jaxflow.evaluation.report.errors.base import Tested
from jaxflow.evaluation.thresholds import COSTS, cheapest, outcomes
from jaxflow.reports.blocks import Block, Text
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import exact, number

# Thresholds that a table has a row for.
SHOWN = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def threshold_blocks(
    tested: Tested, scores: np.ndarray, positive: np.ndarray, used: float | None, name: str, examples: int
) -> list[Block]:
    """Returns what other thresholds would bring, and which is the best for what mistakes cost.

    Args:
      tested: the split.
      scores: (examples,) probabilities of the positive class.
      positive: (examples,) booleans: whether it is the true one.
      used: the probability from which on it is answered; None where labels have one each.
      name: of the positive class.
      examples: that scores are of; of labels each example has several.
    """
    if not positive.any() or positive.all():
        return []
    chosen = tested.thresholds.get("costs") or ()
    validated = tested.thresholds.get("split") == "validation" and len(chosen) == len(COSTS) and None not in chosen
    if not validated:
        chosen = [cheapest(scores, positive, cost) for cost in COSTS]
    about = (
        "The best thresholds were chosen on the validation split; what they cost is counted on the test split."
        if validated
        else "There are no predictions of a validation split to choose by: the best thresholds are those of the test "
        "split itself, which flatters them. They are for orientation only."
    )
    tables = [threshold_table(scores, positive, used, name), cost_table(scores, positive, used, chosen, examples)]
    return [tables[0], Text(about), tables[1]]


def threshold_table(scores: np.ndarray, positive: np.ndarray, used: float | None, name: str) -> Table:
    """Returns precision, recall, F1 and mistakes at each of a few thresholds, the one in use among them.

    Args:
      scores: (examples,) probabilities of the positive class.
      positive: (examples,) booleans.
      used: the threshold that answers; None where there are several.
      name: of the positive class.
    """
    thresholds = sorted(SHOWN if used is None else {*SHOWN, used})
    rows = []
    for threshold, (right, false, missed) in zip(thresholds, outcomes(scores, positive, thresholds).tolist()):
        precision, recall = (right / of if of else None for of in (right + false, right + missed))
        f1 = 2 * right / max(2 * right + false + missed, 1)
        label = f"{threshold:g} (in use)" if threshold == used else f"{threshold:g}"
        rows.append([label, exact(precision), exact(recall), exact(f1), f"{false:,}", f"{missed:,}"])
    columns = ("probability", "precision", "recall", "F1", "false positives", "false negatives")
    return Table(f"If {name} is answered from this probability on", columns, rows)


def cost_table(
    scores: np.ndarray, positive: np.ndarray, used: float | None, chosen: Sequence[float], examples: int
) -> Table:
    """Returns what mistakes cost by the threshold in use and by others.

    Args:
      scores: (examples,) probabilities of the positive class.
      positive: (examples,) booleans.
      used: the threshold that answers; None where there are several.
      chosen: for each of COSTS the threshold that was the best where it was chosen.
      examples: that scores are of.
    """
    rows, now = [], [] if used is None else [used]
    for cost, threshold in zip(COSTS, chosen):
        turned_out = outcomes(scores, positive, [threshold, *now]).tolist()
        costs = [(false + cost * missed) / examples * 100 for _, false, missed in turned_out]
        ratio = f"{cost:g} times as much" if cost > 1 else "as much" if cost == 1 else f"1/{1 / cost:g} as much"
        _, false, missed = turned_out[0]
        rows.append([ratio, f"{threshold:.3g}", f"{false:,}", f"{missed:,}", *map(number, costs)])
    columns = (
        "a false negative costs",
        "chosen threshold",
        "false positives",
        "false negatives",
        "cost of 100 examples",
        *(f"with {each:g} instead" for each in now),
    )
    return Table("What mistakes cost, where a false positive costs 1", columns, rows)
