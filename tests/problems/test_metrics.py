import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

import jaxflow
from jaxflow.problems.metrics.base import Metric, metrics_of
from jaxflow.problems.running_metrics import Mean

GENERATOR = np.random.RandomState(0)
LOGITS, LABELS = GENERATOR.randn(40, 6).astype(np.float32), GENERATOR.randint(0, 6, 40)


@dataclasses.dataclass(frozen=True)
class Confidence:
    """A metric of the user's own."""

    name: str = "confidence"
    higher_is_better: bool = True
    unit: str = ""

    def __call__(self, batch):
        return Mean.of(batch.problem.distribution(batch.outputs).max(-1), batch.weights)


def scores(problem, outputs=LOGITS, targets=LABELS):
    weights = jnp.ones(len(targets))
    metrics = problem.running_metrics(outputs, targets, problem.losses(outputs, targets), weights)
    return {name: float(metric.compute()) for name, metric in metrics.items()}


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_is_scikit_learns(k):
    measured = scores(jaxflow.Classification(metrics=(jaxflow.metrics.TopK(k),)))
    assert list(measured) == ["loss", f"top_{k}"]
    assert measured[f"top_{k}"] == pytest.approx(top_k_accuracy_score(LABELS, LOGITS, k=k, labels=range(6)))


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_model_that_prefers_no_class_is_right_by_chance_alone(value):
    problem = jaxflow.Classification(
        metrics=(jaxflow.metrics.Accuracy(), jaxflow.metrics.TopK(1), jaxflow.metrics.TopK(2))
    )
    labels = jnp.array([0, 1, 2, 3, 4, 5], jnp.int32)
    measured = scores(problem, jnp.full((6, 6), value), labels)
    assert measured["accuracy"] == pytest.approx(1 / 6)
    assert measured["top_1"] == pytest.approx(0.0 if np.isnan(value) else 1 / 6)
    assert measured["top_2"] == pytest.approx(0.0 if np.isnan(value) else 2 / 6)


def test_a_metric_of_ones_own_needs_no_edit():
    problem = jaxflow.Classification(metrics=(Confidence(),), selection_metric="confidence")
    shifted = np.exp(LOGITS - LOGITS.max(-1, keepdims=True))
    expected = (shifted / shifted.sum(-1, keepdims=True)).max(-1).mean()
    assert scores(problem)["confidence"] == pytest.approx(expected, rel=1e-6)


def test_a_loss_of_ones_own_needs_no_edit():
    @dataclasses.dataclass(frozen=True)
    class Margin:
        def __call__(self, outputs, targets):
            true = jnp.take_along_axis(outputs, targets[:, None], 1)[:, 0]
            return jnp.maximum(0, 1 - true)

    expected = np.maximum(0, 1 - LOGITS[np.arange(40), LABELS]).mean()
    assert scores(jaxflow.Classification(loss=Margin()))["loss"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("problem", "directions"),
    [
        (jaxflow.Classification(), {"loss": False, "accuracy": True}),
        (jaxflow.Segmentation(), {"loss": False, "accuracy": True, "iou": True, "dice": True}),
        (jaxflow.LanguageModelling(), {"loss": False, "accuracy": True, "perplexity": False}),
        (jaxflow.Regression(), {"loss": False, "rmse": False, "mae": False}),
    ],
)
def test_every_metric_has_a_direction_and_a_unit(problem, directions):
    metrics = metrics_of(problem)
    assert {name: metric.higher_is_better for name, metric in metrics.items()} == directions
    assert all(isinstance(metric, Metric) and isinstance(metric.unit, str) for metric in metrics.values())
    assert metrics["loss"].unit == ("" if isinstance(problem, jaxflow.Regression) else "nats")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jaxflow.Classification(selection_metric="f1"), "selection_metric is 'f1'; it is one of loss"),
        (lambda: jaxflow.Regression(loss="huber"), r"loss is 'huber'; it must be an object, for example"),
        (lambda: jaxflow.Classification(loss=jaxflow.losses.CrossEntropy), "loss is <class .*must be an object"),
        (lambda: jaxflow.Classification(metrics=jaxflow.metrics.Accuracy()), r"a tuple of metrics, for .*\(jaxflow"),
        (lambda: jaxflow.Segmentation(metrics=(jaxflow.metrics.IoU,)), r"must be a tuple of metrics, for .*\(jaxflow"),
        (lambda: jaxflow.Classification(metrics=("accuracy", "f1")), r"a tuple of metrics, not of texts, for example "
         r"\(jaxflow.metrics.Accuracy\(\), jaxflow.metrics.F1\(\)\)$"),
        (lambda: jaxflow.Classification(metrics="balanced_accuracy"), r"\(jaxflow.metrics.BalancedAccuracy\(\),\)$"),
        (lambda: jaxflow.Classification(metrics=["rubbish"]), r"not of texts, for example \(jaxflow.metrics.Accuracy"),
        (lambda: jaxflow.Classification(metrics=jaxflow.metrics.F1()), r"for example \(jaxflow.metrics.F1\(\),\)$"),
        (lambda: jaxflow.Classification(loss="focal"), r"an object, for example jaxflow.losses.Focal\(\)$"),
        (lambda: jaxflow.Regression(loss="absolute_error"), r"for example jaxflow.losses.AbsoluteError\(\)$"),
        (lambda: jaxflow.Classification(metrics=(jaxflow.losses.CrossEntropy(),)), "CrossEntropy has no name and no "),
        (
            lambda: jaxflow.Classification(metrics=(jaxflow.metrics.Accuracy(),) * 2),
            "has loss, accuracy, accuracy; each name may occur once",
        ),
        (
            lambda: jaxflow.Classification(metrics=(Confidence("epoch"),)),
            "has epoch, which metrics.jsonl has for something else",
        ),
        (lambda: jaxflow.metrics.TopK(0), "TopK.k is 0; it must be 1 or more"),
        (lambda: jaxflow.Classification(metrics=(Confidence(3),)), "name of metric Confidence is 3; it must be a str"),
        (lambda: jaxflow.Classification(metrics=(Confidence("\udcff"),)), "name of metric Confidence is .*be printed"),
        (lambda: jaxflow.Classification(metrics=(Confidence(higher_is_better="yes"),)), "is 'yes'; it must be True or"),
        (lambda: jaxflow.Regression(metrics=(Confidence(unit=3),)), "unit of metric Confidence is 3; it must be a str"),
    ],
)  # fmt: skip
def test_choices_that_make_no_sense_take_one_line(make, message):
    with pytest.raises(jaxflow.UserError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
