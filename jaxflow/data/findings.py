"""What is odd about a dataset, in sentences that say what to do."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxflow.console import track
from jaxflow.data.dataset import Dataset
from jaxflow.data.describe import Sample, class_counts, correlations, feature_names, parts
from jaxflow.data.duplicates import across_splits, exact_groups, near_pairs, thumbnails
from jaxflow.data.waveforms import measure, pictures

# Examples that are named where there are more.
SHOWN = 20
MUCH_MISSING = 0.3
# Peak of a clip in which nothing is to be heard (-60 decibels), and share of samples at full scale of a spoilt one.
SILENT, CLIPPED = 1e-3, 1e-3
WEIGHTS = ("leak", "problem", "note")


@dataclass(frozen=True)
class Finding:
    """Something that a person should look at.

    Attributes:
      weight: "leak" makes results wrong; "problem" costs quality; "note" is good to know.
      what: what was found, with numbers.
      advice: what to do.
      ids: some of the examples.
    """

    weight: Literal["leak", "problem", "note"]
    what: str
    advice: str
    ids: tuple[str, ...] = ()


def look(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Finding]:
    """Looks for what a person should know before training.

    Args:
      dataset: the dataset; duplicates are looked for among all of it.
      samples: from `take_sample`, by split.

    Returns:
      Findings, the gravest first.
    """
    findings = [*_doubles(dataset), *_balance(dataset), *_suspects(dataset, samples["train"])]
    if dataset.schema.inputs.kind == "image":
        findings += _blank_images(dataset, samples)
    elif dataset.schema.inputs.kind == "audio":
        findings += _odd_clips(dataset, samples)
    elif dataset.schema.inputs.kind == "vector" and samples["train"].inputs.ndim == 2:
        findings += _odd_features(dataset, samples["train"])
    return sorted(findings, key=lambda finding: WEIGHTS.index(finding.weight))


def _doubles(dataset: Dataset) -> list[Finding]:
    """Looks for examples that are there twice, in all splits together."""
    splits = dataset.splits
    split_of = [name for name, split in splits.items() for _ in range(len(split))]
    places = [(name, index) for name, split in splits.items() for index in range(len(split))]
    images, small = dataset.schema.inputs.kind == "image", []
    recorded = dataset.schema.inputs.kind in ("image", "audio")  # no two recordings are equal by chance

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
    targets = np.concatenate([split.targets.reshape(len(split), -1) for split in splits.values()])
    leaks = across_splits(groups, split_of)
    torn = [group for group in groups if len(np.unique(targets[list(group)], axis=0)) > 1]
    findings = []
    if leaks:
        findings.append(
            Finding("leak" if recorded else "note", f"{len(leaks)} inputs are in more than one split",
                    "if they are the same things, what is tested was trained on: leave doubles out, or split by a "
                    "group that holds them together", named(leaks))
        )  # fmt: skip
    if groups:
        count = sum(len(group) - 1 for group in groups)
        findings.append(
            Finding(
                "problem" if recorded else "note",
                f"the inputs of {count} examples equal another one's",
                "if they are the same things, leave them out: they count twice",
                named(groups),
            )
        )
    if torn:
        findings.append(
            Finding("problem" if recorded else "note", f"{len(torn)} inputs are there with different targets",
                    "no model can have all right; if they are the same things, correct the targets", named(torn))
        )  # fmt: skip
    if images:
        same = {frozenset(pair) for group in groups for pair in itertools.pairwise(group)}
        near = [pair for pair in near_pairs(np.concatenate(small)) if frozenset(pair) not in same]
        crossing = across_splits(near, split_of)
        if crossing:
            findings.append(
                Finding("problem", f"{len(crossing)} images look like one of another split",
                        "look at them; if they are of one scene, split by scene", named(crossing))
            )  # fmt: skip
        if len(near) > len(crossing):
            findings.append(
                Finding("note", f"{len(near) - len(crossing)} images look like another one of their split",
                        "look whether they are needed", named([pair for pair in near if pair not in crossing]))
            )  # fmt: skip
    return findings


def _balance(dataset: Dataset) -> list[Finding]:
    if dataset.schema.target.kind != "class":
        return []
    names, findings = dataset.schema.target.names, []
    counts = {name: class_counts(dataset, split) for name, split in dataset.splits.items()}
    train = counts["train"]
    if train.max() > 10 * max(train.min(), 1):
        most, least = names[train.argmax()], names[train.argmin()]
        findings.append(
            Finding("problem", f"class {most} has {train.max():,} training examples, class {least} {train.min():,}",
                    "accuracy says little here: look at each class, and find more examples of the rare ones")
        )  # fmt: skip
    for split, count in counts.items():
        absent = [name for name, n in zip(names, count) if n == 0]
        if absent:
            findings.append(
                Finding("problem", f"the {split} split has no example of {', '.join(absent[:5])}",
                        "stratify the split, or give more examples")
            )  # fmt: skip
    return findings


def _blank_images(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Finding]:
    blank = [
        dataset.splits[name].id(int(sample.indices[row]))
        for name, sample in samples.items()
        for row in np.flatnonzero(sample.inputs.reshape(len(sample.inputs), -1).std(1) < 2)
    ]
    if not blank:
        return []
    return [Finding("problem", f"{len(blank)} images show nothing", "leave them out, or find the originals",
                    tuple(blank[:SHOWN]))]  # fmt: skip


def _odd_clips(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Finding]:
    silent, clipped = [], []
    for name, sample in samples.items():
        measured = measure(sample.inputs, dataset.schema.inputs.rate)
        for ids, odd in ((silent, measured["peak"] < SILENT), (clipped, measured["clipped"] > CLIPPED)):
            ids += [dataset.splits[name].id(int(index)) for index in sample.indices[odd]]
    findings = []
    if silent:
        findings.append(Finding("problem", f"{len(silent)} clips are silent", "leave them out, or find the originals",
                                tuple(silent[:SHOWN])))  # fmt: skip
    if clipped:
        what = f"{len(clipped)} clips are at full scale for more than {CLIPPED:.1%} of their samples"
        findings.append(Finding("note", what, "they were recorded too loud, and are distorted: listen to them",
                                tuple(clipped[:SHOWN])))  # fmt: skip
    return findings


def _odd_features(dataset: Dataset, sample: Sample) -> list[Finding]:
    inputs, names = sample.inputs.astype(np.float64), feature_names(dataset)
    findings = []
    for name, strength in zip(names, correlations(dataset, inputs, sample.targets)):
        if strength > 0.95:
            what = f"{name} all but tells the target (correlation {strength:.3f})"
            findings.append(Finding("leak", what, "ask whether it is known before the target is; if not, drop it"))
    low, middle, high = np.quantile(inputs, (0.25, 0.5, 0.75), axis=0)
    far = (np.abs(inputs - middle) > 10 * (high - low)) & (high > low)
    for name, count in zip(names, far.sum(0)):
        if count:
            what = f"{count} values of {name} lie more than ten quartile ranges from its median"
            findings.append(Finding("note", what, "look whether they are mistakes; Number(clip=0.01) bounds them"))
    for column in (dataset.encoding or {}).get("columns", ()):
        if column["missing"] > MUCH_MISSING:
            what = f"{column['name']} is missing in {column['missing']:.0%} of the training rows"
            findings.append(Finding("note", what, "ask why; where it says something, Number(indicator=True) keeps it"))
    # Columns that differ from their median in a few rows only go together by chance.
    varied = np.flatnonzero((inputs != middle).sum(0) >= 10)
    pairs = np.corrcoef(inputs[:, varied].T) if len(varied) > 1 else np.ones((1, 1))
    for one, other in zip(*np.where(np.triu(np.abs(pairs), 1) > 0.98)):
        first, second = names[varied[one]], names[varied[other]]
        if (
            first.partition(" = ")[0] != second.partition(" = ")[0]
        ):  # the columns of one category make up for each other
            what = f"{first} and {second} say the same (correlation {pairs[one, other]:.3f})"
            findings.append(Finding("note", what, "one of them is enough"))
    return findings


def _suspects(dataset: Dataset, sample: Sample, most: int = 2000) -> list[Finding]:
    """Finds labels that a simple model, which did not see them, is sure are others."""
    if dataset.schema.target.kind != "class" or dataset.schema.target.over:
        return []
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inputs, targets = sample.inputs[:most], sample.targets[:most]
    if dataset.schema.inputs.kind == "image":
        inputs = thumbnails(inputs)
    elif dataset.schema.inputs.kind == "audio":
        pieces = [inputs[part] for part in parts(np.arange(len(inputs)))]
        inputs = np.concatenate([thumbnails(pictures(piece)) for piece in pieces])
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
    return [Finding("note", what, "look at them first when you check labels", ids)]
