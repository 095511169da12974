"""replay: compute a past training step again and compare it with the log."""

import argparse
import logging

from jaxflow.commands.arguments import EXPERIMENT, Flag, select_experiment
from jaxflow.errors import UserError
from jaxflow.ranges import whole_number

HELP = "compute a past step again and compare it with the log"
FLAGS = (*EXPERIMENT, Flag("step", "N", "the number of a training step"))
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Replays a step and shows its metrics beside the logged loss."""
    from jaxflow.training.replay import replay

    experiment, workdir, _ = select_experiment(arguments)
    step = whole_number(arguments.step or "")
    if step is None:
        raise UserError("replay needs --step N, the number of a training step")
    metrics, logged = replay(workdir, step, experiment=experiment)
    values = "  ".join(f"{name} {value:.9g}" for name, value in metrics.items())
    logger.info(f"step {step} again: {values}")
    logger.info("logged then: " + ("no line for this step" if logged is None else f"loss {logged:.9g}"))
