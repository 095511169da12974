"""No verb: train, then evaluate the test split once."""

import argparse
import logging

from jaxflow.commands.arguments import EXPERIMENT, OVERWRITE, PROCESSES, select_experiment
from jaxflow.errors import UserError, program_name

HELP = "train, then evaluate the test split once"
FLAGS = (*EXPERIMENT, OVERWRITE, *PROCESSES)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Trains, or resumes the run, and evaluates the test split unless this was done already."""
    from jaxflow.console import format_metrics
    from jaxflow.experiment import load_data
    from jaxflow.training.loop import train

    experiment, workdir, source = select_experiment(arguments)
    dataset = load_data(experiment)
    if "test" not in dataset.splits:
        raise UserError(f"the data has no test split to evaluate; give it one, or run {program_name()} train")
    results = train(experiment, workdir, dataset=dataset, source=source, overwrite=arguments.overwrite)
    if results.get("test_step") != results["steps"]:
        from jaxflow.evaluation.evaluate import evaluate  # now: what draws figures would delay the first step

        results = evaluate(workdir, experiment=experiment, dataset=dataset)
    for split in ("validation", "test", "baseline"):
        if split in results:
            logger.info(f"{split}: {format_metrics(results[split])}")
    logger.info(f"run folder: {workdir}")
    logger.info(f"look at: {workdir}/report/index.html")
    logger.info(f"next: {program_name()} predict --workdir {workdir} --input PATH")
