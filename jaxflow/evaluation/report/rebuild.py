"""The report once more, from what a run folder holds: nothing is trained or evaluated."""

import dataclasses
from pathlib import Path

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.fingerprint import fingerprint
from jaxflow.errors import UserError, program_name
from jaxflow.evaluation.report.errors.base import ErrorData
from jaxflow.evaluation.report.errors.collect import NoErrors, error_data, levels_of
from jaxflow.evaluation.report.errors.several import SeveralClasses
from jaxflow.evaluation.report.write import write_report
from jaxflow.evaluation.slice_columns import raw_columns
from jaxflow.evaluation.stored import read_columns, read_stored
from jaxflow.experiment import Experiment, load_data
from jaxflow.file_io import storage_error
from jaxflow.interfaces import Problem
from jaxflow.problems.autoencoding import Autoencoding
from jaxflow.problems.names import with_names
from jaxflow.problems.uncertainty.gaussian_regression import GaussianRegression
from jaxflow.runs.results import read_results
from jaxflow.schema import Target
from jaxflow.training.trained import experiment_of

# Examples that are passed on at once.
BLOCK = 4096


def rebuild_report(
    workdir: str | Path, *, experiment: Experiment | None = None, dataset: Dataset | None = None
) -> Path:
    """Writes a run's report again from results.json, metrics.jsonl and predictions/; the data is read for its examples.

    Args:
      workdir: the run folder, whose test split was evaluated.
      experiment: the run's experiment, where paths or the like differ from its folder's.
      dataset: the experiment's data, if it is loaded already.

    Returns:
      The page.

    Raises:
      UserError: there is no such run, its test split was not evaluated, or its predictions are missing, damaged or of
        other data.
    """
    workdir = Path(workdir)
    with storage_error(workdir):
        experiment = experiment_of(workdir, experiment)
        results, again = read_results(workdir), f"{program_name()} evaluate --workdir {workdir}"
        if "test" not in results:
            raise UserError(f"the test split of {workdir} was not evaluated; {again} does that and writes the report")
        dataset = dataset or load_data(experiment)
        problem = with_names(experiment.problem, dataset.schema)
        test = dataset.splits.get("test")
        if test is None or fingerprint(test) != results.get("test_contents", {}):
            raise UserError(
                f"the test split is not the one that {workdir} was evaluated on; {again} evaluates this one"
            )
        errors = error_data(dataset.schema, test, problem, answered=True)
        _collect(workdir, dataset, problem, errors, again)
        columns = raw_columns(experiment.data, dataset)
        write_report(workdir, dataclasses.replace(experiment, problem=problem), dataset, results, errors, columns)
    return workdir / "report" / "index.html"


def _collect(workdir: Path, dataset: Dataset, problem: Problem, errors: ErrorData, again: str) -> None:
    """Passes stored predictions to what collects them."""
    if isinstance(errors, NoErrors):  # whose predictions may be of any shape
        return
    target, test, path = dataset.schema.target, dataset.splits["test"], workdir / "predictions"
    arrays: dict[str, np.ndarray | None]
    if isinstance(errors, SeveralClasses):
        try:
            ids, answers = read_columns(workdir, np.array([f"answer_{name}" for name in target.names]))
        except UserError:  # of an earlier version, or the problem answers with something else
            return
        arrays = {"answer": answers}
    elif target.dense_shape:
        stored = read_stored(workdir)
        ids, arrays = stored.ids, {"predictions": stored.predictions, "targets": stored.targets}
    else:
        ids, predictions = read_columns(workdir, _prediction_columns(target, problem))
        arrays = {"predictions": predictions}
    if len(ids) != len(test):
        raise UserError(f"{path} has {len(ids):,} examples and the test split {len(test):,}; {again} writes it anew")
    if ids.tolist() != [test.id(index) for index in range(len(test))]:
        raise UserError(f"{path} is of other examples than the test split's; {again} writes it anew")
    for start in range(0, len(test), BLOCK):
        here = slice(start, start + BLOCK)
        errors.add({name: values[here] for name, values in arrays.items() if values is not None})


def _prediction_columns(target: Target, problem: Problem) -> np.ndarray:
    """Returns the names of the columns that `write_records` writes of predictions, in the predictions' own shape."""
    if isinstance(problem, Autoencoding):
        return np.array("error")
    if target.kind == "class":
        return np.array([f"p_{name}" for name in target.names])
    if target.several:
        return np.array([f"prediction_{place}" for place in range(len(target.names))])
    ends = [""] if len(target.names) == 1 else [f"_{name}" for name in target.names]
    levels = [f"q{100 * level:g}" for level in levels_of(problem)]
    if isinstance(problem, GaussianRegression):
        levels = ["low", "prediction", "high"]
    return np.array([[f"{level}{end}" for end in ends] for level in levels] or [f"prediction{end}" for end in ends])
