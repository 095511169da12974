"""What alone tells the target: one column, or the order in which the rows come."""

from collections import defaultdict
from collections.abc import Collection
from itertools import product

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.features import each_target, feature_names
from jaxflow.data.profiling.issue import Issue
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.tables.encode import TableEncoding
from jaxflow.schema import IGNORE

# Rows that are needed, rows and pairs of column and target that are looked at, and the fraction of a guess's errors
# that a column alone must avoid.
MIN_ROWS, MAX_ROWS, MAX_PAIRS, TELLING = 30, 2000, 200, 0.95
# How much more alike neighbours are than others, from 0 to 1, and standard errors beyond which that is no chance.
ALIKE, SURE = 0.3, 6.0


def telling_columns(dataset: Dataset, sample: Sample, told: Collection[str] = ()) -> list[Issue]:
    """Finds columns that tell a target alone, by any threshold or category, as a small tree sees it.

    Args:
      dataset: vectors.
      sample: of the training split.
      told: targets, as `each_target` names them, of which it is known already what tells them.
    """
    if not _is_simple(dataset, sample):
        return []
    chosen = np.linspace(0, len(sample.inputs) - 1, min(len(sample.inputs), MAX_ROWS)).astype(int)
    inputs, classes = sample.inputs[chosen].astype(np.float64), dataset.schema.target.kind != "number"
    targets = each_target(dataset, sample.targets[chosen])
    left = {called: target for called, target in targets.items() if called not in told}
    issues = []
    for (name, features), (called, target) in list(product(_columns(dataset).items(), left.items()))[:MAX_PAIRS]:
        known = target != IGNORE if classes else np.full(len(target), True)
        right = _skill(inputs[known][:, features], target[known], classes) if known.sum() >= MIN_ROWS else 0.0
        if right > TELLING:
            message = f"{name} alone tells {called}: a small tree of nothing else avoids {right:.0%} of the errors"
            issues.append(Issue("leak", message, "ask whether it is known before the target is; if not, drop it"))
    return issues


def order_of_rows(dataset: Dataset, sample: Sample) -> list[Issue]:
    """Finds whether the order of the training rows tells a target: neighbours are alike."""
    if not _is_simple(dataset, sample):
        return []
    alike = _neighbouring_classes if dataset.schema.target.kind != "number" else _neighbouring_values
    advice = (
        "the rows were sorted, or come one after the other in time: no input may tell their position, and where "
        "neighbours belong together they go to one split (of a Table group=, or time= with split=TimeSplit())"
    )
    return [
        Issue("note", f"the order of rows tells {called}: {found}", advice)
        for called, target in each_target(dataset, sample.targets).items()
        if (found := alike(target))
    ]


def _neighbouring_classes(target: np.ndarray) -> str | None:
    """Returns how many neighbours are of one class, where that is no chance."""
    target = target[target != IGNORE]
    if len(target) < MIN_ROWS:
        return None
    same = float((target[1:] == target[:-1]).mean())
    chance = float(((np.bincount(target) / len(target)) ** 2).sum())
    alike = (same - chance) / max(1 - chance, 1e-9)
    if alike < ALIKE or alike < SURE * np.sqrt(chance / max(1 - chance, 1e-9) / len(target)):
        return None
    return f"{same:.0%} of neighbours are of one class, {chance:.0%} by chance"


def _neighbouring_values(target: np.ndarray) -> str | None:
    """Returns how neighbours correlate, where that is no chance."""
    values = target.astype(np.float64) - target.mean(dtype=np.float64)
    alike = float((values[1:] * values[:-1]).sum() / max((values**2).sum(), 1e-300))
    return None if alike < max(ALIKE, SURE / np.sqrt(len(values))) else f"neighbours correlate by {alike:.2f}"


def _is_simple(dataset: Dataset, sample: Sample) -> bool:
    """Returns whether there are examples enough, and no target for each pixel or token."""
    return len(sample.targets) >= MIN_ROWS and not dataset.schema.target.dense_shape


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
