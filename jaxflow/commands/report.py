"""report: write a run's report again from its folder."""

import argparse
import logging

from jaxflow.commands.arguments import EXPERIMENT, select_experiment

HELP = "write the report again: reads the data, trains and evaluates nothing"
FLAGS = EXPERIMENT
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Writes the report of an evaluated run."""
    from jaxflow.evaluation.report.rebuild import rebuild_report

    experiment, workdir, _ = select_experiment(arguments)
    logger.info(f"report: {rebuild_report(workdir, experiment=experiment)}")
