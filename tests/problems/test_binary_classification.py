import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

import jaxflow
from jaxflow.evaluation.thresholds import choose_thresholds
from jaxflow.schema import Feature, Schema, Target
from jaxflow.training.checks.parts import check_problem

LOGITS = np.random.RandomState(0).randn(40, 1).astype(np.float32)
LABELS = np.random.RandomState(1).randint(0, 2, 40)


def schema(target):
    return Schema(Feature("vector", (2,), "float32"), target)


def scores(problem, outputs, targets):
    weights = jnp.asarray(targets >= 0, jnp.float32)
    metrics = problem.running_metrics(outputs, targets, problem.losses(outputs, targets), weights)
    return {name: float(metric.compute()) for name, metric in metrics.items()}


def test_one_logit_is_the_softmax_of_two():
    two = np.concatenate([np.zeros_like(LOGITS), LOGITS], -1)
    problem, other = jaxflow.BinaryClassification(), jaxflow.Classification()
    np.testing.assert_allclose(problem.distribution(LOGITS), other.distribution(two), rtol=1e-5)
    np.testing.assert_allclose(problem.losses(LOGITS, LABELS), other.losses(two, LABELS), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_metrics_and_tables_go_by_the_threshold(threshold):
    problem = jaxflow.BinaryClassification(threshold=threshold)
    answers = (np.asarray(jax.nn.sigmoid(LOGITS[:, 0])) >= threshold).astype(int)
    measured = scores(problem, jnp.asarray(LOGITS), jnp.asarray(LABELS))
    assert measured["accuracy"] == pytest.approx(np.mean(answers == LABELS))
    assert measured["f1"] == pytest.approx(sklearn.metrics.f1_score(LABELS, answers))
    columns = problem.prediction_table(
        schema(Target("class", ("no", "yes"))), np.asarray(problem.predictions(LOGITS)), LABELS
    )
    assert columns["prediction"].tolist() == np.array(["no", "yes"])[answers].tolist()
    chosen = np.where(answers, columns["p_yes"], columns["p_no"])
    assert columns["probability"].tolist() == chosen.tolist()


@pytest.mark.parametrize("threshold", [0.3, 0.7])
def test_the_first_class_may_be_the_positive_one(threshold):
    metrics = (jaxflow.metrics.Accuracy(), jaxflow.metrics.F1("binary"), jaxflow.metrics.AUROC())
    second = jaxflow.BinaryClassification(threshold=threshold, metrics=metrics)
    named = dataclasses.replace(second, positive="sick", classes=("sick", "well"))
    unknown = np.where(np.arange(40) == 7, -1, LABELS)
    swapped = np.where(unknown < 0, unknown, 1 - unknown)
    np.testing.assert_array_equal(named.losses(LOGITS, LABELS), second.losses(LOGITS, 1 - LABELS))
    np.testing.assert_array_equal(named.log_likelihoods(LOGITS, LABELS), second.log_likelihoods(LOGITS, 1 - LABELS))
    np.testing.assert_array_equal(named.distribution(LOGITS), second.distribution(LOGITS)[:, ::-1])
    np.testing.assert_array_equal(named.classes_of(LOGITS), 1 - second.classes_of(LOGITS))
    assert scores(named, jnp.asarray(LOGITS), jnp.asarray(unknown)) == scores(
        second, jnp.asarray(LOGITS), jnp.asarray(swapped)
    )
    balanced = [
        dataclasses.replace(problem, loss=jaxflow.losses.BinaryCrossEntropy(positive_weight="balanced")).fit(targets)
        for problem, targets in ((named, unknown), (second, swapped))
    ]
    assert balanced[0].loss == balanced[1].loss
    two = Target("class", ("sick", "well"))
    probabilities = np.asarray(named.distribution(LOGITS))
    assert choose_thresholds(two, unknown, probabilities, named.positive_class) == choose_thresholds(
        two, swapped, probabilities[:, ::-1]
    )
    with pytest.raises(jaxflow.UserError, match=r"problem\.positive is 'ill'; the data's classes are sick, well"):
        check_problem(jaxflow.BinaryClassification(positive="ill"), schema(two), LABELS)
    fitted = check_problem(jaxflow.BinaryClassification(positive="sick"), schema(two), LABELS)
    assert (fitted.positive, fitted.classes) == ("sick", None)  # the data's names are the data's


@pytest.mark.parametrize("positive", [None, "sick"])
def test_the_baseline_has_what_depends_on_the_answer_alone(positive):
    some = tuple(getattr(jaxflow.metrics, name)("binary") for name in ("Precision", "Recall", "F1"))
    problem = jaxflow.BinaryClassification(positive=positive, metrics=some, classes=("sick", "well"))
    for train in (LABELS, 1 - LABELS):
        answers = np.full(len(LABELS), np.bincount(train).argmax())
        held, label = {"zero_division": 0, "pos_label": problem.positive_class}, LABELS
        assert problem.baseline(train, label) == pytest.approx(
            {
                "accuracy": np.mean(answers == label),
                "precision": sklearn.metrics.precision_score(label, answers, **held),
                "recall": sklearn.metrics.recall_score(label, answers, **held),
                "f1": sklearn.metrics.f1_score(label, answers, **held),
            }
        )


def test_data_that_do_not_fit_name_the_problem_that_does():
    binary = jaxflow.BinaryClassification()
    with pytest.raises(jaxflow.UserError, match=r"the data has 3; use problem=Classification\(\)"):
        binary.num_outputs(schema(Target("class", ("a", "b", "c"))))
    with pytest.raises(jaxflow.UserError, match=r"use problem=Regression\(\)"):
        binary.num_outputs(schema(Target("number", ("price",))))
    with pytest.raises(jaxflow.UserError, match=r"use problem=MultiLabel\(\)"):
        binary.num_outputs(schema(Target("labels", ("a", "b"))))
    with pytest.raises(jaxflow.UserError, match=r"all 3 training targets are 'sick'; .* find examples of 'well'"):
        check_problem(binary, schema(Target("class", ("well", "sick"))), np.ones(3, np.int32))
    with pytest.raises(jaxflow.UserError, match=r"one of 2 classes .*BinaryClassification\(\).* are task='labels'"):
        jaxflow.MultiLabel().num_outputs(schema(Target("class", ("a", "b"))))


def test_unknown_labels_count_nowhere():
    logits, targets = jnp.array([[2.0, -1.0], [1.0, 3.0]]), jnp.array([[1, 1], [jaxflow.IGNORE, 1]])
    measured = scores(jaxflow.MultiLabel(), logits, targets)
    assert measured["accuracy"] == pytest.approx(2 / 3)
    known = [np.log1p(np.exp(-2.0)), np.log1p(np.exp(1.0)), np.log1p(np.exp(-3.0))]
    assert measured["loss"] == pytest.approx(np.mean(known), rel=1e-5)
    baseline = jaxflow.MultiLabel().baseline(np.array([[1, 0], [1, 0], [0, -1]]), np.asarray(targets))
    assert baseline == {"accuracy": pytest.approx(1 / 3)}


def test_each_label_has_a_threshold():
    problem = jaxflow.MultiLabel(threshold=(0.2, 0.9))
    probabilities = jnp.array([[0.3, 0.8], [0.1, 0.95], [0.2, 0.9]])
    assert problem.answer(probabilities).tolist() == [[1, 0], [0, 1], [1, 1]]
    table = problem.prediction_table(schema(Target("labels", ("a", "b"))), np.asarray(probabilities))
    assert table["prediction_b"].tolist() == [0, 1, 1]
    with pytest.raises(jaxflow.UserError, match="threshold has 2 numbers, and there are 3 labels: a, b, c; give one"):
        problem.num_outputs(schema(Target("labels", ("a", "b", "c"))))
    for threshold in (1.5, (0.2, 1.5)):
        with pytest.raises(jaxflow.UserError, match=r"MultiLabel.threshold is .* in \[0, 1\]"):
            jaxflow.MultiLabel(threshold=threshold)


def test_which_threshold_is_whose_is_said(caplog):
    caplog.set_level("INFO", logger="jaxflow")
    target = Target("labels", ("a", "b"))
    check_problem(jaxflow.MultiLabel(threshold=(0.2, 0.9)), schema(target), np.array([[0, 1], [1, 0]]))
    assert "from these probabilities on: a 0.2, b 0.9" in caplog.text
