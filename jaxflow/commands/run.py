"""No verb: train, then evaluate the test split once."""

import argparse
import logging

from jaxflow.commands.arguments import EXPERIMENT, OVERWRITE, PROCESSES, select_experiment
from jaxflow.commands.summary import say_metrics, say_next, say_trained
from jaxflow.errors import UserError, program_name

HELP = "train, then evaluate the test split once"
FLAGS = (*EXPERIMENT, OVERWRITE, *PROCESSES)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Trains, or resumes the run, and evaluates the test split unless this was done already."""
    from jaxflow.experiment import load_data
    from jaxflow.file_io import storage_error
    from jaxflow.training.loop import train

    experiment, workdir, source = select_experiment(arguments)
    with storage_error(workdir):
        dataset = load_data(experiment)
    if "test" not in dataset.splits:
        raise UserError(f"the data has no test split to evaluate; give it one, or run {program_name()} train")
    results = train(experiment, workdir, dataset=dataset, source=source, overwrite=arguments.overwrite)
    if results.get("test_step") != results["steps"]:
        from jaxflow.evaluation.evaluate import evaluate  # now: what draws figures would delay the first step

        results = evaluate(workdir, experiment=experiment, dataset=dataset)
    say_trained(experiment, dataset, results)
    say_metrics(results)
    logger.info(f"run folder: {workdir}")
    logger.info(f"report: {workdir}/report/index.html")
    say_next("predict", workdir, " --input PATH")
