"""scikit-learn's linear models and boosted trees, which stop when their time is over."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from jaxflow.evaluation.baselines.features import Rows
from jaxflow.schema import Schema

# Steps of a linear model and trees of boosting, at most, and how many are done before the clock is looked at.
MAX_STEPS, FIRST_STEPS = 1000, 5
MAX_TREES = 100  # scikit-learn's default
# Categories that trees split by sets of them, scikit-learn's limit; of more they split by their order.
MAX_CATEGORIES = 255


@dataclass(frozen=True)
class Estimator:
    """A fitted simple model.

    Attributes:
      predict: (examples, features) -> (examples, classes) probabilities, or (examples, values).
      stopped: what was left undone when the time was over; "" where it was enough.
    """

    predict: Callable[[Any], np.ndarray]
    stopped: str = ""


def fit_linear(inputs: Rows, targets: np.ndarray, schema: Schema, end: float) -> Estimator:
    """Fits logistic or ridge regression to standardised features; tokens are weighted by tf-idf.

    Args:
      inputs: (examples, features); the last ones are category indices, which become one-hot columns.
      targets: (examples,) classes or (examples, values).
      schema: what the data holds.
      end: when to stop, by `time.monotonic`.
    """
    from sklearn.linear_model import Ridge

    scaler = _scaler(inputs, schema)
    scaled = scaler.fit_transform(_as_matrix(inputs))
    if schema.target.kind == "class":
        model, stopped = _fit_logistic(scaled, targets, end)
        classes = len(schema.target.names)
        return Estimator(lambda asked: _probabilities(model, scaler.transform(_as_matrix(asked)), classes), stopped)
    # In float64, and about their mean: float32 has few digits left of values that are large beside what they vary by.
    exact = targets.astype(np.float64)
    middle = exact.mean(0)
    ridge = Ridge(1.0).fit(scaled.astype(np.float64), exact - middle)

    def predict(asked: Rows) -> np.ndarray:
        found = ridge.predict(scaler.transform(_as_matrix(asked)).astype(np.float64))
        return found.reshape(asked.shape[0], -1) + middle

    return Estimator(predict, "")


def _as_matrix(rows: Rows) -> Any:
    """Returns sparse rows as the class that scikit-learn has always taken."""
    return sparse.csr_matrix(rows) if sparse.issparse(rows) else rows


def _scaler(inputs: Rows, schema: Schema) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    if sparse.issparse(inputs):
        return TfidfTransformer(sublinear_tf=True)
    width = inputs.shape[1]
    first = width - len(schema.inputs.cardinalities)
    encode = (
        [("categories", OneHotEncoder(handle_unknown="ignore"), list(range(first, width)))] if first < width else []
    )
    return ColumnTransformer([("numbers", StandardScaler(), list(range(first))), *encode])


def _fit_logistic(inputs: Any, targets: np.ndarray, end: float) -> tuple[Any, str]:
    """Returns logistic regression after as many steps as there is time for, and what is said of that."""
    from sklearn.linear_model import LogisticRegression

    model, done, steps = LogisticRegression(warm_start=True), 0, FIRST_STEPS
    while True:
        began = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that these steps are not enough
            model.set_params(max_iter=steps).fit(inputs, targets)
        done += steps
        if int(np.max(model.n_iter_)) < steps or done >= MAX_STEPS:
            return model, ""
        now = time.monotonic()
        fitting = int((end - now) / max(now - began, 1e-9) * steps)
        steps = min(2 * steps, fitting, MAX_STEPS - done)
        if steps < 1:
            return model, f"stopped after {done} steps"


def fit_boosting(inputs: np.ndarray, targets: np.ndarray, schema: Schema, end: float, seed: int) -> Estimator:
    """Fits gradient-boosted trees, by histograms; arguments are those of `fit_linear`.

    Returns:
      As many trees as there is time for; of several values each has its part of it.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    first, now = inputs.shape[1] - len(schema.inputs.cardinalities), time.monotonic()
    few = [first + i for i, count in enumerate(schema.inputs.cardinalities) if count <= MAX_CATEGORIES]
    settings: dict[str, Any] = {
        "warm_start": True,
        "random_state": seed,
        "early_stopping": False,
        "categorical_features": few or None,
    }
    if schema.target.kind == "class":
        model, classes = HistGradientBoostingClassifier(**settings), len(schema.target.names)
        trees = _grow(model, inputs, targets, end)
        return Estimator(lambda asked: _probabilities(model, asked, classes), _cut(trees))
    models = [HistGradientBoostingRegressor(**settings) for _ in range(targets.shape[1])]
    ends = now + (end - now) * np.arange(1, len(models) + 1) / len(models)
    trees = min(_grow(model, inputs, targets[:, i], ends[i]) for i, model in enumerate(models))
    return Estimator(lambda asked: np.stack([model.predict(asked) for model in models], 1), _cut(trees))


def _grow(model: Any, inputs: np.ndarray, targets: np.ndarray, end: float) -> int:
    """Adds trees, twice as many each time, and returns how many there are; one at least."""
    trees, more = 0, 1
    while True:
        began = time.monotonic()
        trees += more
        model.set_params(max_iter=trees).fit(inputs, targets)
        now = time.monotonic()
        more = min(2 * more, int((end - now) / max(now - began, 1e-9) * more), MAX_TREES - trees)
        if more < 1:
            return trees


def _cut(trees: int) -> str:
    return "" if trees == MAX_TREES else f"stopped after {trees} of {MAX_TREES} trees"


def _probabilities(model: Any, asked: Any, classes: int) -> np.ndarray:
    """Returns (examples, classes) probabilities; 0 of classes that training does not have."""
    probabilities = np.zeros((asked.shape[0], classes))
    probabilities[:, model.classes_] = model.predict_proba(asked)
    return probabilities
