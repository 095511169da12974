"""`python -m benchmarks.results RUNS...`: what run folders say together, as tables in docs/results.md."""

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.run_groups import Commanded, answers, by_command, find_runs
from benchmarks.table_peers import table_peers
from jaxflow.console import format_number
from jaxflow.errors import UserError
from jaxflow.evaluation.cross_validation import CONFIDENCE, summarize_folds
from jaxflow.runs.groups import Run, by_seed, sample


@dataclass(frozen=True)
class Asked:
    """What an experiment is judged by: its metric, whether more of it is better, and how much of it is asked."""

    metric: str
    higher: bool = True
    bar: float | None = None


ASKED = {
    "camvid": Asked("iou"),
    "camvid_unet": Asked("iou", bar=0.419),
    "cifar_resnet": Asked("accuracy", bar=0.85),
    "daily_temperatures": Asked("rmse", higher=False, bar=2.27),
    "hippocampus": Asked("dice"),
    "hippocampus_unet": Asked("dice", bar=0.870),
    "playground": Asked("accuracy", bar=0.98),
    "playground_bumps": Asked("rmse", higher=False),
    "shakespeare": Asked("loss", higher=False),
    "shakespeare_lstm": Asked("loss", higher=False, bar=2.0),
    "shakespeare_transformer": Asked("loss", higher=False, bar=1.90),
    "spoken_digits": Asked("accuracy", bar=0.965),
    "unheard_speaker": Asked("accuracy", bar=0.433),
}
# The first is to be above the second, on the same examples.
PAIRS = (("dogs_vs_cats_finetuned", "dogs_vs_cats"),)
# Experiments on tables, beside which scikit-learn's models are shown.
BESIDE_PEERS = ("titanic",)
# Smaller p are not told apart.
LEAST_P = 0.0001

INTRODUCTION = f"""# Results

Made by `python -m benchmarks.results RUNS...` from the folders of runs on the test split, which nothing was chosen by.
Each row is of one command, repeated with other seeds (`--seed`), other splits (`--data.split.seed`) or all folds.
The deviation is that of a single run, the interval the {CONFIDENCE:.0%} interval of the mean by Student's t; of splits
and folds, whose training sets overlap, corrected as Nadeau and Bengio (2003) do. p is the one-sided probability of such
a mean, or one further off, if the truth were what is asked. CPU seconds are those of one training, all threads
together, without start, compilation and evaluation.
"""


@dataclass(frozen=True)
class Row:
    """Values of one metric over `units`, and what they are asked; `ratio` is of test and training, if those overlap."""

    name: str
    asked: Asked
    units: str
    values: tuple[float, ...]
    ratio: float
    cpu_seconds: float
    command: str

    def cells(self) -> list[str]:
        """Returns the cells of the table's row."""
        low, high, deviation = "", "", ""
        if len(self.values) > 1:
            estimate = summarize_folds([{"": value} for value in self.values], self.ratio)[""]
            low, high, deviation = map(format_number, (estimate.low, estimate.high, estimate.std))
        bar = self.asked.bar
        return [
            self.name,
            self.asked.metric,
            self.units,
            format_number(float(np.mean(self.values))),
            deviation,
            f"{low} to {high}" if low else "",
            "" if bar is None else f"{'>=' if self.asked.higher else '<='} {bar:g}",
            "" if bar is None or len(self.values) == 1 else format_p(p_against(bar, self)),
            format_seconds(self.cpu_seconds),
            f"`{self.command}`" if self.command else "",
        ]


HEADER = ["experiment", "test", "n", "mean", "deviation", "interval", "asked", "p", "CPU s", "command"]


def row_of(group: Commanded) -> Row:
    """Returns the row of a group: over its seeds, splits or folds; with several seeds, folds are averaged first."""
    first = group.runs[0]
    asked = ASKED.get(group.name) or Asked(next((name for name in first.test if name != "loss"), "loss"))
    if any(asked.metric not in run.test for run in group.runs):
        raise UserError(f"{first.folder} has no {asked.metric}; it has {', '.join(first.test)}")
    found = sample(group.runs, asked.metric)
    return Row(group.name, asked, found.units, found.values, found.ratio, group.cpu_seconds, group.command)


def peer_rows(group: Commanded) -> list[Row]:
    """Returns rows of scikit-learn's models on the splits of a group of runs on a table."""
    ours, scores = row_of(group), [table_peers(run.folder) for run in group.runs]
    return [
        replace(ours, name=f"{ours.name}: {peer}", values=tuple(score[peer] for score in scores),
                cpu_seconds=math.nan, command="")
        for peer in scores[0]
    ]  # fmt: skip


def p_against(bar: float, row: Row) -> float:
    """Computes the one-sided p of a row's mean against a bar, by Student's t; NaN where the values do not differ."""
    count, sign = len(row.values), 1 if row.asked.higher else -1
    error = np.std(row.values, ddof=1) * np.sqrt(1 / count + row.ratio)
    return float(stats.t.sf(sign * (np.mean(row.values) - bar) / error, count - 1)) if error else math.nan


def mcnemar(first: Commanded, second: Commanded) -> str:
    """Compares two groups of runs on the same examples by McNemar's exact test; one sentence.

    Raises:
      UserError: one has several seeds, or they were tested on other examples.
    """
    right = []
    for group in (first, second):
        if len(by_seed(group.runs)) > 1:
            raise UserError(f"{group.command} has several seeds; McNemar's test takes the folds of one")
        right.append({name: answer for run in group.runs for name, answer in answers(run.folder).items()})
    if right[0].keys() != right[1].keys():
        raise UserError(f"{first.name} and {second.name} were tested on other examples; train on one split")
    ours = sum(right[0][name] and not right[1][name] for name in right[0])
    theirs = sum(right[1][name] and not right[0][name] for name in right[0])
    p = float(stats.binomtest(ours, ours + theirs, alternative="greater").pvalue) if ours + theirs else 1.0
    shares = [f"{group.name} has {sum(of.values())} of {len(of)} right" for group, of in zip((first, second), right)]
    return (
        f"{', '.join(shares)}: {ours} that the other has wrong, {theirs} the other way round (McNemar's exact test, "
        f"one-sided p {'' if p < LEAST_P else '= '}{format_p(p)})."
    )


def format_p(p: float) -> str:
    """Formats a p value: two digits that count, small ones by their bound."""
    return "" if math.isnan(p) else f"< {LEAST_P}" if p < LEAST_P else f"{p:.2g}"


def format_seconds(seconds: float) -> str:
    """Formats seconds of processor time: whole ones, and few of them by two digits that count."""
    return "" if math.isnan(seconds) else f"{seconds:.2g}" if seconds < 10 else f"{seconds:,.0f}"


def page(runs: Iterable[Run]) -> str:
    """Writes the page of some runs, in Markdown."""
    groups, rows = by_command(runs), []
    for group in groups:
        rows += [row_of(group), *(peer_rows(group) if group.name in BESIDE_PEERS else [])]
    table = [HEADER, ["---"] * len(HEADER), *(row.cells() for row in rows)]
    lines = [INTRODUCTION, *(f"| {' | '.join(cells)} |" for cells in table)]
    named = {group.name: group for group in groups}
    pairs = [(named[one], named[other]) for one, other in PAIRS if one in named and other in named]
    for pair in pairs:
        lines += ["", mcnemar(*pair)]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the page that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.results", description=__doc__, allow_abbrev=False)
    parser.add_argument("runs", nargs="+", type=Path, help="run folders, or folders of them")
    parser.add_argument("--out", type=Path, default=Path("docs/results.md"), help="file for the page")
    flags = parser.parse_args(argv)
    try:
        flags.out.write_text(page(find_runs(flags.runs)), encoding="utf-8")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
