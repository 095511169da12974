"""What a person looks at before anything is trained."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxflow.console import say
from jaxflow.data.dataset import Dataset
from jaxflow.data.describe import Sample, describe, take_sample
from jaxflow.data.describe_tokens import lengths
from jaxflow.data.findings import look
from jaxflow.errors import UserError
from jaxflow.evaluation.report import data_figures, text_figures
from jaxflow.evaluation.report.data_page import write_data_page
from jaxflow.experiment import Experiment
from jaxflow.rundir import write_atomically
from jaxflow.training import preprocess
from jaxflow.training.setup import load_data

# Images that augmentations are shown on.
SHOWN = 6


def explore(experiment: Experiment, workdir: str | Path, *, dataset: Dataset | None = None) -> dict[str, Any]:
    """Describes an experiment's data: numbers, figures, and what is odd about it.

    Args:
      experiment: the experiment; nothing of it is trained.
      workdir: the run folder, which need not be there; gets data.json and report/data.html.
      dataset: the experiment's data, if it is loaded already.

    Returns:
      What data.json holds.

    Raises:
      UserError: the data cannot be read, or the folder not be written.
    """
    workdir = Path(workdir)
    dataset = dataset or load_data(experiment)
    samples = {name: take_sample(split) for name, split in dataset.splits.items()}
    numbers = describe(dataset, samples)
    findings = look(dataset, samples)
    described = numbers | {"findings": [dataclasses.asdict(finding) for finding in findings]}
    try:
        report = workdir / "report"
        report.mkdir(parents=True, exist_ok=True)
        figures = _draw(experiment, dataset, samples, report)
        write_data_page(report / "data.html", f"{workdir.name}: data", numbers, findings, figures)
        write_atomically(workdir / "data.json", json.dumps(described, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"cannot write to {workdir}: {error.strerror}; choose another --workdir") from error
    for finding in findings:
        say(f"{finding.weight}: {finding.what}: {finding.advice}")
    return described


def _draw(experiment: Experiment, dataset: Dataset, samples: dict[str, Sample], folder: Path) -> list[tuple[str, Path]]:
    figures = []
    if not (dataset.schema.inputs.kind == "tokens" and dataset.schema.target.over):  # tokens, which are drawn below
        figures.append(("What is to be predicted", folder / "data_targets.png"))
        data_figures.targets(dataset, figures[-1][1])
    by_kind = {"image": _draw_images, "tokens": _draw_texts}
    draw = by_kind.get(dataset.schema.inputs.kind, _draw_vectors)
    return figures + draw(experiment, dataset, samples, folder)


def _draw_images(
    experiment: Experiment, dataset: Dataset, samples: dict[str, Sample], folder: Path
) -> list[tuple[str, Path]]:
    figures = [("Examples of the training split", folder / "data_examples.png")]
    data_figures.contact_sheet(dataset, samples["train"], figures[-1][1])
    if experiment.augment:
        figures.append(("Augmentations, each by itself", folder / "data_augment.png"))
        data_figures.before_and_after(_augmented(experiment, dataset, samples["train"]), figures[-1][1])
    figures.append(("Distributions", folder / "data_distributions.png"))
    data_figures.distributions(dataset, samples, figures[-1][1])
    return figures


def _draw_vectors(
    experiment: Experiment, dataset: Dataset, samples: dict[str, Sample], folder: Path
) -> list[tuple[str, Path]]:
    figures = [("Distributions", folder / "data_distributions.png")]
    data_figures.distributions(dataset, samples, figures[-1][1])
    if samples["train"].inputs.ndim == 2:
        figures.append(("Correlations between features", folder / "data_correlations.png"))
        data_figures.correlation(dataset, samples["train"], figures[-1][1])
    return figures


def _draw_texts(
    experiment: Experiment, dataset: Dataset, samples: dict[str, Sample], folder: Path
) -> list[tuple[str, Path]]:
    figures = [("The most frequent tokens of the training split", folder / "data_tokens.png")]
    text_figures.frequent_tokens(dataset, samples, figures[-1][1])
    if len(np.unique(lengths(samples["train"].inputs))) > 2:  # windows are whole, but for the last
        figures.append(("Tokens of an example", folder / "data_lengths.png"))
        text_figures.text_lengths(samples, figures[-1][1])
    return figures


def _augmented(
    experiment: Experiment, dataset: Dataset, sample: Sample, count: int = 6
) -> list[tuple[str, np.ndarray]]:
    """Makes rows of images: as training sees them, and after each augmentation by itself."""
    split = dataset.splits["train"]
    fitted = preprocess.fit(experiment.preprocess, split, dataset.schema.inputs)
    images = preprocess.apply(experiment.preprocess, fitted, jax.numpy.asarray(sample.inputs[:count]))
    low, high = images.min(), images.max()
    batch = {
        "inputs": images,
        "targets": jax.numpy.asarray(sample.targets[:count]),
        "index": jax.numpy.asarray(sample.indices[:count].astype(np.int32)),
        "epoch": jax.numpy.zeros(count, jax.numpy.int32),
    }
    rows = [("as they are", images)]
    for position, augmentation in enumerate(experiment.augment):
        key = jax.random.fold_in(jax.random.key(experiment.seed), position)
        rows.append((type(augmentation).__name__, augmentation(key, batch)["inputs"]))
    return [(name, np.asarray((row - low) / jax.numpy.maximum(high - low, 1e-6))) for name, row in rows]
