"""Describes an experiment's data before anything is trained."""

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any, cast

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.describe import describe
from jaxflow.data.profiling.findings import by_severity, find_issues
from jaxflow.data.profiling.plan import Plan
from jaxflow.data.profiling.raw_columns import profile_raw_columns
from jaxflow.data.profiling.sample import take_sample
from jaxflow.data.sources.table import Table
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment, load_data
from jaxflow.exploration.augmentations import augmented
from jaxflow.exploration.figures import data_figures
from jaxflow.exploration.page import write_data_page
from jaxflow.file_io import storage_error, write_atomically
from jaxflow.problems.losses.sums import parts_of
from jaxflow.reports.figures.columns import draw_columns
from jaxflow.runs.opening import make_folder, require_run_folder
from jaxflow.training.trained import check_record

logger = logging.getLogger("jaxflow")


def explore(experiment: Experiment, workdir: str | Path, *, dataset: Dataset | None = None) -> dict[str, Any]:
    """Describes an experiment's data: numbers, figures, and what is odd about it.

    Args:
      experiment: the experiment; nothing of it is trained.
      workdir: the run folder, which is created where it is missing; gets data.json and report/data.html.
      dataset: the experiment's data, if it is loaded already.

    Returns:
      What data.json holds.

    Raises:
      UserError: the data cannot be read, its examples have several inputs, or the folder cannot be written or holds a
        run of other data.
    """
    workdir = Path(workdir)
    with storage_error(workdir):
        require_run_folder(workdir)
        dataset = dataset or load_data(experiment)
        check_record(workdir, experiment, dataset)
    if dataset.schema.inputs.kind == "several":
        raise UserError("explore describes one input of each example, and the data has several; explore each by itself")
    samples = {name: take_sample(split) for name, split in dataset.splits.items()}
    numbers = describe(dataset, samples)
    findings = find_issues(dataset, samples, plan_of(experiment, dataset))
    if isinstance(experiment.data, Table):
        with storage_error(workdir):
            numbers["raw_columns"], odd = profile_raw_columns(experiment.data.raw_columns(dataset))
        findings = by_severity([*findings, *odd])
    described = numbers | {"findings": [dataclasses.asdict(finding) for finding in findings]}
    with storage_error(workdir, "choose another --workdir"):
        make_folder(workdir)
        report = workdir / "report"
        report.mkdir(parents=True, exist_ok=True)
        rows = augmented(experiment, dataset, samples["train"]) if experiment.augment else []
        figures = data_figures(dataset, samples, rows, report)
        if numbers.get("raw_columns"):
            figures.insert(1, draw_columns(numbers["raw_columns"], report / "data_columns.svg"))
        write_data_page(report / "data.html", f"{workdir.name}: data", numbers, findings, figures)
        write_atomically(workdir / "data.json", json.dumps(described, indent=2) + "\n")
    if not findings:
        logger.info("nothing odd was found")
    for finding in findings:
        logger.info(f"{finding.severity}: {finding.message}: {finding.advice}")
    return described


def plan_of(experiment: Experiment, dataset: Dataset) -> Plan:
    """Returns what an experiment does already about what may be found in its data."""
    loss = getattr(experiment.problem, "loss", None)
    weighs = any(getattr(part, "class_weights", "none") != "none" for part in (parts_of(loss) if loss else ()))
    source = experiment.data
    return Plan(
        preprocess=tuple(type(transform).__name__ for transform in experiment.preprocess),
        weighs_classes=weighs or experiment.sampling == "balanced",
        settings=tuple((field.name, getattr(source, field.name)) for field in dataclasses.fields(cast(Any, source))),
        written_in=dataset.written_in,
    )
