"""All data checks: duplicates, leaks, imbalance, label errors, bad inputs."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxflow.data.dataset import Dataset, name_of
from jaxflow.data.profiling.describe import class_counts
from jaxflow.data.profiling.duplicate_checks import check_duplicates
from jaxflow.data.profiling.issue import MAX_IDS, Issue
from jaxflow.data.profiling.kinds import kind_of
from jaxflow.data.profiling.plan import Plan
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.profiling.tokens import is_language_modelling
from jaxflow.data.splitting.keys import groups_across_splits

NO_PLAN = Plan()
SEVERITIES = ("leak", "problem", "note")
# Probability that a simple model gives the label of an example, and the likeliest class, where the label looks wrong.
UNLIKELY, SURE = 0.02, 0.95


def find_issues(dataset: Dataset, samples: Mapping[str, Sample], plan: Plan = NO_PLAN) -> list[Issue]:
    """Runs all data checks.

    Args:
      dataset: the dataset; duplicates are looked for among all of it.
      samples: from `take_sample`, by split.
      plan: what the experiment does already, which is not advised.

    Returns:
      The issues, the gravest first.
    """
    issues = [
        *check_duplicates(dataset, plan),
        *_split_groups(dataset),
        *_imbalance(dataset, plan),
        *_unlike_units(dataset, samples, plan),
        *_label_errors(dataset, samples["train"]),
        *kind_of(dataset).check(dataset, samples),
    ]
    return by_severity(issues)


def by_severity(issues: Sequence[Issue]) -> list[Issue]:
    """Returns issues, the gravest first."""
    return sorted(issues, key=lambda issue: SEVERITIES.index(issue.severity))


def _split_groups(dataset: Dataset) -> list[Issue]:
    """Finds groups, such as a speaker's recordings, that are split across several splits."""
    groups = groups_across_splits(dataset.groups)
    if not groups:
        return []
    advice = (
        "what is tested was as good as trained on: move each group into the folder of one split, or leave these "
        "folders out and have groups held out"
    )
    return [Issue("leak", f"{len(groups)} groups lie in more than one split", advice, tuple(groups[:MAX_IDS]))]


def _imbalance(dataset: Dataset, plan: Plan) -> list[Issue]:
    """Finds classes that are rare in the training split, or absent from a split."""
    if dataset.schema.target.kind != "class" or is_language_modelling(dataset):
        return []
    names, issues = dataset.schema.target.names, []
    unit = "positions" if dataset.schema.target.dense_shape else "examples"
    counts = {name: class_counts(dataset, split) for name, split in dataset.splits.items()}
    train = counts["train"]
    if train.max() > 10 * max(train.min(), 1):
        most, least = names[train.argmax()], names[train.argmin()]
        message = f"class {most} has {train.max():,} training {unit}, class {least} {train.min():,}"
        sampling = "" if dataset.schema.target.dense_shape else ' or sampling="balanced"'
        weigh = f', or weigh classes alike: CrossEntropy(class_weights="balanced"){sampling}'
        advice = f"accuracy says little here: look at each class, and find more examples of the rare ones{weigh}"
        if plan.weighs_classes:
            advice = "rare classes count more already; look at each class, and find more examples of the rare ones"
        issues.append(Issue("note" if plan.weighs_classes else "problem", message, advice))
    for split, count in counts.items():
        absent = [name for name, n in zip(names, count) if n == 0]
        if absent:
            message = f"the {split} split has no example of {', '.join(absent[:5])}"
            issues.append(Issue("problem", message, plan.spread_class(split)))
    return issues


def _unlike_units(dataset: Dataset, samples: Mapping[str, Sample], plan: Plan) -> list[Issue]:
    """Finds volumes in different units, unless each is standardised by itself."""
    if dataset.schema.inputs.kind != "volume" or "StandardizePerExample" in plan.preprocess:
        return []
    inputs = samples["train"].inputs
    spans = np.ptp(inputs.reshape(len(inputs), -1), axis=1)
    least, most = spans[spans > 0].min(initial=np.inf), spans.max()
    if most < 10 * least:
        return []
    message = f"the values of one volume span {most:.4g}, those of another {least:.4g}"
    return [Issue("problem", message, "scans differ in their units: use preprocess=(StandardizePerExample(),)")]


def _label_errors(dataset: Dataset, sample: Sample, count: int = 2000) -> list[Issue]:
    """Finds labels of the first `count` examples that a simple model, which did not see them, is sure are others."""
    if dataset.schema.target.kind != "class" or dataset.schema.target.dense_shape:
        return []
    targets = sample.targets[:count]
    counts = np.bincount(targets)
    if counts[counts > 0].min() < 5 or np.count_nonzero(counts) < 2:
        return []
    predicted = _cross_validated(kind_of(dataset).reduce(sample.inputs[:count]), targets)
    labels = np.unique(targets)
    given = predicted[np.arange(len(targets)), np.searchsorted(labels, targets)]
    wrong = np.flatnonzero((given < UNLIKELY) & (predicted.max(1) > SURE))
    if len(wrong) == 0:
        return []
    names, split = dataset.schema.target.names, dataset.splits["train"]
    ids = tuple(
        f"{name_of(split, int(sample.indices[i]))}: {names[targets[i]]}, or {names[labels[predicted[i].argmax()]]}?"
        for i in wrong[np.argsort(given[wrong], kind="stable")][:MAX_IDS]
    )
    message = f"of {len(targets):,} training labels {len(wrong)} surprise a simple model that did not see them"
    return [Issue("note", message, "look at them first when you check labels", ids)]


def _cross_validated(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Computes each example's probabilities by a logistic regression of the others: (examples, classes)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200, tol=1e-2))
    flat = inputs.reshape(len(inputs), -1)  # (example, pixel or feature)
    return cross_val_predict(model, flat, targets, cv=5, method="predict_proba")
