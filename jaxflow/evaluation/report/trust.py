"""Whether a report's numbers can be trusted: what needs no model, intervals, overfitting, use of the test, the data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from jaxflow.evaluation.metrics.intervals import FEW_UNITS
from jaxflow.evaluation.report.headline import Headline
from jaxflow.evaluation.report.rivals import Verdict
from jaxflow.reports.blocks import Remark, Severity
from jaxflow.reports.wording import between, count, epoch, percent, times
from jaxflow.runs.results import Results, interval_name, values_alone
from jaxflow.runtime.regular_files import read_regular

# Mean difference of probabilities and frequencies from which on they cannot be believed.
MISCALIBRATED = 0.05
# Targets that are compared with what does without the model, the worst first.
MAX_VERDICTS = 5
# Bytes of what explore found, at most.
MAX_BYTES = 1 << 26


@dataclass(frozen=True)
class Chosen:
    """Where validation was best.

    Attributes:
      epoch: of the best validation.
      last: epoch of the last one.
      metric: that says so.
      value: of it then.
      tested: epoch of the checkpoint that was tested; None where it is not known.
    """

    epoch: float
    last: float
    metric: str
    value: float
    tested: float | None


def remarks(
    results: Results, found: Headline, judged: Sequence[Verdict], chosen: Chosen | None, workdir: Path, command: str
) -> list[Remark]:
    """Returns what a reader must know before believing the numbers, what matters most first.

    Args:
      results: of the run.
      found: the metric that is compared.
      judged: whether the model does better than what does without it.
      chosen: where validation was best; None without validation.
      workdir: the run folder.
      command: how the program is called.
    """
    made = [*_baselines(found, judged), _units(results, found), _overfitting(chosen), _looks(results)]
    made.append(_calibration(results))
    if results.get("skipped_steps", 0):
        many = results.get("skipped_steps", 0)
        made.append(Remark("problem", f"{many:,} training steps were skipped: gradient or state were not finite."))
    made += _findings(workdir, command)
    order = get_args(Severity)
    return sorted((remark for remark in made if remark), key=lambda remark: order.index(remark.severity))


def _baselines(found: Headline, judged: Sequence[Verdict]) -> list[Remark]:
    if not judged:
        return [Remark("note", "There is no baseline to compare with: nothing says whether a model is needed at all.")]
    said = []
    for verdict in judged:
        own = f"{verdict.metric} {found.show(verdict.own)}{between(verdict.interval, found.show)}"
        against = f"{own} against {found.show(verdict.rival.value)}"
        if verdict.clear:
            said.append(Remark("good", f"Better than {verdict.rival.name}: {against}."))
        elif not verdict.doubted:
            alone = "no interval says how surely"
            said.append(Remark("note", f"The model is {verdict.words} {verdict.rival.name}: {against}; {alone}."))
        else:
            way = "more test data would tell" if verdict.better else "what it learned is not needed"
            said.append(Remark("problem", f"The model is {verdict.words} {verdict.rival.name}: {against}; {way}."))
    return said[:MAX_VERDICTS]


def _units(results: Results, found: Headline) -> Remark | None:
    text = results.get("test_units")
    if text is None:
        return None
    number = int(text.partition(" ")[0].replace(",", "")) if text[:1].isdigit() else 0
    if number < FEW_UNITS:
        return Remark(
            "problem",
            f"The test split has {text}: too few to resample, so intervals are missing or too narrow."
            f"{_by_rows(results, found)}",
        )
    whole = "" if text.endswith(("example", "examples")) else ", each as a whole, since what is inside is alike"
    return Remark(
        "good", f"Intervals (95%) come from resampling the test split's {text}{whole}.{_by_rows(results, found)}"
    )


def _by_rows(results: Results, found: Headline) -> str:
    """Returns which interval resampling examples would give; "" where they are the units."""
    by_rows = results.get("test_row_intervals", {}).get(found.metric)
    if by_rows is None:
        return ""
    interval = results.get("test", {}).get(interval_name(found.metric))
    units = between(interval, found.show).strip() if isinstance(interval, list) else "no interval at all"
    rows = between(by_rows, found.show).strip()
    return f" Resampling examples as if they were independent would give {found.metric} {rows} instead of {units}."


def _overfitting(chosen: Chosen | None) -> Remark | None:
    if chosen is None:
        return Remark("note", "There is no validation split: nothing says when training should have ended.")
    best = f"Validation {chosen.metric} was best at epoch {epoch(chosen.epoch)} of {epoch(chosen.last)}"
    tested = "" if chosen.tested is None else f"; the checkpoint of epoch {epoch(chosen.tested)} was tested"
    if chosen.epoch > 2 / 3 * chosen.last or chosen.last - chosen.epoch < 3:
        late = " and may still improve: more epochs may help" if chosen.epoch == chosen.last else ""
        return Remark("note" if late else "good", f"{best}{late}{tested}.")
    if chosen.tested is not None and abs(chosen.tested - chosen.epoch) < 0.5:
        return Remark("note", f"{best}, and worse from there on: that checkpoint was tested.")
    return Remark("problem", f"Overfitting: {best[0].lower()}{best[1:]}{tested}. Evaluate with --checkpoint best.")


def _calibration(results: Results) -> Remark | None:
    """Returns whether probabilities may be read as frequencies; None of what has none, or of a few examples."""
    test = results.get("test", {})
    interval = test.get(interval_name("calibration_error"))
    if not isinstance(interval, list):
        return None
    off = (
        f"{percent(values_alone(test)['calibration_error'], 100)}{between(interval, lambda share: percent(share, 100))}"
    )
    if interval[0] > MISCALIBRATED:
        return Remark("problem", f"Its probabilities are off by {off} on average: do not read them as frequencies.")
    return Remark("good", f"Its probabilities are off by {off} on average.")


def _looks(results: Results) -> Remark | None:
    looks = results.get("test_evaluations", 0)
    if looks <= 1:
        return Remark("good", "The test split was evaluated once.") if looks else None
    return Remark(
        "note",
        f"The test split was evaluated {times(looks)}. Choose models by validation: a test that chooses flatters them.",
    )


def _findings(workdir: Path, command: str) -> list[Remark]:
    """Returns what explore found, from data.json; of notes only how many there are."""
    try:
        described: Any = json.loads(read_regular(workdir / "data.json", MAX_BYTES))
        found = [_remark(finding) for finding in described["findings"]]
    except FileNotFoundError:
        return [
            Remark("note", f"Leaks and odd labels were not looked for: {command} explore --workdir {workdir} does.")
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [
            Remark("note", f"What explore found cannot be read: {command} explore --workdir {workdir} writes it anew.")
        ]
    grave = [remark for remark in found if remark.severity != "note"]
    notes = len(found) - len(grave)
    if not grave:
        more = f", {count(notes, 'note')}" if notes else ""
        return [Remark("good", f"No leak and no problem was found in the data{more}.")]
    return grave


def _remark(finding: Mapping[str, Any]) -> Remark:
    severity = finding["severity"] if finding["severity"] in get_args(Severity) else "note"
    names = tuple(str(name) for name in finding.get("ids", ()))
    return Remark(cast(Severity, severity), f"In the data: {finding['message']}: {finding['advice']}.", names)
