import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss
from sklearn.utils.class_weight import compute_class_weight

import jaxflow
from jaxflow.problems.running_metrics import Mean
from jaxflow.schema import Feature, Schema, Target

LOGITS = jax.random.normal(jax.random.key(0), (9, 4)) * 3
LABELS = jnp.array([0, 1, 2, 3, 0, 1, 2, 3, 0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_cross_entropy_is_that_of_the_smoothed_one_hot_labels(smoothing):
    one_hot = np.eye(4)[np.asarray(LABELS)] * (1 - smoothing) + smoothing / 4
    expected = -(one_hot * np.log(np.asarray(jax.nn.softmax(LOGITS), np.float64))).sum(-1)
    np.testing.assert_allclose(jaxflow.losses.CrossEntropy(smoothing)(LOGITS, LABELS), expected, rtol=1e-5)


def test_metrics_are_scikit_learns():
    problem, weights = jaxflow.Classification(), jnp.array([1, 1, 0, 1, 2, 1, 0, 1, 0.5])
    metrics = problem.running_metrics(LOGITS, LABELS, problem.losses(LOGITS, LABELS), weights)
    probabilities = np.asarray(problem.predictions(LOGITS), np.float64)
    probabilities /= probabilities.sum(-1, keepdims=True)  # to float64's precision
    accuracy = accuracy_score(LABELS, probabilities.argmax(-1), sample_weight=weights)
    loss = log_loss(LABELS, probabilities, sample_weight=weights, labels=range(4))
    assert float(metrics["accuracy"].compute()) == pytest.approx(accuracy)
    assert float(metrics["loss"].compute()) == pytest.approx(loss, rel=1e-5)


def test_a_mean_merges_by_weight_and_ignores_padding():
    first = Mean.of(jnp.array([1.0, 2.0, jnp.nan]), jnp.array([0.5, 1.0, 0.0]))
    second = Mean.of(jnp.array([4.0]), jnp.array([2.0]))
    assert float(first.merge(second).compute()) == pytest.approx((0.5 + 2 + 8) / 3.5)
    assert float(Mean.empty().merge(second).compute()) == 4.0


def test_a_million_merged_batches_are_as_exact_as_one():
    values = np.linspace(0.1, 1.1, 1000, dtype=np.float32)

    def add(total, number):
        value, weight = jnp.asarray(values)[number % 1000], jnp.float32(0.3)
        return total.merge(Mean.of(value[None], weight[None])), None

    mean, _ = jax.jit(lambda: jax.lax.scan(add, Mean.empty(), jnp.arange(1_000_000)))()
    assert float(mean.compute()) == pytest.approx(values.astype(np.float64).mean(), rel=1e-6)
    infinite = mean.merge(Mean.of(jnp.array([jnp.inf]), jnp.ones(1)))
    assert float(infinite.merge(mean).compute()) == np.inf


def test_the_weights_of_a_mean_are_a_prefix():
    values = jnp.arange(6.0).reshape(2, 3)
    assert float(Mean.of(values, jnp.array([1.0, 0.0])).compute()) == 1.0


def test_the_baseline_names_the_most_frequent_class():
    baseline = jaxflow.Classification().baseline(np.array([1, 1, 0]), np.array([1, 0, 0, 1]))
    assert baseline == {"accuracy": 0.5}


def test_balanced_classes_count_alike():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    balanced = jaxflow.Classification(loss=jaxflow.losses.CrossEntropy(class_weights="balanced")).fit(labels)
    reference = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(balanced.loss.class_weights, reference)
    logits = jnp.asarray(np.random.RandomState(0).normal(size=(100, 3)), jnp.float32)
    plain, weighted = jaxflow.Classification().losses(logits, labels), balanced.losses(logits, labels)
    np.testing.assert_allclose(weighted, plain * reference[labels], rtol=1e-6)
    per_class = [float(balanced.losses(jnp.zeros((100, 3)), labels)[labels == label].sum()) for label in range(3)]
    np.testing.assert_allclose(per_class, per_class[0], rtol=1e-5)
    assert balanced.fit(labels[:50]) == balanced  # what was fitted stays


@pytest.mark.parametrize("weights", [(1.0, 2.0), (1.0, -1.0, 1.0), (1.0, float("nan"), 1.0)])
def test_weights_that_do_not_fit_are_refused(weights):
    schema = Schema(Feature("vector", (2,), "float32"), Target("class", ("a", "b", "c")))
    with pytest.raises(
        jaxflow.UserError,
        match=r"class_weights is .*(give 3 numbers, 0 or more|must be a tuple whose numbers are 0 or more)",
    ):
        jaxflow.Classification(loss=jaxflow.losses.CrossEntropy(class_weights=weights)).num_outputs(schema)
