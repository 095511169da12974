"""train: fold the train step over batches, from the start or from the run's last checkpoint."""

import argparse
import logging

from jaxflow.commands.arguments import EXPERIMENT, OVERWRITE, PROCESSES, select_experiment
from jaxflow.errors import program_name

HELP = "train, or go on where the run folder stopped"
FLAGS = (*EXPERIMENT, OVERWRITE, *PROCESSES)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Trains and shows the validation metrics."""
    from jaxflow.console import format_metrics
    from jaxflow.training.loop import train

    experiment, workdir, source = select_experiment(arguments)
    results = train(experiment, workdir, source=source, overwrite=arguments.overwrite)
    if "validation" in results:
        logger.info(f"validation: {format_metrics(results['validation'])}")
    logger.info(f"run folder: {workdir}")
    logger.info(f"next: {program_name()} evaluate --workdir {workdir}")
