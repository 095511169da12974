"""What is odd about a dataset, in sentences that say what to do."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from jaxflow.console import track
from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.describe import Sample, class_counts, parts
from jaxflow.data.profiling.duplicates import across_splits, exact_groups, near_pairs, thumbnails
from jaxflow.data.profiling.input_checks import odd_inputs
from jaxflow.data.profiling.issue import SHOWN, Issue
from jaxflow.data.profiling.tokens import bag_of_words, is_language_modelling
from jaxflow.data.profiling.waveforms import spectrogram_images
from jaxflow.data.splitting import torn_groups

WEIGHTS = ("leak", "problem", "note")


def find_issues(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Issue]:
    """Looks for what a person should know before training.

    Args:
      dataset: the dataset; duplicates are looked for among all of it.
      samples: from `take_sample`, by split.

    Returns:
      Findings, the gravest first.
    """
    findings = [
        *_duplicates(dataset),
        *_split_groups(dataset),
        *_balance(dataset),
        *_label_errors(dataset, samples["train"]),
    ]
    findings += odd_inputs(dataset, samples)
    return sorted(findings, key=lambda finding: WEIGHTS.index(finding.severity))


def _duplicates(dataset: Dataset) -> list[Issue]:
    """Looks for examples that are there twice, in all splits together."""
    splits = dataset.splits
    split_of = [name for name, split in splits.items() for _ in range(len(split))]
    places = [(name, index) for name, split in splits.items() for index in range(len(split))]
    images, small = dataset.schema.inputs.kind == "image", []
    # Rows of numbers may well be equal by chance.
    things = dataset.schema.inputs.kind != "vector"

    def pieces() -> Iterator[np.ndarray]:
        for name, split in splits.items():
            for part in track(parts(np.arange(len(split))), f"look through {name}"):
                rows = split.rows(part)["inputs"]
                if images:
                    small.append(thumbnails(rows))
                yield rows

    def named(groups: Sequence[Sequence[int]]) -> tuple[str, ...]:
        return tuple(" = ".join(splits[places[i][0]].id(places[i][1]) for i in group[:3]) for group in groups[:SHOWN])

    groups = exact_groups(pieces())
    leaks = across_splits(groups, split_of)
    targets = {name: split.targets for name, split in splits.items()}
    # Texts may go on in several ways; other things are of one class.
    torn = [g for g in groups if len({targets[places[i][0]][places[i][1]].tobytes() for i in g}) > 1]
    torn = [] if is_language_modelling(dataset) else torn
    findings = []
    if leaks:
        findings.append(
            Issue("leak" if things else "note", f"{len(leaks)} inputs are in more than one split",
                    "if they are the same things, what is tested was trained on: leave doubles out, or split by a "
                    "group that holds them together", named(leaks))
        )  # fmt: skip
    if groups:
        count = sum(len(group) - 1 for group in groups)
        findings.append(
            Issue(
                "problem" if things else "note",
                f"the inputs of {count} examples equal another one's",
                "if they are the same things, leave them out: they count twice",
                named(groups),
            )
        )
    if torn:
        findings.append(
            Issue("problem" if things else "note", f"{len(torn)} inputs are there with different targets",
                    "no model can have all right; if they are the same things, correct the targets", named(torn))
        )  # fmt: skip
    if images:
        same = {frozenset(pair) for group in groups for pair in itertools.pairwise(group)}
        near = [pair for pair in near_pairs(np.concatenate(small)) if frozenset(pair) not in same]
        crossing = across_splits(near, split_of)
        if crossing:
            findings.append(
                Issue("problem", f"{len(crossing)} images look like one of another split",
                        "look at them; if they are of one scene, split by scene", named(crossing))
            )  # fmt: skip
        if len(near) > len(crossing):
            findings.append(
                Issue("note", f"{len(near) - len(crossing)} images look like another one of their split",
                        "look whether they are needed", named([pair for pair in near if pair not in crossing]))
            )  # fmt: skip
    return findings


def _split_groups(dataset: Dataset) -> list[Issue]:
    """Looks for groups, such as a speaker's recordings, that lie in several splits."""
    torn = torn_groups(dataset.groups)
    if not torn:
        return []
    return [
        Issue("leak", f"{len(torn)} groups lie in more than one split",
                "what is tested was as good as trained on: move each group into the folder of one split, or leave "
                "these folders out and have groups held out", tuple(torn[:SHOWN]))
    ]  # fmt: skip


def _balance(dataset: Dataset) -> list[Issue]:
    if dataset.schema.target.kind != "class" or is_language_modelling(dataset):
        return []
    names, findings = dataset.schema.target.names, []
    unit = "places" if dataset.schema.target.dense_shape else "examples"
    counts = {name: class_counts(dataset, split) for name, split in dataset.splits.items()}
    train = counts["train"]
    if train.max() > 10 * max(train.min(), 1):
        most, least = names[train.argmax()], names[train.argmin()]
        findings.append(
            Issue("problem", f"class {most} has {train.max():,} training {unit}, class {least} {train.min():,}",
                    "accuracy says little here: look at each class, and find more examples of the rare ones")
        )  # fmt: skip
    for split, count in counts.items():
        absent = [name for name, n in zip(names, count) if n == 0]
        if absent:
            findings.append(
                Issue("problem", f"the {split} split has no example of {', '.join(absent[:5])}",
                        "stratify the split, or give more examples")
            )  # fmt: skip
    return findings


def _label_errors(dataset: Dataset, sample: Sample, most: int = 2000) -> list[Issue]:
    """Finds labels that a simple model, which did not see them, is sure are others."""
    if dataset.schema.target.kind != "class" or dataset.schema.target.dense_shape:
        return []
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inputs, targets = sample.inputs[:most], sample.targets[:most]
    if dataset.schema.inputs.kind == "image":
        inputs = thumbnails(inputs)
    elif dataset.schema.inputs.kind == "volume":
        inputs = thumbnails(inputs[:, inputs.shape[1] // 2])  # the slice in the middle
    elif dataset.schema.inputs.kind == "tokens":
        inputs = bag_of_words(inputs)
    elif dataset.schema.inputs.kind == "audio":
        pieces = [inputs[part] for part in parts(np.arange(len(inputs)))]
        inputs = np.concatenate([thumbnails(spectrogram_images(piece)) for piece in pieces])
    counts = np.bincount(targets)
    if counts[counts > 0].min() < 5 or np.count_nonzero(counts) < 2:
        return []
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200, tol=1e-2))
    flat = inputs.reshape(len(inputs), -1)  # (example, pixel or feature)
    sure = cross_val_predict(model, flat, targets, cv=5, method="predict_proba")
    labels = np.unique(targets)
    own = sure[np.arange(len(targets)), np.searchsorted(labels, targets)]
    wrong = np.flatnonzero((own < 0.02) & (sure.max(1) > 0.95))
    if len(wrong) == 0:
        return []
    names, split = dataset.schema.target.names, dataset.splits["train"]
    shown = wrong[np.argsort(own[wrong], kind="stable")][:SHOWN]
    ids = tuple(
        f"{split.id(int(sample.indices[i]))}: {names[targets[i]]}, or {names[labels[sure[i].argmax()]]}?" for i in shown
    )
    what = f"of {len(targets):,} training labels {len(wrong)} surprise a simple model that did not see them"
    return [Issue("note", what, "look at them first when you check labels", ids)]
