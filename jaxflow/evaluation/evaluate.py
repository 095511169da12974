"""The test split, once: metrics, predictions, figures."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.errors import UserError
from jaxflow.evaluation.report import report_figures
from jaxflow.experiment import Experiment, load_data
from jaxflow.file_io import write_table
from jaxflow.reports.page import write_page
from jaxflow.runs.metrics_log import read_metrics
from jaxflow.runs.results import read_results, update_results
from jaxflow.runtime.distributed import on_main
from jaxflow.schema import Split
from jaxflow.training.eval_loop import evaluate_split
from jaxflow.training.trained import Trained, check_same_data, read_trained

logger = logging.getLogger("jaxflow")


def evaluate(
    workdir: str | Path,
    *,
    checkpoint: str = "last",
    experiment: Experiment | None = None,
    dataset: Dataset | None = None,
) -> dict[str, Any]:
    """Evaluates a trained run on its test split; every example counts exactly once.

    Args:
      workdir: the run folder; gets results.json, predictions/test.csv and report/.
      checkpoint: "last", "best" (by validation) or a step.
      experiment: the run's own, where paths or the like differ from its folder's.
      dataset: the experiment's data, if it is loaded already.

    Returns:
      The run's results, as in results.json.

    Raises:
      UserError: there is no trained run, or its data has no test split.
    """
    workdir = Path(workdir)
    trained = read_trained(workdir, checkpoint, experiment)
    dataset = dataset or load_data(trained.experiment)
    check_same_data(workdir, trained, dataset)
    splits = dataset.splits
    if "test" not in splits:
        raise UserError(f"the data of {workdir} has no test split; it has {', '.join(splits)}")
    layout = trained.program.layout
    batch_size = trained.program.evaluation_batch_size(splits["test"])
    metrics, predictions = evaluate_split(
        trained.program.compile_eval_step(), trained.state.variables(), splits["test"], batch_size, layout
    )
    return on_main(lambda: _write(workdir, trained, splits, metrics, predictions))


def _write(
    workdir: Path, trained: Trained, splits: Mapping[str, Split], metrics: dict[str, float], predictions: np.ndarray
) -> dict[str, Any]:
    """Writes what an evaluation leaves in the run folder, and gives all of the run's results."""
    test = splits["test"]
    schema, problem = trained.program.schema, trained.program.experiment.problem
    baseline = problem.baseline(splits["train"].targets, test.targets)
    results = read_results(workdir)
    before = results.get("test_evaluations", 0)
    if before:
        logger.info(f"the test split was evaluated {before} times before; choose models by validation, not by the test")
    new = {"test": metrics, "baseline": baseline, "test_step": trained.step, "test_evaluations": before + 1}
    ids = [test.id(index) for index in range(len(test))]
    try:
        table = {"id": ids, **problem.prediction_table(schema, predictions, test.targets)}
        write_table(workdir / "predictions" / "test.csv", table)
        _write_report(workdir, trained, results | new, test, predictions)
        return update_results(workdir, new)  # last: results that are there have their files beside them
    except OSError as error:
        raise UserError(f"cannot write to {workdir}: {error.strerror}") from error


def _write_report(
    workdir: Path, trained: Trained, results: dict[str, Any], test: Split, predictions: np.ndarray
) -> None:
    folder = workdir / "report"
    lines, names = read_metrics(workdir), list(results["test"])
    pictures = report_figures(lines, names, trained.program.schema, test, predictions, folder)
    rows = {name: results[name] for name in ("validation", "test", "baseline") if name in results}
    experiment = (workdir / "experiment.json").read_text()
    write_page(folder / "index.html", f"{workdir.name}, step {trained.step}", rows, pictures, experiment)
