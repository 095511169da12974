"""Linear models and gradient boosting on simple features, within a time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from jaxflow.console import error_text
from jaxflow.evaluation.baselines.estimators import Estimator, fit_boosting, fit_linear
from jaxflow.evaluation.baselines.features import KINDS, Rows, block_size, features_of
from jaxflow.schema import Schema, Split

# Training examples of a simple model, and numbers in their features, at most: more change little, and are waited for.
MAX_EXAMPLES, MAX_NUMBERS = 20_000, 50_000_000
# Products that a linear model has time for in a second, in all of its steps together, on one slow core.
PRODUCTS = 25_000_000
# Of whatever is slow, at least so many examples.
MIN_EXAMPLES = 2000
# Numbers that a linear model learns, numbers that are predicted, and classes or values of boosting, at most.
MAX_LEARNED, MAX_PREDICTED, MAX_BOOSTED = 20_000_000, 100_000_000, 100
# Products of examples, features and classes or values in one tree of boosting, at most.
MAX_TREE = 200_000_000


@dataclass(frozen=True)
class SimpleModel:
    """What a simple model predicts.

    Attributes:
      name: of the model.
      predictions: of the test split, (examples, classes) probabilities or (examples, values); None where it was left
        out.
      note: on how many examples it was fitted where that are not all of them, or why it was left out; else "".
    """

    name: str
    predictions: np.ndarray | None
    note: str


@dataclass(frozen=True)
class Sample:
    """What simple models are fitted to: (examples, features) inputs and the targets of as many."""

    inputs: Rows
    targets: np.ndarray


class _LeftOutError(Exception):
    """Says why a simple model was left out."""


def simple_models(schema: Schema) -> list[str]:
    """Returns the names of the simple models for data; [] where none takes it."""
    kind, target = schema.inputs.kind, schema.target
    if kind not in KINDS or target.dense_shape or target.several:
        return []
    model = "logistic regression" if target.kind == "class" else "linear regression"
    seen = {"image": " on small images", "volume": " on small volumes", "audio": " on small spectrograms"}
    linear = f"tf-idf and {model}" if kind == "tokens" else model + seen.get(kind, "")
    return [linear, "gradient boosting"] if kind in ("vector", "series") else [linear]


def fit_simple_models(schema: Schema, train: Split, test: Split, *, seconds: float, seed: int = 0) -> list[SimpleModel]:
    """Fits simple models to a training split and predicts a test split.

    Args:
      schema: what the data holds; the target is one class, or numbers, for each example.
      train: the training split; a sample is drawn of a large one.
      test: the test split.
      seconds: that all of it may take, about; on one core, since others often have work of their own.
      seed: of the sample and of boosting.

    Returns:
      One for each of `simple_models`. Whatever fails is left out and said.
    """
    names = simple_models(schema)
    if not names:
        return []
    from sklearn import set_config  # noqa: F401 (reading it takes a second or two, which do not count)
    from threadpoolctl import threadpool_limits

    began = time.monotonic()
    with threadpool_limits(1):
        try:
            sample = _draw(schema, train, test, seconds, seed)
            fits: list[Callable[[], Estimator]] = [
                lambda: _fit_linear(sample, schema, began + seconds * (2 / 3 if len(names) > 1 else 1)),
                lambda: _fit_boosting(sample, schema, began + seconds, seed),
            ]
            return _predict(dict(zip(names, fits)), schema, sample, len(train), test)
        except Exception as error:  # damaged files, memory: nothing of it is a fault of the run
            return [SimpleModel(name, None, _why(error)) for name in names]


def _draw(schema: Schema, train: Split, test: Split, seconds: float, seed: int) -> Sample:
    """Reads a sample of the training split that is small enough for the time."""
    began, feature, at_once = time.monotonic(), schema.inputs, block_size(schema.inputs)
    drawn = np.random.default_rng(seed).permutation(len(train))[:MAX_EXAMPLES]
    first = features_of(train, feature, drawn[:at_once])
    needed = (time.monotonic() - began) * len(test) / first.shape[0]
    if needed > seconds / 2:
        raise _LeftOutError(f"to read {len(test):,} test examples takes about {needed:,.0f} s")
    classes, outputs = schema.target.kind == "class", len(schema.target.names)
    if len(test) * outputs > MAX_PREDICTED:
        raise _LeftOutError(f"{len(test):,} test examples have {outputs:,} probabilities each, too many to hold")
    width = max(1, first.size // first.shape[0])  # of sparse features, those that are not 0
    in_time = int(seconds * PRODUCTS / (width * (outputs if classes else width)))
    most = min(max(in_time, MIN_EXAMPLES), max(MAX_NUMBERS // width, 1))
    inputs = features_of(train, feature, drawn[:most], began + seconds / 3)
    targets = np.asarray(train.targets[drawn[: inputs.shape[0]]])
    known = targets >= 0 if classes else np.ones(len(targets), bool)
    if classes and len(np.unique(targets[known])) < 2:
        raise _LeftOutError("the training examples that it would see are of one class")
    return Sample(inputs[known], targets[known])


def _fit_linear(sample: Sample, schema: Schema, end: float) -> Estimator:
    learned = sample.inputs.shape[1] * len(schema.target.names)
    if learned > MAX_LEARNED:
        raise _LeftOutError(f"it would learn {learned:,} numbers")
    return fit_linear(sample.inputs, sample.targets, schema, end)


def _fit_boosting(sample: Sample, schema: Schema, end: float, seed: int) -> Estimator:
    outputs = len(schema.target.names)
    if outputs > MAX_BOOSTED:
        raise _LeftOutError(f"it would grow trees for each of {outputs:,} classes or values")
    most = MAX_TREE // (outputs * sample.inputs.shape[1])
    return fit_boosting(np.asarray(sample.inputs[:most]), sample.targets[:most], schema, end, seed)


def _predict(
    fits: dict[str, Callable[[], Estimator]], schema: Schema, sample: Sample, examples: int, test: Split
) -> list[SimpleModel]:
    """Fits models and predicts the test split with all of them, block by block."""
    fitted: dict[str, Estimator] = {}
    notes: dict[str, str] = {}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in fits}
    seen = len(sample.targets)
    for name, fit in fits.items():
        try:
            fitted[name] = fit()
            of = f"fitted to {seen:,} of {examples:,} training examples" if seen < examples else ""
            notes[name] = "; ".join(filter(None, (of, fitted[name].stopped)))
        except Exception as error:  # scikit-learn's, of whatever the data holds
            notes[name] = _why(error)
    for block in _blocks(schema, test) if fitted else ():
        for name, model in list(fitted.items()):
            try:
                parts[name].append(_finite(model.predict(block)))
            except Exception as error:  # as above
                notes[name] = _why(error)
                del fitted[name]
    return [SimpleModel(name, np.concatenate(parts[name]) if name in fitted else None, notes[name]) for name in fits]


def _blocks(schema: Schema, test: Split) -> Iterator[Rows]:
    at_once = block_size(schema.inputs)
    for start in range(0, len(test), at_once):
        yield features_of(test, schema.inputs, np.arange(start, min(start + at_once, len(test))))


def _finite(predictions: np.ndarray) -> np.ndarray:
    if not np.isfinite(predictions).all():
        raise _LeftOutError("it predicts values that are not finite")
    return predictions


def _why(error: Exception) -> str:
    return f"left out: {error if isinstance(error, _LeftOutError) else error_text(error) or type(error).__name__}"
