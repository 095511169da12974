"""explore: describe the data and list its issues, before anything is trained."""

import argparse
import logging

from jaxflow.commands.arguments import EXPERIMENT, select_experiment

HELP = "describe the data before anything is trained: data.json, report/data.html"
FLAGS = EXPERIMENT
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Describes an experiment's data and shows the issues found."""
    from jaxflow.exploration.explore import explore

    experiment, workdir, _ = select_experiment(arguments)
    explore(experiment, workdir)
    logger.info(f"report: {workdir}/report/data.html")
