"""`python -m benchmarks.exchange RUN RUN`: how often `compare` calls two runs different that are exchangeable.

The answers of both runs are exchanged at random, whole units at a time, so that neither is better; then at most one
comparison in twenty should call them different, and not much fewer. RUN is a run folder, or a folder of folds.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from jaxflow.errors import UserError
from jaxflow.evaluation.comparison.compare import read_pair
from jaxflow.evaluation.comparison.pairs import paired_test
from jaxflow.evaluation.metrics.scores import sums_by_unit
from jaxflow.evaluation.stored import Stored
from jaxflow.evaluation.units import count_of

LEVEL = 0.05


def exchanged(ours: Stored, theirs: Stored, units: np.ndarray) -> tuple[Stored, Stored]:
    """Returns the records of two runs with the answers of some units exchanged.

    Args:
      ours: the records of one.
      theirs: those of the other, of the same examples in the same order.
      units: (units,) bool, whether each is exchanged.
    """
    rows, mixed = units[ours.units.index], []
    for kept, other in ((ours, theirs), (theirs, ours)):
        changed = {}
        for name, values in kept.arrays():
            there = rows.reshape(-1, *[1] * (values.ndim - 1))
            changed[name] = np.where(there, getattr(other, name), values)
        mixed.append(replace(kept, **changed))
    return mixed[0], mixed[1]


def called_different(ours: Stored, theirs: Stored, metric: str, draws: int, seed: int = 0) -> float:
    """Returns the fraction of draws in which exchanged runs are called different.

    Args:
      ours: the records of one run.
      theirs: those of the other, of the same examples in the same order.
      metric: that is tested.
      draws: of exchanges.
      seed: of the draws.
    """
    random, called = np.random.default_rng(seed), 0
    for _ in range(draws):
        pair = exchanged(ours, theirs, random.random(ours.units.count) < 0.5)
        called += paired_test(metric, *pair, (metric,))[0] < LEVEL
    return called / draws


def main(argv: Sequence[str] | None = None) -> int:
    """Prints how often the runs that the command line names are called different."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exchange", description=__doc__, allow_abbrev=False)
    parser.add_argument("runs", nargs=2, type=Path, help="two run folders, or folders of folds")
    parser.add_argument("--draws", type=int, default=1000)
    flags = parser.parse_args(argv)
    try:
        ours, theirs, metric = read_pair(*flags.runs)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    share = called_different(ours, theirs, metric, flags.draws)
    apart = (
        ours.losses != theirs.losses
        if ours.answers is None
        else (ours.answers == ours.targets) != (theirs.answers == theirs.targets)
    )
    discordant = int((np.asarray(sums_by_unit(apart[:, None].astype(float), ours.units)) > 0).sum())
    print(
        f"{metric}, {count_of(ours.units)}, {discordant} discordant: called different in {share:.1%} of {flags.draws:,}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
