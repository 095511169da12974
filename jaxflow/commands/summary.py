"""What a command says when it is done: what was trained on what, how well, and what comes next."""

import logging
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxflow.errors import command_line

if TYPE_CHECKING:
    from jaxflow.data.dataset import Dataset
    from jaxflow.experiment import Experiment
    from jaxflow.schema import Schema

logger = logging.getLogger("jaxflow")


def say_trained(experiment: "Experiment", dataset: "Dataset", results: Mapping[str, Any]) -> None:
    """Logs what was trained on what, where, and for how long."""
    import jax

    from jaxflow.console import format_rate
    from jaxflow.runtime.startup import describe_devices

    examples = ", ".join(f"{len(split):,} {name}" for name, split in dataset.splits.items())
    took = ""
    if "seconds" in results:
        took = f" in {results['seconds']:,.1f} s ({format_rate(results['examples_per_second'])})"
    logger.info(
        f"trained {type(experiment.model).__name__} on {type(experiment.data).__name__} ({examples} examples; "
        f"{_describe_target(dataset.schema)}) for {results['steps']:,} steps{took} on {describe_devices(jax.devices())}"
    )


def _describe_target(schema: "Schema") -> str:
    """Returns what there is to predict, in a few words."""
    count = len(schema.target.names)
    if schema.target.dense_shape and schema.inputs.kind == "audio":
        return f"texts of {count:,} different characters"
    if schema.inputs.kind == "tokens" and schema.target.dense_shape:
        return f"vocabulary of {count:,} tokens" if count == schema.inputs.vocab_size else f"{count:,} tags"
    words = {"class": ("class", "classes"), "number": ("value", "values"), "labels": ("label", "labels")}
    one, several = words.get(schema.target.kind, ("target", "targets"))
    return f"{count:,} {one if count == 1 else several}"


def say_metrics(results: Mapping[str, Any]) -> None:
    """Logs how well the run does on the splits that it was evaluated on, beside the baselines."""
    from jaxflow.console import format_metrics
    from jaxflow.runs.results import values_alone

    # Of all scores of the test those that it can be compared by; the report has the others.
    compared = {"loss", *results.get("validation", {}), *results.get("baseline", {})}
    measured = {name: results[name] for name in ("validation", "test") if name in results}
    measured |= {f"baseline, {name}": metrics for name, metrics in results.get("baselines", {}).items()}
    for name, metrics in measured.items():
        shown = {metric: value for metric, value in values_alone(metrics).items() if metric in compared}
        if shown:
            logger.info(f"{name}: {format_metrics(shown)}")


def say_next(verb: str, workdir: Path, more: str = "") -> None:
    """Logs the command that comes next, as it works from the folder that this one was started in."""
    logger.info(f"next: {command_line()} {verb} --workdir {shlex.quote(str(workdir))}{more}")
