"""The test split, once: metrics, predictions, figures."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TypeVar, cast

from jaxflow.console import format_metrics, format_number
from jaxflow.data.dataset import Dataset, lines_of
from jaxflow.data.fingerprint import fingerprint
from jaxflow.errors import UserError
from jaxflow.evaluation.baselines.scored import kept_baselines, score_baselines
from jaxflow.evaluation.explanations.runs.examples import examples_of
from jaxflow.evaluation.explanations.runs.explain import explain
from jaxflow.evaluation.explanations.runs.values import write_explanations
from jaxflow.evaluation.measure import measure_split, row_intervals, twins_of
from jaxflow.evaluation.metrics.scores import Units
from jaxflow.evaluation.reconstructions import write_reconstructions
from jaxflow.evaluation.records import Block, write_records
from jaxflow.evaluation.report.errors.base import ErrorData
from jaxflow.evaluation.report.errors.collect import error_data
from jaxflow.evaluation.report.headline import headline
from jaxflow.evaluation.report.rivals import verdicts
from jaxflow.evaluation.report.slices import measure_slices
from jaxflow.evaluation.report.write import write_report
from jaxflow.evaluation.scoring import LossData, ScoreData, score_data
from jaxflow.evaluation.slice_columns import raw_columns, slice_columns
from jaxflow.evaluation.thresholds import validated_thresholds
from jaxflow.evaluation.units import count_of, split_units
from jaxflow.experiment import Experiment, load_data
from jaxflow.file_io import storage_error
from jaxflow.interfaces import Problem
from jaxflow.reports.wording import between, times
from jaxflow.runs.folder import check_same_run
from jaxflow.runs.metrics_log import check_metrics
from jaxflow.runs.results import Results, interval_name, read_results, values_alone, write_results
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
    checkpoint: str | None = None,
    experiment: Experiment | None = None,
    dataset: Dataset | None = None,
    baselines: float = 0.0,
) -> Results:
    """Evaluates a trained run on its test split; every example counts exactly once.

    Args:
      workdir: the run folder; gets results.json, report/, predictions/test.csv and beside it, at full precision,
        test.parquet, or test.npz where each pixel or token has a target.
      checkpoint: "last", "best" (by validation) or a step; None for the last, of a run with early stopping the best.
      experiment: the run's experiment, where paths or the like differ from its folder's.
      dataset: the experiment's data, if it is loaded already.
      baselines: seconds that simple models may be fitted to the training split for, linear ones and gradient boosting,
        which are scored beside the model; 0 fits none. What needs no model is scored in any case.

    Returns:
      The run's results, as in results.json.

    Raises:
      UserError: there is no trained run, its data has no test split, or `baselines` is no time.
    """
    if not 0 <= baselines < math.inf:
        raise UserError(f"baselines is {baselines}; it takes seconds, 0 for none")
    workdir = Path(workdir)
    with storage_error(workdir):
        trained = read_trained(workdir, checkpoint, experiment)
        return _evaluate(workdir, trained, dataset or load_data(trained.experiment), baselines)


def _evaluate(workdir: Path, trained: Trained, dataset: Dataset, seconds: float) -> Results:
    check_same_data(workdir, trained, dataset)
    if "test" not in dataset.splits:
        raise UserError(f"the data of {workdir} has no test split; it has {', '.join(dataset.splits)}")
    program, test = trained.program, dataset.splits["test"]
    problem, rows = program.experiment.problem, program.evaluation_batch_size(test)
    data, scored = error_data(program.schema, test, problem), (LossData(), score_data(program.schema, test, problem))
    examples = examples_of(problem, program.schema)
    program.check_evaluation_fits(rows)
    units = split_units(dataset, "test")
    with ExitStack() as files:
        opened: list[Callable[[Block], None]] = []
        _write(workdir, lambda: opened.append(files.enter_context(_open_records(workdir, program, test, units))))

        def on_block(block: Block) -> None:
            for collected in (data, examples, *scored):
                collected.add(block)
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
    variables = trained.state.variables()
    _write(workdir, lambda: write_reconstructions(workdir / "predictions", program, variables, test, data))
    thresholds = validated_thresholds(program, variables, dataset, rows)
    measured = _write(workdir, lambda: _measure(trained, test, scored, units, metrics))
    contents = fingerprint(test)
    rivals = _write(workdir, lambda: _baselines(workdir, dataset, problem, contents, seconds))
    _write(workdir, lambda: write_explanations(workdir, explain(trained, dataset, examples, units)))
    found: Results = {**measured, **rivals, "thresholds": thresholds, "test_contents": contents}
    return _write(workdir, lambda: _write_results(workdir, trained, dataset, found, units, data))


def _measure(
    trained: Trained, test: Split, scored: Sequence[ScoreData], units: Units, metrics: dict[str, float]
) -> Results:
    """Returns the entries of the results that are about the test split's metrics."""
    problem, schema = trained.program.experiment.problem, trained.program.schema
    known = measure_split(scored, units, metrics, twins_of(problem, schema))
    found = headline(values_alone(known), schema, problem, len(test))
    by_rows = row_intervals(scored, units, found.metric)
    return {"test": known, "test_units": count_of(units), "test_row_intervals": by_rows}


def _baselines(
    workdir: Path, dataset: Dataset, problem: Problem, contents: Mapping[str, str], seconds: float
) -> Results:
    """Returns the entries of the results that are about baselines: those of an earlier evaluation, or new ones."""
    kept = kept_baselines(read_results(workdir), contents, seconds)
    return kept or score_baselines(dataset, problem, seconds)


def _write(workdir: Path, act: Callable[[], T]) -> T:
    """Writes into the run folder from process 0; an error of the disk is raised as a UserError on every process."""

    def guarded() -> T:
        with storage_error(workdir):
            return act()

    return on_main(guarded)


def _open_records(
    workdir: Path, program: Program, test: Split, units: Units
) -> AbstractContextManager[Callable[[Block], None]]:
    ids = [test.id(index) for index in range(len(test))]
    problem, folder = program.experiment.problem, workdir / "predictions"
    return write_records(
        folder, "test", program.schema, ids, problem.prediction_table, lines_of(test), units, problem.answer
    )


def _write_results(
    workdir: Path,
    trained: Trained,
    dataset: Dataset,
    measured: Results,
    units: Units,
    data: ErrorData,
) -> Results:
    """Writes the report and the results of an evaluation, and returns all of the run's results."""
    check_same_run(workdir, trained.experiment)  # another one may have begun in the folder meanwhile
    test, results = dataset.splits["test"], read_results(workdir)
    early = trained.experiment.early_stopping is not None
    if trained.step == trained.program.total_steps and not early:  # what is verified is known better
        finished = summarize_run(trained.program, trained.state, dataset, trained.meta.get("metrics"))
        results = cast(Results, results | finished)
    elif trained.step != results.get("checkpoint_step"):
        validated = format_metrics(trained.meta.get("metrics") or {})
        logger.info(f"evaluated the checkpoint of step {trained.step}, whose validation was: {validated or 'none'}")
    contents, noted = measured.get("test_contents", {}), results.get("test_contents", {})
    if noted.get("computed_by") == contents.get("computed_by") and noted and noted != contents:
        logger.warning("the test split is not the one that was evaluated before: its numbers do not compare with those")
    before = results.get("test_evaluations", 0)
    if before:
        logger.info(
            f"the test split has been used {times(before)} before; choose models by validation, not by the test"
        )
    columns = raw_columns(trained.experiment.data, dataset)
    new: Results = {
        **measured,
        "test_step": trained.step,
        "test_evaluations": before + 1,
        "slices": measure_slices(slice_columns(dataset, columns), data.measured(test), units),
    }
    _say(trained, new, len(test))
    check_metrics(workdir, trained.meta.get("log"))
    write_report(workdir, trained.program.experiment, dataset, results | new, data, columns)
    return write_results(workdir, results | new)  # last: results that are written have their files beside them


def _say(trained: Trained, results: Results, examples: int) -> None:
    """Logs the metric that says most, with its interval, and a warning where the model is not clearly worth it."""
    test = values_alone(results["test"])
    found = headline(test, trained.program.schema, trained.program.experiment.problem, examples)
    if found.metric in test:
        interval = results["test"].get(interval_name(found.metric))
        shown = between(interval, format_number) if isinstance(interval, list) else ", without an interval"
        logger.info(
            f"test {found.metric} {format_number(test[found.metric])}{shown}, over {results['test_units']}; "
            f"the test split was evaluated {times(results['test_evaluations'])}"
        )
    judged = verdicts(results, found.metric, found.higher_is_better)
    doubtful = [verdict for verdict in judged if verdict.doubted]
    if doubtful:
        worst, which = doubtful[0], f" ({len(doubtful)} of {len(judged)} targets)" if len(judged) > 1 else ""
        logger.warning(
            f"the model is {worst.words} {worst.rival.name}{which}: {worst.metric} {format_number(worst.own)} against "
            f"{format_number(worst.rival.value)}"
        )
