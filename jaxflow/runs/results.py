"""results.json: the outcome of a run."""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from jaxflow.errors import UserError, program_name
from jaxflow.file_io import write_atomically
from jaxflow.ranges import is_number
from jaxflow.runtime.regular_files import read_regular
from jaxflow.serialization import json_digest

logger = logging.getLogger("jaxflow")

# What a run is known by: the first of these that was measured, of several columns that of the first.
HEADLINES = ("iou", "perplexity", "entity_f1", "cer", "pinball", "explained_variance", "accuracy", "rmse", "loss")
# Bytes of the file, at most.
MAX_BYTES = 1 << 24


class Results(TypedDict, total=False):
    """The entries of results.json; each is present as soon as it is known.

    In the file there is one more, "digest", by which damage is noticed.

    Attributes:
      validation: metrics of the validation split by the checkpoint that training ended with, by name.
      test: metrics of the test split, and "NAME_interval" of those that have one: [low, high].
      baseline: metrics of predicting the test split from nothing but the training targets; of series those of the
        better naive forecast, by each metric.
      baselines: scores of other ways to predict, by name: rules that need no model, such as the most frequent class or
        the last value of a series, and simple models.
      baseline_notes: by the name of a simple model, how much of the data it saw, or why it was left out.
      baseline_seconds: that simple models were allowed.
      test_step: step of the checkpoint that was tested.
      test_contents: digests of the test split, as `data.fingerprint` computes them.
      test_units: what the test split's intervals resample, such as "24 groups".
      test_row_intervals: where those are no examples, the intervals that resampling examples would give, which are too
        narrow: [low, high] of the metric that the report begins with.
      test_evaluations: how often the test split was evaluated.
      thresholds: probabilities from which on an answer of yes is the best, on the split that "split" names: "costs", by
        what a false negative costs, or "f1", by label.
      slices: where the test's errors are larger than elsewhere, as `measure_slices` returns it.
      steps: training steps of the whole run; fewer where it stopped early.
      checkpoint_step: step of the checkpoint that training ended with: the last, with early stopping the best.
      skipped_steps: steps that were skipped since gradients or new state were not finite.
      excluded_examples: examples that the source excluded.
      state_bytes_per_device: bytes of the train state on one device.
      parameters: numbers that the model learned.
      examples_per_second: training examples a second, without compilation, evaluation and checkpoints.
      seconds: time that this was measured over, in all of the run's lives.
      cpu_seconds: what processors worked for this process in that time, all threads together.
    """

    validation: dict[str, float]
    test: dict[str, float | list[float]]
    baseline: dict[str, float]
    baselines: dict[str, dict[str, float]]
    baseline_notes: dict[str, str]
    baseline_seconds: float
    test_step: int
    test_contents: dict[str, str]
    test_units: str
    test_row_intervals: dict[str, list[float]]
    test_evaluations: int
    thresholds: dict[str, Any]
    slices: dict[str, Any]
    steps: int
    checkpoint_step: int
    skipped_steps: int
    excluded_examples: int
    state_bytes_per_device: int
    parameters: int
    examples_per_second: float
    seconds: float
    cpu_seconds: float


def interval_name(metric: str) -> str:
    """Returns the name that a metric's interval has beside it; of "rmse/price" it is "rmse_interval/price"."""
    name, slash, column = metric.partition("/")
    return f"{name}_interval{slash}{column}"


def values_alone(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Returns metrics without their intervals."""
    return {name: value for name, value in metrics.items() if not isinstance(value, list)}


def headline_metric(metrics: Iterable[str]) -> str | None:
    """Returns which of the names of metrics a run is known by; None where there is none of HEADLINES."""
    names = list(metrics)
    shown = (name for start in HEADLINES for name in names if name == start or name.startswith(f"{start}/"))
    return next(shown, None)


def read_results(workdir: Path) -> Results:
    """Reads results.json; {} if the run has none yet, or if it is damaged, which is logged.

    Nothing depends on it: what it holds follows from the checkpoints, and training and evaluation write it again.
    """
    try:
        return require_results(workdir)
    except UserError as error:
        logger.warning(f"{error}")
        return {}


def require_results(workdir: Path) -> Results:
    """Reads results.json; {} if the run has none yet.

    Raises:
      UserError: it is damaged.
    """
    path = workdir / "results.json"
    try:
        results = json.loads(read_regular(path, MAX_BYTES))
        digest = results.pop("digest", None)
        intact = digest == json_digest(results)[:16] or (digest is None and not _is_sealed(workdir))
        if intact and all(_fits(name, value) for name, value in results.items()):
            return cast(Results, results)
    except FileNotFoundError:
        return {}
    except (UserError, ValueError, RecursionError, AttributeError, TypeError):
        pass
    raise UserError(f"{path} is damaged and not used; {program_name()} train and evaluate write it again")


def update_results(workdir: Path, results: Mapping[str, Any]) -> Results:
    """Replaces entries of results.json, all at once.

    Returns:
      All results.
    """
    return write_results(workdir, read_results(workdir) | results)


def write_results(workdir: Path, results: Mapping[str, Any]) -> Results:
    """Writes results.json, and returns what it holds."""
    text = json.dumps({**results, "digest": json_digest(results)[:16]}, indent=2)
    write_atomically(workdir / "results.json", text + "\n")
    return cast(Results, results)


def _fits(name: str, value: Any) -> bool:
    """Returns whether an entry is what it should be: a number, a whole one, or numbers by name."""
    annotation = Results.__annotations__.get(name)
    if annotation is int:
        return is_number(value) and isinstance(value, int)
    if annotation is float:
        return is_number(value)
    if not isinstance(value, dict):
        return annotation is not Results.__annotations__["test"]
    numbers = [part for each in value.values() for part in (each if isinstance(each, list) else [each])]
    return annotation not in (dict[str, float], Results.__annotations__["test"]) or all(map(is_number, numbers))


def _is_sealed(workdir: Path) -> bool:
    """Returns whether a run's files carry digests; those of earlier versions do not."""
    described = json.loads((workdir / "experiment.json").read_text(encoding="utf-8"))
    return "digest" in described
