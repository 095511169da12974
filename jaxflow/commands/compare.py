"""compare: runs side by side."""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from jaxflow.commands.arguments import Flag
from jaxflow.errors import UserError, program_name

HELP = "compare evaluated runs: what differed, and whether it is more than chance"
OPERANDS = "RUN RUN ..."
FLAGS = (
    Flag("output", "JSON", "the comparison as JSON; without it compare.json in the folder that holds the runs", str),
    Flag("page", "HTML", "the comparison as a page; without it beside the JSON", str),
)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Compares the runs, shows the result as tables, and writes it as JSON and as a page."""
    import json

    from jaxflow.console import format_table
    from jaxflow.evaluation.comparison.compare import compare
    from jaxflow.evaluation.comparison.page import write_comparison
    from jaxflow.evaluation.comparison.to_json import to_json
    from jaxflow.evaluation.comparison.wording import estimated, sentence
    from jaxflow.file_io import storage_error, write_atomically

    if not arguments.operands:
        raise UserError(f"name two run folders at least: {program_name()} compare runs/a runs/b")
    found = compare(arguments.operands)
    names = [group.name for group in found.groups]
    shown = {name: [estimated(each)[0] for each in of] for name, of in found.estimates.items() if "/" not in name}
    for title, rows in (("differing field", found.differing), ("metric of the test split", shown)):
        for line in format_table([(title, *names), *((name, *values) for name, values in rows.items())]):
            logger.info(line)
    for each in found.differences:
        logger.info(f"{sentence(found, each)} That speaks of {each.about}.")
    for remark in found.remarks:
        logger.info(remark)
    output = Path(arguments.output) if arguments.output else _common_folder(arguments.operands) / "compare.json"
    page = Path(arguments.page) if arguments.page else output.with_suffix(".html")
    if page == output:
        raise UserError(f"--output and --page are both {output}; the one is JSON, the other a page")
    with storage_error(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output, json.dumps(to_json(found), indent=2, allow_nan=False) + "\n")
    with storage_error(page):
        write_comparison(found, page)
    logger.info(f"written: {output} and {page}")


def _common_folder(runs: Sequence[str]) -> Path:
    """Returns the folder that holds all runs; where that is none of the user's, the current one."""
    folder = Path(os.path.commonpath([Path(run).absolute().parent for run in runs]))
    here = Path.cwd()
    if folder == Path(folder.anchor) or not os.access(folder, os.W_OK):
        return Path()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
