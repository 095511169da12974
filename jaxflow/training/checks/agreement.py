"""Checks that the processes of a run train the same: each reads the experiment and its data for itself."""

import json
from collections.abc import Mapping
from typing import Any

import jax

from jaxflow.errors import UserError
from jaxflow.experiment import Experiment, differing_fields, dumps
from jaxflow.runtime.distributed import broadcast, run_on_all

# What of a checkpoint's meta shows that two processes read the same data. What is fitted may differ in its last bits.
OF_DATA = ("schema", "train_size", "train_ids")


def check_agreement(experiment: Experiment, meta: Mapping[str, Any]) -> None:
    """Checks that all processes have the experiment and the data of process 0, before they share a step.

    Args:
      experiment: this process's.
      meta: of its data, as a checkpoint carries it.

    Raises:
      UserError: on every process, where one of them has others.
    """
    if not jax.distributed.is_initialized():
        return
    described, data = broadcast([json.loads(dumps(experiment)), {name: meta[name] for name in OF_DATA}])

    def compare() -> None:
        process, own = jax.process_index(), json.loads(json.dumps(dict(meta)))
        changed = differing_fields(described, experiment)
        if changed:
            raise UserError(
                f"process {process} has another experiment than process 0 ({'; '.join(changed)}); give all of them the "
                "same command"
            )
        if any(data[name] != own[name] for name in OF_DATA):
            raise UserError(
                f"process {process} reads other data than process 0, of {own['train_size']:,} training examples and "
                f"{data['train_size']:,}; give all of them the same"
            )

    run_on_all(compare)
