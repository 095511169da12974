"""results.json: the outcome of a run."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from jaxflow.errors import UserError, program_name
from jaxflow.file_io import write_atomically
from jaxflow.ranges import is_number
from jaxflow.runtime.regular_files import read_regular
from jaxflow.serialization import json_digest

logger = logging.getLogger("jaxflow")

# Bytes of the file, at most.
MAX_BYTES = 1 << 24


class Results(TypedDict, total=False):
    """The entries of results.json; each is present as soon as it is known.

    In the file there is one more, "digest", by which damage is noticed.

    Attributes:
      validation: metrics of the validation split when training ended, by name.
      test: metrics of the test split.
      baseline: metrics of predicting the test split from nothing but the training targets; of series those of the
        better naive forecast, by each metric.
      baselines: of series, metrics of repeating the last value and the last season, by name.
      test_step: step of the checkpoint that was tested.
      test_contents: digests of the test split, as `data.fingerprint` computes them.
      test_evaluations: how often the test split was evaluated.
      steps: training steps of the whole run.
      checkpoint_step: step of the last checkpoint.
      skipped_steps: steps that were skipped since gradients or new state were not finite.
      excluded_examples: examples that the source excluded.
      state_bytes_per_device: bytes of the train state on one device.
      examples_per_second: training examples a second, without compilation, evaluation and checkpoints.
      seconds: time that this was measured over, in all of the run's lives.
    """

    validation: dict[str, float]
    test: dict[str, float]
    baseline: dict[str, float]
    baselines: dict[str, dict[str, float]]
    test_step: int
    test_contents: dict[str, str]
    test_evaluations: int
    steps: int
    checkpoint_step: int
    skipped_steps: int
    excluded_examples: int
    state_bytes_per_device: int
    examples_per_second: float
    seconds: float


def read_results(workdir: Path) -> Results:
    """Reads results.json; {} if the run has none yet, or if it is damaged, which is logged.

    Nothing depends on it: what it holds follows from the checkpoints, and training and evaluation write it again.
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
    logger.warning(f"{path} is damaged and not used; {program_name()} train and evaluate write it again")
    return {}


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
    metrics = value if annotation == dict[str, float] else {}
    return isinstance(metrics, dict) and all(map(is_number, metrics.values()))


def _is_sealed(workdir: Path) -> bool:
    """Returns whether a run's files carry digests; those of earlier versions do not."""
    described = json.loads((workdir / "experiment.json").read_text(encoding="utf-8"))
    return "digest" in described
