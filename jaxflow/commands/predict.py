"""predict: write a trained run's predictions for new data."""

import argparse
import logging

from jaxflow.commands.arguments import CHECKPOINT, EXPERIMENT, Flag, select_experiment
from jaxflow.errors import UserError

HELP = "predict new data: a table of predictions, a submission for Kaggle"
NEW_DATA = "an .npy or .npz array, an image, a folder of images, a table or texts"
FLAGS = (
    *EXPERIMENT,
    Flag("input", "PATH", NEW_DATA),
    Flag("output", "FILE", "the table to write; without it predictions/new/<input>.csv of the run folder"),
    Flag("submission", "CLASS", "write id,label as Kaggle wants it, with the probability of this class or label"),
    Flag("bad", "skip|stop", "leave out what cannot be read and count it, or stop there", default="stop"),
    CHECKPOINT,
)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Predicts new data and shows where the predictions are."""
    from jaxflow.deployment.predict import predict

    experiment, workdir, _ = select_experiment(arguments)
    if not arguments.input:
        raise UserError(f"predict needs --input PATH: {NEW_DATA}")
    output = predict(
        workdir,
        arguments.input,
        arguments.output,
        experiment=experiment,
        submission=arguments.submission,
        bad=arguments.bad,
        checkpoint=arguments.checkpoint,
    )
    logger.info(f"predictions: {output}")
