"""Two trained models on the same examples: the difference of each metric, and whether it is more than chance."""

from collections.abc import Collection, Sequence

import numpy as np

from jaxflow.errors import UserError
from jaxflow.evaluation.comparison.disagreement import disagreement
from jaxflow.evaluation.comparison.families import stored_scores
from jaxflow.evaluation.comparison.values import Difference
from jaxflow.evaluation.metrics.intervals import measure
from jaxflow.evaluation.metrics.scores import Scores, sums_by_unit
from jaxflow.evaluation.metrics.significance import exchange_p, paired_p
from jaxflow.evaluation.stored import Stored, pooled
from jaxflow.evaluation.units import count_of
from jaxflow.runs.results import headline_metric

ABOUT = "these two trained models on the population that the test split is drawn from"


def paired_difference(ours: Stored, theirs: Stored, names: tuple[str, str], measured: Collection[str]) -> Difference:
    """Compares the answers of two trained models to the same examples.

    Args:
      ours: the records of the first.
      theirs: those of the other, of the same examples in the same order.
      names: of both.
      measured: names of the metrics that both evaluations found; "loss" where it is the same of both.

    Returns:
      The difference of each metric with its interval from resamples of units, and of the one that they are known by
      the p of a test that exchanges whole units.

    Raises:
      UserError: nothing of both can be compared, or there is a single unit.
    """
    units = ours.units
    if units.count < 2:
        raise UserError(
            f"{names[0]} and {names[1]} were tested on {count_of(units)}, which tells nothing of chance; use a test "
            "split of more"
        )
    first, other = stored_scores(ours, measured), stored_scores(theirs, measured)
    found = measure([_less(*pair) for pair in zip(first, other, strict=True)], units.count)
    shared = {name: apart for name, apart in found.items() if name in measured}
    metric = headline_metric(shared)
    if metric is None:
        raise UserError(
            f"{names[0]} and {names[1]} have different losses, which cannot be compared, and no metric else"
        )
    p, how = paired_test(metric, ours, theirs, measured)
    of = shared[metric]
    return Difference(
        name=names[1],
        metric=metric,
        value=of.value,
        low=of.low,
        high=of.high,
        p=p,
        test=f"{how}, of {count_of(units)}",
        about=ABOUT,
        units=units.count,
        metrics=shared,
        disagreement=disagreement(ours, theirs),
    )


def aligned(ours: Stored, theirs: Stored, names: tuple[str, str]) -> tuple[Stored, Stored]:
    """Returns records of the same examples in the same order.

    Args:
      ours: the records of one.
      theirs: those of the other.
      names: of both.

    Raises:
      UserError: they are of other examples, of other targets, or of different problems.
    """
    if not np.array_equal(np.sort(ours.ids), np.sort(theirs.ids)):
        raise UserError(
            f"{names[1]} was tested on different examples than {names[0]} ({len(theirs.ids):,} and "
            f"{len(ours.ids):,}); compare runs whose data are split alike"
        )
    if ours.kind != theirs.kind or (ours.kind != "value" and ours.names != theirs.names):
        raise UserError(
            f"{names[1]} solves another problem than {names[0]} ({_said(theirs)} and {_said(ours)}); compare "
            "runs of one"
        )
    ours, theirs = (stored.take(np.argsort(stored.ids, kind="stable")) for stored in (ours, theirs))
    if ours.targets is not None and theirs.targets is not None and not _equal(ours.targets, theirs.targets):
        raise UserError(f"{names[1]} was tested on other targets than {names[0]}; compare runs of the same data")
    return ours, theirs


def _equal(first: np.ndarray, other: np.ndarray) -> bool:
    if first.shape != other.shape:
        return False
    return np.allclose(first, other, rtol=1e-5) if first.dtype.kind == "f" else np.array_equal(first, other)


def _said(stored: Stored) -> str:
    kinds = {"class": "a class", "mask": "a class for each pixel", "token": "tokens", "value": "numbers"}
    kind = kinds.get(stored.kind, "something else")
    return f"{kind}: {len(stored.names)} of them" if stored.kind in ("class", "mask", "token") else kind


def _less(first: Scores, other: Scores) -> Scores:
    """Returns the other's scores less the first's."""
    return Scores(other.names, lambda counts: other.of(counts) - first.of(counts))


def paired_test(metric: str, ours: Stored, theirs: Stored, measured: Collection[str]) -> tuple[float, str]:
    """Returns the p of a difference of a metric, and what was done."""
    units = ours.units
    if metric == "accuracy" and ours.kind == "class" and ours.answers is not None and theirs.answers is not None:
        right = (theirs.answers == ours.targets).astype(np.float64) - (ours.answers == ours.targets)
        sums = np.asarray(sums_by_unit(right[:, None], units)).ravel()
        mcnemar = bool(np.isin(sums, (-1, 0, 1)).all())
        return paired_p(sums), "McNemar's test" if mcnemar else "exchanges of whole units"
    if _answer_alike(ours, theirs):  # exchanges would tell rounding from rounding
        return 1.0, "exchanges of whole units"
    both = stored_scores(pooled([ours, theirs]), measured)
    return exchange_p(lambda signs: _exchanged_difference(both, metric, signs), units.count), "exchanges of whole units"


def _answer_alike(ours: Stored, theirs: Stored) -> bool:
    """Returns whether two runs answer every example alike, with the same losses."""
    pairs = ((ours.predictions, theirs.predictions), (ours.answers, theirs.answers), (ours.losses, theirs.losses))
    return all(one is other is None or (one is not None and np.array_equal(one, other)) for one, other in pairs)


def _exchanged_difference(families: Sequence[Scores], metric: str, signs: np.ndarray) -> np.ndarray:
    """Returns the other's metric less the first's, where units are exchanged.

    Args:
      families: scores of both runs' records together, the units of the first before those of the other.
      metric: one of them.
      signs: (draws, units) -1 where a unit is exchanged.
    """
    family = next(each for each in families if metric in each.names)
    kept = (signs > 0).astype(np.float64)
    counted = [np.concatenate(pair, 1) for pair in ((kept, 1 - kept), (1 - kept, kept))]
    first, other = (family.of(counts)[:, family.names.index(metric)] for counts in counted)
    return other - first
