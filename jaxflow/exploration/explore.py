"""Describes an experiment's data before anything is trained."""

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.describe import describe
from jaxflow.data.profiling.findings import find_issues
from jaxflow.data.profiling.sample import take_sample
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment, load_data
from jaxflow.exploration.augmentations import augmented
from jaxflow.exploration.figures import data_figures
from jaxflow.exploration.page import write_data_page
from jaxflow.file_io import storage_error, write_atomically
from jaxflow.runs.opening import make_folder, require_run_folder

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
      UserError: the data cannot be read, its examples have several inputs, or the folder cannot be written.
    """
    workdir = Path(workdir)
    with storage_error(workdir):
        require_run_folder(workdir)
        dataset = dataset or load_data(experiment)
    if dataset.schema.inputs.kind == "several":
        raise UserError("explore describes one input of each example, and the data has several; explore each by itself")
    samples = {name: take_sample(split) for name, split in dataset.splits.items()}
    numbers = describe(dataset, samples)
    findings = find_issues(dataset, samples)
    described = numbers | {"findings": [dataclasses.asdict(finding) for finding in findings]}
    with storage_error(workdir, "choose another --workdir"):
        make_folder(workdir)
        report = workdir / "report"
        report.mkdir(parents=True, exist_ok=True)
        rows = augmented(experiment, dataset, samples["train"]) if experiment.augment else []
        figures = data_figures(dataset, samples, rows, report)
        write_data_page(report / "data.html", f"{workdir.name}: data", numbers, findings, figures)
        write_atomically(workdir / "data.json", json.dumps(described, indent=2) + "\n")
    for finding in findings:
        logger.info(f"{finding.severity}: {finding.message}: {finding.advice}")
    return described
