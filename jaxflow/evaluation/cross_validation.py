"""All folds of an experiment, each a run, and what they say together."""

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxflow.console import format_metrics, format_number
from jaxflow.data.splitting.folds import KFold
from jaxflow.errors import UserError
from jaxflow.evaluation.evaluate import evaluate
from jaxflow.experiment import Experiment, load_data
from jaxflow.file_io import storage_error, write_atomically
from jaxflow.runs.results import values_alone
from jaxflow.runtime.distributed import on_main
from jaxflow.training.loop import train

logger = logging.getLogger("jaxflow")

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What folds say of a metric.

    Attributes:
      mean: its mean over the folds.
      std: its standard deviation from fold to fold.
      low: where the interval of the mean begins, that holds it with a confidence of CONFIDENCE.
      high: where it ends.
    """

    mean: float
    std: float
    low: float
    high: float


def cross_validate(
    experiment: Experiment,
    workdir: str | Path,
    *,
    source: Path | None = None,
    overwrite: bool = False,
    baselines: float = 0.0,
) -> dict[str, Estimate]:
    """Trains and tests every fold of an experiment, or goes on where that stopped.

    Args:
      experiment: what to train; its data are split by KFold, whose `fold` has no part in it.
      workdir: the folder of the folds: fold-0, fold-1, ... are run folders, folds.json is what they say together.
      source: the experiment's file, to be copied into the run folders.
      overwrite: starts again in folders that hold runs.
      baselines: seconds that simple models may be fitted for, as `evaluate` takes them, in each fold.

    Returns:
      By the test's metric: what the folds say of it.

    Raises:
      UserError: the data are not split by KFold, or a fold cannot be trained.
      StoppedError: a signal came; the folds and steps so far are saved.
    """
    folder, split = Path(workdir), getattr(experiment.data, "split", None)
    if not isinstance(split, KFold):
        held, way = f"data.split is {type(split).__name__}", "--data.split=KFold --data.split.folds=5 sets it"
        if not dataclasses.is_dataclass(split) and not isinstance(split, str):
            held, way = "this data has splits of its own", "leave --folds out"
        raise UserError(f"--folds all needs data.split=KFold(folds=5), and {held}; {way}")
    if (folder / "experiment.json").exists():
        raise UserError(f"{folder} holds a run, and folds are runs in a folder of their own; choose another --workdir")
    tests, ratios = [], []
    for fold in range(split.folds):
        data = dataclasses.replace(experiment.data, split=dataclasses.replace(split, fold=fold))
        run, run_folder = dataclasses.replace(experiment, data=data), folder / f"fold-{fold}"
        logger.info(f"fold {fold} of {split.folds}: {run_folder}")
        dataset = load_data(run)
        results = train(run, run_folder, dataset=dataset, source=source, overwrite=overwrite)
        if results.get("test_step") != results["checkpoint_step"]:
            results = evaluate(run_folder, experiment=run, dataset=dataset, baselines=baselines)
        tests.append(values_alone(results["test"]))
        logger.info(f"fold {fold} of {split.folds}: {format_metrics(tests[-1])}")
        ratios.append(len(dataset.splits["test"]) / len(dataset.splits["train"]))
    estimates = summarize_folds(tests, float(np.mean(ratios)))
    with storage_error(folder):
        on_main(lambda: _write(folder / "folds.json", tests, estimates))
    return estimates


def summarize_folds(tests: Sequence[Mapping[str, float]], ratio: float) -> dict[str, Estimate]:
    """Computes mean, standard deviation and interval of each metric over folds.

    Training sets of folds overlap, so their results are no independent draws, and the usual interval of a mean is too
    narrow. The variance is corrected by the ratio of test and training examples.

    Args:
      tests: the metrics of each fold.
      ratio: test examples by training examples.

    Returns:
      By metric, the estimate, of the folds where it is defined; none where that is a single one.

    Source: C. Nadeau and Y. Bengio, Inference for the Generalization Error, Machine Learning 52, 2003.
    """
    from scipy.stats import t as student

    estimates = {}
    for name in dict.fromkeys(name for test in tests for name in test):
        values = np.array([test[name] for test in tests if name in test])
        count = len(values)
        if count < len(tests):  # as AUROC, where a fold's test has one class alone
            logger.warning(f"{name} is that of {count} of {len(tests)} folds: it is not defined on the others' tests")
        if count < 2:
            continue
        mean, std = values.mean(), values.std(ddof=1)
        reach = student.ppf((1 + CONFIDENCE) / 2, count - 1) * std * np.sqrt(1 / count + ratio)
        estimates[name] = Estimate(*map(float, (mean, std, mean - reach, mean + reach)))
    return estimates


def format_estimate(estimate: Estimate) -> str:
    """Formats an estimate: mean, deviation, interval."""
    mean, std, low, high = map(format_number, dataclasses.astuple(estimate))
    return f"{mean} ± {std} ({CONFIDENCE:.0%} interval of the mean {low} to {high})"


def _write(path: Path, tests: Sequence[Mapping[str, float]], estimates: Mapping[str, Estimate]) -> None:
    summary = {name: dataclasses.asdict(estimate) for name, estimate in estimates.items()}
    write_atomically(path, json.dumps({"test": summary, "folds": list(tests)}, indent=2) + "\n")
