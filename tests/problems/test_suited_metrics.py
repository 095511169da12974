import pytest

import jaxflow
from jaxflow import losses, metrics
from jaxflow.problems.suggestions import fitting
from jaxflow.schema import Feature, Schema, Target


@pytest.mark.parametrize(
    ("problem", "metric", "message"),
    [
        (jaxflow.MultiLabel, metrics.F1("binary"), "measures the second of two classes, and MultiLabel has labels"),
        (jaxflow.MultiLabel, metrics.CohenKappa(), "CohenKappa, which does not measure what MultiLabel answers"),
        (jaxflow.MultiLabel, metrics.TopK(2), "TopK, which does not measure what MultiLabel answers"),
        (jaxflow.BinaryClassification, metrics.TopK(2), "TopK, which does not measure what BinaryClassification"),
        (jaxflow.Classification, metrics.RMSE(), "RMSE, which does not measure what Classification answers"),
        (jaxflow.OrdinalClassification, metrics.TopK(2), "TopK, which does not measure what OrdinalClassification"),
        (jaxflow.Regression, metrics.Accuracy(), "Accuracy, which does not measure what Regression answers"),
        (jaxflow.BinaryClassification, metrics.IoU(), "IoU, which does not measure what BinaryClassification"),
    ],
)
def test_metrics_that_read_other_answers_are_refused(problem, metric, message):
    with pytest.raises(jaxflow.UserError, match=message):
        problem(metrics=(metric,))


def test_of_three_classes_there_is_no_second_of_two():
    schema = Schema(Feature("vector", (2,), "float32"), Target("class", ("a", "b", "c")))
    with pytest.raises(jaxflow.UserError, match=r"F1\('binary'\).*Classification has 3 classes; use F1\('macro'\)"):
        jaxflow.Classification(metrics=(metrics.F1("binary"),)).num_outputs(schema)


@pytest.mark.parametrize(
    ("kind", "target", "problem"),
    [
        ("vector", Target("class", ("no", "yes")), "BinaryClassification(), or Classification()"),
        ("vector", Target("class", ("1", "2", "3")), "Classification(), or OrdinalClassification() where the order"),
        ("vector", Target("class", ("cat", "dog", "owl")), "Classification()"),
        ("vector", Target("labels", ("a", "b")), "MultiLabel()"),
        ("vector", Target("number", ("price",)), "Regression()"),
        ("image", Target("class", ("a", "b"), (8, 8)), "Segmentation()"),
        ("audio", Target("class", ("a", "b"), (8,)), "Transcription()"),
        ("tokens", Target("class", ("a", "b"), (8,)), "LanguageModelling()"),
    ],
)
def test_the_problem_that_fits_is_named(kind, target, problem):
    assert fitting(Schema(Feature(kind, (8,), "float32"), target)).startswith(f"use problem={problem}")


@pytest.mark.parametrize(
    ("problem", "loss", "message"),
    [
        (jaxflow.Classification, losses.BinaryCrossEntropy(), "Bin.*, a loss of BinaryClassification and MultiLabel"),
        (jaxflow.BinaryClassification, losses.CORN(), "CORN, a loss of OrdinalClassification; Binary"),
        (jaxflow.Regression, losses.KL(), "KL, a loss of LabelDistribution; Regression takes SquaredError, Absolute"),
        (jaxflow.Segmentation, losses.Sum((losses.Dice(), losses.KL())), "KL, .*; Segmentation takes CrossEntropy, Fo"),
        (jaxflow.OrdinalClassification, losses.CrossEntropy(), "CrossEntropy, a loss of Classification"),
    ],
)
def test_losses_of_other_answers_are_refused(problem, loss, message):
    with pytest.raises(jaxflow.UserError, match=f"problem.loss is {message}"):
        problem(loss=loss)


def test_losses_of_pixels_may_be_added():
    both = losses.Sum((losses.Dice(), losses.CrossEntropy()))
    assert jaxflow.Segmentation(loss=both).loss == both
