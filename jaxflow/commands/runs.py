"""runs: which runs there are."""

import argparse
import logging
from pathlib import Path

from jaxflow.errors import UserError

HELP = "list a folder's runs, as index.html too: state, metrics, age"
OPERANDS = "[FOLDER]"
FLAGS = ()
# Metrics that a line shows, at most.
SHOWN = 3
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Shows a line for each run, the newest first, and writes a page of them."""
    from jaxflow.console import format_number, format_table
    from jaxflow.evaluation.comparison.index import write_index
    from jaxflow.file_io import storage_error
    from jaxflow.runs.listing import age_of, list_runs

    if len(arguments.operands) > 1:
        raise UserError(f"name one folder, not {len(arguments.operands)}")
    folder = Path(arguments.operands[0] if arguments.operands else "runs")
    if not folder.is_dir():
        raise UserError(f"no folder {folder}; name the one that holds the runs")
    found = list_runs(folder)
    if not found:
        raise UserError(f"no run in {folder}; name the folder that holds the runs, or train first")
    rows = [
        (
            str(each.folder),
            each.state,
            age_of(each.age),
            each.split,
            "  ".join(f"{name} {format_number(value)}" for name, value in list(each.metrics.items())[:SHOWN]),
        )
        for each in found
    ]
    for line in format_table([("run", "state", "age", "of", "metrics"), *rows]):
        logger.info(line)
    with storage_error(folder):
        logger.info(f"written: {write_index(folder, found)}")
