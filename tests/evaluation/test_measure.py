"""Which of a problem's metrics are scores: these are exact and have intervals."""

import numpy as np
import pytest
from scipy.stats import binomtest

import jaxflow
from jaxflow import metrics
from jaxflow.evaluation.measure import measure_split, twins_of
from jaxflow.evaluation.metrics.scores import each_example
from jaxflow.evaluation.scoring import score_data
from jaxflow.schema import Feature, Schema, Target

VECTOR = Feature("vector", (2,), "float32")
RANDOM = np.random.default_rng(0)


def measured(problem, target, predictions, targets, streaming):
    schema = Schema(VECTOR, target)
    collected = score_data(schema, None, problem)
    collected.add({"targets": targets, "predictions": predictions})
    return measure_split([collected], each_example(len(targets)), streaming, twins_of(problem, schema))


def test_a_metric_in_float32_is_the_score_that_it_is_and_has_its_interval():
    problem = jaxflow.BinaryClassification(
        metrics=(metrics.Accuracy(), metrics.F1("binary"), metrics.AveragePrecision()),
        positive="no",
        classes=("no", "yes"),
    )
    targets, scores = RANDOM.integers(0, 2, 200), RANDOM.random(200)
    probabilities = np.stack([scores, 1 - scores], 1)
    exact = measured(problem, Target("class", ("no", "yes")), probabilities, targets, {})
    streaming = {
        "accuracy": float(np.float32(exact["accuracy"])),
        "f1": float(np.float32(exact["f1/no"])),
        "average_precision": exact["average_precision"] * 1.001,  # counted in bins
        "own": 0.5,
        "auroc": np.nan,
    }
    found = measured(problem, Target("class", ("no", "yes")), probabilities, targets, streaming)
    assert found["accuracy"] == exact["accuracy"] == np.mean(targets == (scores < 0.5))
    assert (found["f1"], found["f1_interval"]) == (exact["f1/no"], exact["f1_interval/no"])
    assert found["average_precision_interval"] == exact["average_precision_interval"]
    assert found["average_precision"] == exact["average_precision"]
    assert found["own"] == 0.5
    assert "own_interval" not in found
    assert found["auroc"] == exact["auroc"]  # what is not defined as the problem counts it may be as it is scored


def test_a_metric_of_another_meaning_keeps_its_value_and_has_no_interval():
    problem = jaxflow.Classification(metrics=(metrics.F1("weighted"),))
    targets, probabilities = RANDOM.integers(0, 3, 90), RANDOM.dirichlet(np.ones(3), 90)
    found = measured(problem, Target("class", ("a", "b", "c")), probabilities, targets, {"f1": 0.9, "accuracy": 0.1})
    assert (found["f1"], found["accuracy"]) == (0.9, 0.1)
    assert not {"f1_interval", "accuracy_interval"} & set(found)


def test_labels_have_intervals():
    problem = jaxflow.MultiLabel(metrics=(metrics.Accuracy(), metrics.F1("macro")))
    targets, probabilities = RANDOM.integers(0, 2, (120, 3)), RANDOM.random((120, 3))
    found = measured(problem, Target("labels", ("a", "b", "c")), probabilities, targets, {})
    for name in ("accuracy", "f1", "auroc", "f1_micro"):
        low, high = found[f"{name}_interval"]
        assert low < found[name] < high


def test_a_mean_over_classes_has_no_interval_where_resamples_lack_classes():
    targets = np.repeat(np.arange(60), 2)
    probabilities = RANDOM.dirichlet(np.ones(60), 120) * 0.5 + 0.5 * np.eye(60)[targets]
    names = tuple(map(str, range(60)))
    found = measured(jaxflow.Classification(), Target("class", names), probabilities, targets, {})
    assert found["recall_macro"] == found["balanced_accuracy"]
    assert not {"recall_macro_interval", "balanced_accuracy_interval", "f1_macro_interval"} & set(found)
    assert "accuracy_interval" in found


def test_scores_of_a_class_that_is_always_right_have_the_interval_of_a_proportion():
    targets = np.repeat([0, 1], [30, 70])
    probabilities = np.eye(2)[targets]
    probabilities[-20:] = (0.6, 0.4)  # the last twenty are answered wrongly
    found = measured(jaxflow.Classification(), Target("class", ("a", "b")), probabilities, targets, {})
    assert (found["recall/a"], found["precision/b"]) == (1.0, 1.0)
    for name, trials in (("recall/a", 30), ("precision/b", 50)):
        kind, _, of = name.partition("/")
        exact = binomtest(trials, trials).proportion_ci(0.95)
        assert found[f"{kind}_interval/{of}"] == pytest.approx([exact.low, exact.high])


def test_resamples_without_a_class_say_nothing_of_it():
    targets = np.repeat([0, 1], [200, 3])
    probabilities = np.eye(2)[targets]
    probabilities[-1] = (0.6, 0.4)
    found = measured(jaxflow.Classification(), Target("class", ("a", "b")), probabilities, targets, {})
    low, high = found["recall_interval/b"]
    drawn = np.random.default_rng(1).binomial(3, 2 / 3, 100_000) / 3
    assert low == pytest.approx(np.quantile(drawn, 0.025))
    assert high == 1.0


def test_columns_of_other_units_have_forecast_scores_of_their_own():
    from jaxflow.evaluation.metrics.scores import values_of
    from jaxflow.evaluation.metrics.values import forecast_scores

    targets, predictions, naive = RANDOM.normal(size=(3, 50, 4))
    targets[:, 2:] *= 100
    units = each_example(50)
    found = values_of(forecast_scores(targets, predictions, naive, {"/v": [0, 1], "/w": [2, 3]}, units), units)
    for end, some in (("/v", slice(0, 2)), ("/w", slice(2, 4))):
        errors = np.abs(predictions - targets)[:, some]
        assert found[f"rmse_step_2{end}"] == pytest.approx(np.sqrt(np.square(errors[:, 1]).mean()))
        assert found[f"mase{end}"] == pytest.approx(errors.mean() / np.abs(naive - targets)[:, some].mean())
