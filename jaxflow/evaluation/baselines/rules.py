"""What needs no model: constants, frequencies of the training split, and the last values of a series."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.evaluation.baselines.dense_rules import mask_rules, text_rules
from jaxflow.evaluation.metrics.classes import LEAST
from jaxflow.evaluation.metrics.scores import each_example, values_of
from jaxflow.evaluation.metrics.values import value_scores
from jaxflow.interfaces import Problem
from jaxflow.problems.autoencoding import Autoencoding
from jaxflow.problems.classes.binary_classification import BinaryClassification
from jaxflow.problems.classes.classification import Classification
from jaxflow.problems.classes.multi_label import MultiLabel
from jaxflow.problems.classes.ordinal_classification import OrdinalClassification
from jaxflow.problems.losses.binary import BinaryCrossEntropy
from jaxflow.problems.losses.classes import CrossEntropy
from jaxflow.problems.names import outputs_of_columns
from jaxflow.problems.sequences.tagging import Tagging
from jaxflow.problems.sequences.transcription import Transcription
from jaxflow.problems.uncertainty.gaussian_regression import GaussianRegression
from jaxflow.problems.uncertainty.quantile_regression import QuantileRegression
from jaxflow.schema import Schema, Split

# The rules of problems, by the name that each has in results.json.
RULES: Sequence[tuple[type, str]] = (
    (OrdinalClassification, "median class"),
    (MultiLabel, "majority of each label"),
    (Tagging, "most frequent tag of each token"),
    (Transcription, "most frequent text"),
    (Autoencoding, "mean input"),
    (GaussianRegression, "distribution of the training targets"),
    (QuantileRegression, "quantiles of the training targets"),
)


def rule_name(problem: Problem, schema: Schema) -> str:
    """Returns the name of what `Problem.baseline` scores.

    Args:
      problem: what is solved.
      schema: what the data holds.
    """
    for kind, name in RULES:
        if isinstance(problem, kind):
            return name
    if schema.target.kind == "class" and schema.target.dense_shape:
        return "unigram" if schema.inputs.kind == "tokens" else "most frequent class"
    return {"class": "majority", "number": "mean"}.get(schema.target.kind, "answering without inputs")


def score_rules(dataset: Dataset, problem: Any) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Scores what needs no model on the test split.

    Args:
      dataset: the data.
      problem: what is solved.

    Returns:
      The metrics of the problem's own baseline, of a series the best of each metric by naive forecasts; and metrics by
      the rule's name, the problem's own first.
    """
    train, test, schema = dataset.splits["train"], dataset.splits["test"], dataset.schema
    if hasattr(test, "naive_forecasts") and hasattr(problem, "forecast_errors"):
        rules = naive_forecasts(problem, test)
        names = dict.fromkeys(name for metrics in rules.values() for name in metrics)
        return {name: min(metrics[name] for metrics in rules.values()) for name in names}, rules
    of_inputs = getattr(problem, "baseline_of_inputs", None)
    own = problem.baseline(train.targets, test.targets) if of_inputs is None else of_inputs(train, test)
    name = rule_name(problem, schema)
    rules = {name: own}
    if schema.target.kind == "number" and not isinstance(problem, Autoencoding):
        constants = value_rules(problem, np.asarray(train.targets), np.asarray(test.targets))
        return own, (rules if name != "mean" else {}) | constants
    for other, metrics in _frequencies(schema, problem, train, test).items():
        rules[other] = metrics | rules.get(other, {})
    return own, rules


def naive_forecasts(problem: Any, test: Any) -> dict[str, dict[str, float]]:
    """Returns the metrics of a series' naive forecasts, by name."""
    forecasts: Mapping[str, np.ndarray] = test.naive_forecasts()
    return {name: problem.forecast_errors(values, test.targets) for name, values in forecasts.items()}


def _frequencies(schema: Schema, problem: Problem, train: Split, test: Split) -> dict[str, dict[str, float]]:
    """Returns rules that know how frequent classes are in the training split."""
    target = schema.target
    if isinstance(problem, Classification | BinaryClassification | OrdinalClassification):
        return {"prior": class_prior(problem, np.asarray(train.targets), np.asarray(test.targets), len(target.names))}
    if isinstance(problem, MultiLabel):
        return {"prior": label_prior(problem, np.asarray(train.targets), np.asarray(test.targets))}
    if target.kind != "class" or not target.dense_shape or isinstance(problem, Tagging | Transcription):
        return {}
    if schema.inputs.kind == "tokens":
        return text_rules(train, test, len(target.names))
    return mask_rules(train.targets, test.targets, target.names)


def class_prior(problem: Problem, train: np.ndarray, test: np.ndarray, classes: int) -> dict[str, float]:
    """Scores guessing each class as often as the training split has it: what is expected, without drawing.

    Args:
      problem: its loss has the log-loss too where it is the plain cross-entropy.
      train: (examples,) training classes.
      test: (examples,) test classes; those below 0 are unknown.
      classes: how many there are.

    Returns:
      "accuracy", sum of p q over classes of frequency p in training and q in the test; "log_loss" and "brier" of the
      probabilities p.
    """
    prior, tested = (
        np.bincount(labels[labels >= 0], minlength=classes) / (labels >= 0).sum() for labels in (train, test)
    )
    hit, loss = float(prior @ tested), float(-tested @ np.log(np.clip(prior, LEAST, 1.0)))
    brier = 1 - 2 * hit + float(prior @ prior)
    scores = {"accuracy": hit, "log_loss": loss, "brier": brier / 2 if classes == 2 else brier}
    plain = getattr(problem, "loss", None) in (CrossEntropy(), BinaryCrossEntropy())
    return scores | ({"loss": loss} if plain else {})


def label_prior(problem: Problem, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Scores guessing each label as often as the training split has it: what is expected, without drawing.

    Args:
      problem: its loss is scored too where it is the plain cross-entropy.
      train: (examples, labels) 0, 1, or less where it is unknown.
      test: likewise.
    """
    known = train >= 0
    prior = np.where(known, train, 0).sum(0) / np.maximum(known.sum(0), 1)
    of_truth = np.where(test == 1, prior, 1 - prior)[test >= 0]
    scores = {"accuracy": float(of_truth.mean())}
    if getattr(problem, "loss", None) == BinaryCrossEntropy():
        scores["loss"] = float(-np.log(np.clip(of_truth, LEAST, 1.0)).mean())
    return scores


def value_rules(problem: Problem, train: np.ndarray, test: np.ndarray) -> dict[str, dict[str, float]]:
    """Scores the constants that are best by squared and by absolute error: mean and median of the training targets.

    Args:
      problem: says which values are of one column.
      train: (examples, values).
      test: (examples, values).
    """
    outputs = outputs_of_columns(getattr(problem, "columns", None)) or {"": list(range(test.shape[1]))}
    constants = {"mean": train.mean(0, dtype=np.float64), "median": np.median(train, axis=0)}
    units = each_example(len(test))
    return {
        name: values_of(value_scores(test, np.broadcast_to(constant, test.shape), outputs, units), units)
        for name, constant in constants.items()
    }
