"""evaluate: the test split's metrics, predictions and report."""

import argparse
import logging

from jaxflow.commands.arguments import CHECKPOINT, EXPERIMENT, PROCESSES, select_experiment

HELP = "evaluate the test split: metrics, predictions/test.csv, report/index.html"
FLAGS = (*EXPERIMENT, CHECKPOINT, *PROCESSES)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Evaluates a trained run and shows its metrics."""
    from jaxflow.console import format_metrics
    from jaxflow.evaluation.evaluate import evaluate

    experiment, workdir, _ = select_experiment(arguments)
    results = evaluate(workdir, experiment=experiment, checkpoint=arguments.checkpoint)
    for split in ("validation", "test", "baseline"):
        if split in results:
            logger.info(f"{split}: {format_metrics(results[split])}")
    logger.info(f"look at: {workdir}/report/index.html")
