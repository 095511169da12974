"""results.json: the outcome of a run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from jaxflow.errors import UserError, program_name
from jaxflow.file_io import write_atomically


class Results(TypedDict, total=False):
    """The entries of results.json; each is present as soon as it is known.

    Attributes:
      validation: metrics of the validation split when training ended, by name.
      test: metrics of the test split.
      baseline: metrics of predicting the test split from nothing but the training targets.
      test_step: step of the checkpoint that was tested.
      test_evaluations: how often the test split was evaluated.
      steps: training steps of the whole run.
      checkpoint_step: step of the last checkpoint.
      skipped_steps: steps that were skipped since gradients or new state were not finite.
      excluded_examples: examples that the source excluded.
      state_bytes_per_device: bytes of the train state on one device.
      examples_per_second: training examples a second, without compilation, evaluation and checkpoints.
      seconds: time that this was measured over.
    """

    validation: dict[str, float]
    test: dict[str, float]
    baseline: dict[str, float]
    test_step: int
    test_evaluations: int
    steps: int
    checkpoint_step: int
    skipped_steps: int
    excluded_examples: int
    state_bytes_per_device: int
    examples_per_second: float
    seconds: float


def read_results(workdir: Path) -> Results:
    """Reads results.json; {} if the run has none yet."""
    path = workdir / "results.json"
    try:
        results = json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        results = None
    if not isinstance(results, dict):
        raise UserError(f"{path} is damaged; remove it, and {program_name()} train and evaluate write it again")
    return cast(Results, results)


def update_results(workdir: Path, results: Mapping[str, Any]) -> Results:
    """Replaces entries of results.json, all at once.

    Returns:
      All results.
    """
    merged = read_results(workdir) | results
    write_atomically(workdir / "results.json", json.dumps(merged, indent=2) + "\n")
    return merged
