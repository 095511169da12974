"""find-rate: raise the learning rate step by step, and suggest one."""

import argparse
import logging

from jaxflow.commands.arguments import EXPERIMENT, Flag, select_experiment

HELP = "raise the learning rate step by step and suggest one: report/find-rate.png"
FLAGS = (
    *EXPERIMENT,
    Flag("steps", "N", "most steps; the test ends where the loss diverges", int, "200"),
    Flag("min", "RATE", "learning rate of the first step", float, "1e-6"),
    Flag("max", "RATE", "learning rate that it rises to", float, "10"),
)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Tests the range, draws the loss over it and shows the suggestion."""
    from jaxflow.exploration.rates import find_rate
    from jaxflow.file_io import storage_error
    from jaxflow.reports.figures.rates import rate_test
    from jaxflow.runs.opening import make_folder, require_run_folder

    experiment, workdir, _ = select_experiment(arguments)
    with storage_error(workdir, "choose another --workdir"):
        require_run_folder(workdir)
        found = find_rate(experiment, steps=arguments.steps, minimum=arguments.min, maximum=arguments.max)
        make_folder(workdir)
        figure = workdir / "report" / "find-rate.png"
        rate_test(found.rates, found.losses, found.smoothed, found.suggestion, figure)
    logger.info(
        f"learning rate {found.suggestion:.2g}: a tenth of {10 * found.suggestion:.2g}, where the smoothed loss was "
        f"lowest ({found.smoothed.min():.4g}, {len(found.losses)} steps); try --optimizer.learning_rate="
        f"{found.suggestion:.2g}"
    )
    logger.info(f"figure: {figure}")
