"""What alone tells the target: one column, or the order in which the rows come."""

from collections import defaultdict

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.features import feature_names
from jaxflow.data.profiling.issue import Issue
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.tables.encode import TableEncoding

# Rows that are needed, rows and columns that are looked at, and the fraction of a guess's errors that a column alone
# must avoid.
MIN_ROWS, MAX_ROWS, MAX_COLUMNS, TELLING = 30, 2000, 100, 0.95
# How much more alike neighbours are than others, from 0 to 1, and standard errors beyond which that is no chance.
ALIKE, SURE = 0.3, 6.0


def telling_columns(dataset: Dataset, sample: Sample) -> list[Issue]:
    """Finds columns that tell the target alone, by any threshold or category, as a small tree sees it."""
    if not _is_simple(dataset, sample):
        return []
    chosen = np.linspace(0, len(sample.inputs) - 1, min(len(sample.inputs), MAX_ROWS)).astype(int)
    inputs, targets = sample.inputs[chosen].astype(np.float64), sample.targets[chosen]
    issues = []
    for name, features in list(_columns(dataset).items())[:MAX_COLUMNS]:
        right = _skill(inputs[:, features], targets, dataset.schema.target.kind == "class")
        if right > TELLING:
            message = (
                f"{name} alone tells the target: a small tree that sees nothing else avoids {right:.0%} of the errors"
            )
            issues.append(Issue("leak", message, "ask whether it is known before the target is; if not, drop it"))
    return issues


def order_of_rows(dataset: Dataset, sample: Sample) -> list[Issue]:
    """Finds whether the order of the training rows tells the target: neighbours are alike."""
    targets, count = sample.targets, len(sample.targets)
    if not _is_simple(dataset, sample):
        return []
    if dataset.schema.target.kind == "class":
        same = float((targets[1:] == targets[:-1]).mean())
        chance = float(((np.bincount(targets) / count) ** 2).sum())
        alike = (same - chance) / max(1 - chance, 1e-9)
        error = np.sqrt(chance / max(1 - chance, 1e-9) / count)
        message = (
            f"the order of rows tells the target: {same:.0%} of neighbours are of one class, {chance:.0%} by chance"
        )
    else:
        values = targets[:, 0].astype(np.float64) - targets[:, 0].mean(dtype=np.float64)
        alike = float((values[1:] * values[:-1]).sum() / max((values**2).sum(), 1e-300))
        error = 1 / np.sqrt(count)
        message = f"the order of rows tells the target: neighbours correlate by {alike:.2f}"
    if alike < ALIKE or alike < SURE * error:
        return []
    advice = (
        "the rows were sorted, or come one after the other in time: no input may tell their position, and where "
        "neighbours belong together they go to one split (group=, or time= with split=TimeSplit())"
    )
    return [Issue("note", message, advice)]


def _is_simple(dataset: Dataset, sample: Sample) -> bool:
    """Returns whether there are examples enough, with one class each or some values."""
    return len(sample.targets) >= MIN_ROWS and sample.targets.ndim == (
        1 if dataset.schema.target.kind == "class" else 2
    )


def _columns(dataset: Dataset) -> dict[str, list[int]]:
    """Returns the features of each column."""
    if not isinstance(dataset.input_encoding, TableEncoding):
        return {name: [index] for index, name in enumerate(feature_names(dataset))}
    columns, first = defaultdict(list), 0
    for encoder in dataset.input_encoding.columns:
        columns[encoder.name] = list(range(first, first := first + len(encoder.names)))
    return dict(columns)


def _skill(inputs: np.ndarray, targets: np.ndarray, classes: bool) -> float:
    """Computes the fraction of the errors of a best constant that a small tree avoids on rows that it did not see."""
    from sklearn.model_selection import KFold
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    tree = (DecisionTreeClassifier if classes else DecisionTreeRegressor)(max_depth=6, random_state=0)
    wrong = constant = 0.0
    for fit, held in KFold(3, shuffle=True, random_state=0).split(inputs):
        predicted = tree.fit(inputs[fit], targets[fit]).predict(inputs[held]).reshape(targets[held].shape)
        if classes:
            constant += float((targets[held] != np.bincount(targets[fit]).argmax()).sum())
            wrong += float((predicted != targets[held]).sum())
        else:
            constant += float(((targets[held].astype(np.float64) - targets[fit].mean(0, np.float64)) ** 2).sum())
            wrong += float(((predicted - targets[held]) ** 2).sum())
    return 1 - wrong / constant if constant else 0.0
