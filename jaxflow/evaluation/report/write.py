"""The report's page: what matters first, and everything that another would need to believe it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.console import format_rate
from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.describe import class_counts
from jaxflow.errors import program_name
from jaxflow.evaluation.report.errors.base import ErrorData, Tested
from jaxflow.evaluation.report.explanations import explanation_blocks
from jaxflow.evaluation.report.headline import headline, lead
from jaxflow.evaluation.report.model_card import model_card
from jaxflow.evaluation.report.rivals import verdicts
from jaxflow.evaluation.report.slices import slice_blocks
from jaxflow.evaluation.report.tables import facts, metric_tables, split_table
from jaxflow.evaluation.report.trust import Chosen, remarks
from jaxflow.experiment import Experiment
from jaxflow.file_io import write_atomically
from jaxflow.problems.metrics.base import metric_named, metrics_of
from jaxflow.reports.blocks import Block, Charts, Code, Fold, Remarks, Section, Text
from jaxflow.reports.figures.curves import curve_points, learning_curves
from jaxflow.reports.markdown import to_markdown
from jaxflow.reports.page import write_page
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import epoch
from jaxflow.runs.environment import read_environment, shell_command
from jaxflow.runs.metrics_log import read_metrics
from jaxflow.runs.results import Results, values_alone


def write_report(
    workdir: Path,
    experiment: Experiment,
    dataset: Dataset,
    results: Results,
    errors: ErrorData,
    columns: Mapping[str, np.ndarray],
) -> None:
    """Writes report/index.html, the figures that it shows, and report/model_card.md.

    Args:
      workdir: the run folder.
      experiment: what was run, its problem knowing the columns of the targets.
      dataset: its data.
      results: of the run, its test among them.
      errors: the predictions of the test split.
      columns: of its rows, as `raw_columns` returns them.
    """
    folder, lines, schema = workdir / "report", read_metrics(workdir), dataset.schema
    examples, problem = len(dataset.splits["test"]), experiment.problem
    found = headline(values_alone(results.get("test", {})), schema, problem, examples)
    chosen = best_validation(lines, experiment, results)
    judged = verdicts(results, found.metric, found.higher_is_better)
    environment = read_environment(workdir)
    known = remarks(results, found, judged, chosen, workdir, program_name())
    sections = [
        Section(
            "Can it be trusted?",
            [
                Remarks(known),
                *metric_tables(results, schema, _validation(lines, results)),
                *(Text(f"{name}: {note}.") for name, note in results.get("baseline_notes", {}).items()),
            ],
        ),
        Section("Errors", errors.blocks(Tested(dataset, folder, columns, results.get("thresholds", {})))),
        Section("Where it errs more", slice_blocks(results.get("slices", {}))),
        Section("What it looks at", explanation_blocks(workdir, dataset, results.get("test_step"), folder)),
        Section("Data", _data(dataset)),
        Section("Model", [_model(experiment, dataset, results)]),
        Section("Training", _training(experiment, results, lines, chosen, folder)),
        Section("Environment", [facts("", environment | {"command": None})] if environment else []),
        Section("Make it again", _again(workdir, environment)),
    ]
    card = model_card(workdir, experiment, dataset, sections, known)
    sections.append(Section("Model card", [Fold("Facts of this run, and questions that only people can answer", card)]))
    title = f"{workdir.name}, step {results.get('test_step', 0):,}"
    said = lead(results, schema, problem, examples, _early(lines, experiment, results))
    write_atomically(folder / "model_card.md", to_markdown(f"Model card: {title}", said, card))
    write_page(folder / "index.html", title, said, sections)


def _early(lines: Sequence[dict[str, Any]], experiment: Experiment, results: Results) -> str:
    """Returns the epoch of the tested checkpoint where it is not the last, such as "epoch 12 of 20"; else ""."""
    epochs = {line["step"]: line["epoch"] for line in lines if "epoch" in line}
    tested = epochs.get(results.get("test_step"))
    if tested is None or tested > experiment.epochs - 0.5:
        return ""
    return f"epoch {epoch(tested)} of {experiment.epochs:g}"


def best_validation(lines: Sequence[dict[str, Any]], experiment: Experiment, results: Results) -> Chosen | None:
    """Returns where the selection metric was best; None where nothing was validated.

    Args:
      lines: of metrics.jsonl.
      experiment: names the metric.
      results: say which step was tested.
    """
    name = experiment.problem.selection_metric
    points = curve_points(lines, name).get("validation", [])
    if not points:
        return None
    values = np.array([value for _, value in points])
    best = int(values.argmax() if metric_named(experiment.problem, name).higher_is_better else values.argmin())
    epochs = {line["step"]: line["epoch"] for line in lines if "epoch" in line}
    return Chosen(points[best][0], points[-1][0], name, points[best][1], epochs.get(results.get("test_step")))


def _validation(lines: Sequence[dict[str, Any]], results: Results) -> Mapping[str, float]:
    """Returns the metrics of the validation split by the tested checkpoint; {} where they are not known."""
    of_tested = [line for line in lines if line["split"] == "validation" and line["step"] == results.get("test_step")]
    if of_tested:
        return of_tested[-1]
    return results.get("validation", {}) if results.get("checkpoint_step") == results.get("test_step") else {}


def _data(dataset: Dataset) -> list[Block]:
    target, splits = dataset.schema.target, dataset.splits
    by_class, kind = target.kind == "class", dataset.schema.inputs.kind
    counts = (
        {n: dict(zip(target.names, class_counts(dataset, s).tolist())) for n, s in splits.items()} if by_class else {}
    )
    nouns = {"image": "pixels", "volume": "voxels", "tokens": "tokens"}
    noun = nouns.get(kind, "characters") if target.dense_shape else "examples"
    shown: list[Block] = [split_table(counts, {name: len(split) for name, split in splits.items()}, noun)]
    shown += [Text(f"{count:,} examples were left out: {reason}.") for reason, count in dataset.excluded.items()]
    return shown


def _model(experiment: Experiment, dataset: Dataset, results: Results) -> Table:
    inputs, target = dataset.schema.inputs, dataset.schema.target
    shape = " x ".join(map(str, inputs.shape))
    kinds = {"class": "class", "number": "value", "labels": "label"}
    kind = kinds.get(target.kind, "target")
    many = f"{len(target.names):,} {kind if len(target.names) == 1 else {'class': 'classes'}.get(kind, f'{kind}s')}"
    known = {
        "class": type(experiment.model).__name__,
        "parameters": results.get("parameters"),
        "inputs": f"{inputs.kind}{f', {shape}' if shape else ''}",
        "outputs": f"{many}{' for each position' if target.dense_shape else ''}",
        "problem": type(experiment.problem).__name__,
    }
    return facts("", known)


def _training(
    experiment: Experiment, results: Results, lines: Sequence[dict[str, Any]], chosen: Chosen | None, folder: Path
) -> list[Block]:
    described = metrics_of(experiment.problem)
    units = {name: metric.unit for name, metric in described.items()}
    charts = learning_curves(lines, units, None if chosen is None else chosen.epoch, folder)
    seconds, rate = results.get("seconds"), results.get("examples_per_second")
    known = {
        "steps": results.get("steps"),
        "epochs": f"{experiment.epochs:g}",
        "examples in a step": experiment.batch_size,
        "optimizer": type(experiment.optimizer).__name__,
        "seed": experiment.seed,
        "seconds": None if seconds is None else f"{seconds:,.1f}",
        "speed": None if rate is None else format_rate(rate),
        "tested checkpoint": None if "test_step" not in results else f"step {results['test_step']:,}",
    }
    return [*([Charts(charts)] if charts else []), facts("", known)]


def _again(workdir: Path, environment: Mapping[str, Any]) -> list[Block]:
    shown: list[Block] = []
    if command := shell_command(environment):
        shown.append(Code("The command that trained it, from the folder of its launch.py:", command))
    text = (workdir / "experiment.json").read_text(encoding="utf-8")
    shown.append(Code("The experiment, as experiment.json has it", json.dumps(json.loads(text), indent=2), folded=True))
    return shown
