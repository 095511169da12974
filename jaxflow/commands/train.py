"""train: fold the train step over batches, from the start or from the run's last checkpoint."""

import argparse
import logging

from jaxflow.commands.arguments import EXPERIMENT, OVERWRITE, PROCESSES, select_experiment
from jaxflow.commands.summary import say_metrics, say_next, say_trained

HELP = "train, or resume where the run folder stopped"
FLAGS = (*EXPERIMENT, OVERWRITE, *PROCESSES)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Trains and shows the validation metrics."""
    from jaxflow.experiment import load_data
    from jaxflow.file_io import storage_error
    from jaxflow.training.loop import train

    experiment, workdir, source = select_experiment(arguments)
    with storage_error(workdir):
        dataset = load_data(experiment)
    results = train(experiment, workdir, dataset=dataset, source=source, overwrite=arguments.overwrite)
    say_trained(experiment, dataset, results)
    if "validation" in results:
        say_metrics({"validation": results["validation"]})
    logger.info(f"run folder: {workdir}")
    say_next("evaluate", workdir)
