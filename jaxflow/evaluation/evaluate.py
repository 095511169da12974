"""The test split, once: metrics, predictions, figures."""

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TypeVar, cast

from jaxflow.console import format_metrics
from jaxflow.data.dataset import Dataset, lines_of
from jaxflow.data.fingerprint import fingerprint
from jaxflow.errors import UserError
from jaxflow.evaluation.records import Block, write_records
from jaxflow.evaluation.report import FigureData, figure_data, report_figures
from jaxflow.experiment import Experiment, load_data
from jaxflow.file_io import storage_error
from jaxflow.interfaces import Problem
from jaxflow.problems.metrics import metrics_of
from jaxflow.reports.page import write_page
from jaxflow.runs.folder import check_same_run
from jaxflow.runs.metrics_log import check_metrics, read_metrics
from jaxflow.runs.results import Results, read_results, write_results
from jaxflow.runtime.distributed import on_main
from jaxflow.schema import Split
from jaxflow.training.eval_loop import evaluate_split
from jaxflow.training.program import Program
from jaxflow.training.trained import Trained, check_same_data, read_trained, summarize_run

T = TypeVar("T")
logger = logging.getLogger("jaxflow")


def evaluate(
    workdir: str | Path,
    *,
    checkpoint: str = "last",
    experiment: Experiment | None = None,
    dataset: Dataset | None = None,
) -> Results:
    """Evaluates a trained run on its test split; every example counts exactly once.

    Args:
      workdir: the run folder; gets results.json, report/, predictions/test.csv and beside it, at full precision,
        test.parquet, or test.npz where each pixel or token has a target.
      checkpoint: "last", "best" (by validation) or a step.
      experiment: the run's experiment, where paths or the like differ from its folder's.
      dataset: the experiment's data, if it is loaded already.

    Returns:
      The run's results, as in results.json.

    Raises:
      UserError: there is no trained run, or its data has no test split.
    """
    workdir = Path(workdir)
    with storage_error(workdir):
        trained = read_trained(workdir, checkpoint, experiment)
        return _evaluate(workdir, trained, dataset or load_data(trained.experiment))


def _evaluate(workdir: Path, trained: Trained, dataset: Dataset) -> Results:
    check_same_data(workdir, trained, dataset)
    if "test" not in dataset.splits:
        raise UserError(f"the data of {workdir} has no test split; it has {', '.join(dataset.splits)}")
    program, test = trained.program, dataset.splits["test"]
    data, rows = figure_data(program.schema, test), program.evaluation_batch_size(test)
    program.check_evaluation_fits(rows)
    with ExitStack() as files:
        opened: list[Callable[[Block], None]] = []
        _write(workdir, lambda: opened.append(files.enter_context(_open_records(workdir, program, test))))

        def on_block(block: Block) -> None:
            data.add(block)
            _write(workdir, lambda: opened[0](block))

        metrics = evaluate_split(
            program.compile_eval_step(),
            trained.state.variables(),
            test,
            rows,
            program.layout,
            shift=program.target_shift,
            on_block=on_block,
        )
        _write(workdir, files.close)
    return _write(workdir, lambda: _write_results(workdir, trained, dataset, metrics, data))


def _write(workdir: Path, act: Callable[[], T]) -> T:
    """Writes into the run folder from process 0; an error of the disk is raised as a UserError on every process."""

    def guarded() -> T:
        with storage_error(workdir):
            return act()

    return on_main(guarded)


def _open_records(workdir: Path, program: Program, test: Split) -> AbstractContextManager[Callable[[Block], None]]:
    ids = [test.id(index) for index in range(len(test))]
    table = program.experiment.problem.prediction_table
    return write_records(workdir / "predictions", "test", program.schema, ids, table, lines_of(test))


def _write_results(
    workdir: Path, trained: Trained, dataset: Dataset, metrics: dict[str, float], data: FigureData
) -> Results:
    """Writes the report and the results of an evaluation, and returns all of the run's results."""
    check_same_run(workdir, trained.experiment)  # another one may have begun in the folder meanwhile
    test, problem = dataset.splits["test"], trained.program.experiment.problem
    baselines = _naive_baselines(problem, test)
    baseline = _best(baselines) or problem.baseline(dataset.splits["train"].targets, test.targets)
    results: Results = read_results(workdir)
    if trained.step == trained.program.total_steps:  # what is verified is known better than what was noted
        finished = summarize_run(trained.program, trained.state, dataset, trained.meta.get("metrics"))
        results = cast(Results, results | finished)
    else:
        validated = format_metrics(trained.meta.get("metrics") or {})
        logger.info(f"evaluated the checkpoint of step {trained.step}, whose validation was: {validated or 'none'}")
    contents, noted = fingerprint(test), results.get("test_contents", {})
    if noted.get("computed_by") == contents.get("computed_by") and noted and noted != contents:
        logger.warning("the test split is not the one that was evaluated before: its numbers do not compare with those")
    before = results.get("test_evaluations", 0)
    if before:
        times = "once" if before == 1 else f"{before} times"
        logger.info(f"the test split has been used {times} before; choose models by validation, not by the test")
    new: Results = {
        "test": metrics,
        "baseline": baseline,
        **({"baselines": baselines} if baselines else {}),
        "test_step": trained.step,
        "test_contents": contents,
        "test_evaluations": before + 1,
    }
    _say_if_useless(problem, metrics, baseline)
    _write_report(workdir, trained, results | new, test, data)
    return write_results(workdir, results | new)  # last: results that are written have their files beside them


def _naive_baselines(problem: Problem, test: Split) -> dict[str, dict[str, float]]:
    """Returns the metrics of a series' naive forecasts, by name; {} of other data, and of problems that score none."""
    forecasts, score = getattr(test, "naive_forecasts", None), getattr(problem, "forecast_errors", None)
    if forecasts is None or score is None:
        return {}
    return {name: score(values, test.targets) for name, values in forecasts().items()}


def _best(baselines: dict[str, dict[str, float]]) -> dict[str, float]:
    """Returns the lowest of each metric over baselines, which are errors; {} where there are none."""
    names = dict.fromkeys(name for metrics in baselines.values() for name in metrics)
    return {name: min(metrics[name] for metrics in baselines.values()) for name in names}


def _say_if_useless(problem: Problem, metrics: Mapping[str, float], baseline: Mapping[str, float]) -> None:
    """Logs a warning if what needs no model does better than the model by every metric that they share."""
    signs = {name: 1 if metric.higher_is_better else -1 for name, metric in metrics_of(problem).items()}
    shared = [name for name in signs if name in metrics and name in baseline]
    if shared and all(signs[name] * metrics[name] < signs[name] * baseline[name] for name in shared):
        name = shared[0]
        logger.warning(
            f"the baseline, which needs no model, does better: {name} {baseline[name]:.4g}, and the model's is "
            f"{metrics[name]:.4g}"
        )


def _write_report(workdir: Path, trained: Trained, results: Results, test: Split, data: FigureData) -> None:
    folder, lines = workdir / "report", read_metrics(workdir)
    check_metrics(workdir, trained.meta.get("log"))
    described = metrics_of(trained.program.experiment.problem)
    units = {name: described[name].unit if name in described else "" for name in results.get("test", {})}
    figures = report_figures(lines, units, data, trained.program.schema, test, folder)
    rows = {"validation": trained.meta.get("metrics") or results.get("validation"), "test": results.get("test")}
    rows |= results.get("baselines") or {"baseline": results.get("baseline")}
    rows = {name: metrics for name, metrics in rows.items() if metrics is not None}
    experiment = (workdir / "experiment.json").read_text(encoding="utf-8")
    write_page(folder / "index.html", f"{workdir.name}, step {trained.step}", rows, figures, experiment)
