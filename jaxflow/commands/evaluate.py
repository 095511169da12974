"""evaluate: the test split's metrics, predictions and report."""

import argparse
import logging

from jaxflow.commands.arguments import BASELINES, CHECKPOINT, EXPERIMENT, PROCESSES, select_experiment
from jaxflow.commands.summary import say_metrics

HELP = "evaluate the test split: metrics, predictions/test.csv, report/index.html"
FLAGS = (*EXPERIMENT, CHECKPOINT, BASELINES, *PROCESSES)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Evaluates a trained run and shows its metrics."""
    from jaxflow.evaluation.evaluate import evaluate

    experiment, workdir, _ = select_experiment(arguments)
    results = evaluate(workdir, experiment=experiment, checkpoint=arguments.checkpoint, baselines=arguments.baselines)
    last = results["test_step"] == results.get("checkpoint_step", results["test_step"])
    say_metrics(results if last else {name: value for name, value in results.items() if name != "validation"})
    logger.info(f"report: {workdir}/report/index.html")
