"""generate: continue a text with a language model."""

import argparse
import logging

from jaxflow.commands.arguments import CHECKPOINT, EXPERIMENT, Flag, select_experiment
from jaxflow.errors import UserError

HELP = "continue a text with a language model"
SETTINGS = (
    Flag("tokens", "N", "how many tokens to generate at most (200)", int),
    Flag("temperature", "T", "what logits are divided by (0.8); 0 always takes the likeliest token", float),
    Flag("top_k", "N", "draw from the N likeliest tokens alone", int),
    Flag("top_p", "P", "draw from the likeliest tokens alone that have probability P together", float),
    Flag("seed", "N", "another one draws other texts (0)", int),
)
FLAGS = (*EXPERIMENT, Flag("prompt", "TEXT", "how the text begins"), *SETTINGS, CHECKPOINT)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Continues a prompt and shows the whole text."""
    from jaxflow.console import OF_LINES
    from jaxflow.deployment.generate import generate

    experiment, workdir, _ = select_experiment(arguments)
    if arguments.prompt is None:
        raise UserError("generate needs --prompt TEXT, how the text begins")
    given = {flag.name: getattr(arguments, flag.name) for flag in SETTINGS}
    given = {name: value for name, value in given.items() if value is not None}
    texts = generate(workdir, [arguments.prompt], checkpoint=arguments.checkpoint, experiment=experiment, **given)
    logger.info(arguments.prompt + texts[0], extra=OF_LINES)
