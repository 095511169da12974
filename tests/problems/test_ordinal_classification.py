import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

import jaxflow
from jaxflow.problems.names import with_names
from jaxflow.schema import Feature, Schema, Target

NAMES = ("high", "low", "middle", "none")  # as they sort
ORDER = ("none", "low", "middle", "high")
GENERATOR = np.random.RandomState(0)
OUTPUTS = jnp.asarray(2 * GENERATOR.randn(50, 3), jnp.float32)
LABELS = GENERATOR.randint(0, 4, 50)
RANKS = np.array([ORDER.index(name) for name in NAMES])[LABELS]


def schema(names=NAMES, kind="class"):
    return Schema(Feature("vector", (2,), "float32"), Target(kind, names))


PROBLEM = with_names(jaxflow.OrdinalClassification(ORDER), schema())
HIGHER = np.asarray(jax.nn.sigmoid(OUTPUTS), float).cumprod(1)  # P(rank > k)


def test_the_loss_is_the_authors():
    """Equation 6, as it is written: over each rank's examples that are not lower, then over all terms."""
    logits, total, terms = np.asarray(OUTPUTS, float), 0.0, 0
    for k in range(3):
        some = logits[k - 1 < RANKS, k]
        labels = RANKS[k - 1 < RANKS] > k
        log_sigmoid = -np.log1p(np.exp(-some))
        total -= (log_sigmoid * labels + (log_sigmoid - some) * ~labels).sum()
        terms += len(some)
    losses = PROBLEM.losses(OUTPUTS, jnp.asarray(LABELS))
    assert losses.sum() / terms == pytest.approx(total / terms, rel=1e-6)


def test_the_loss_is_the_likelihood_of_the_class():
    probabilities = np.asarray(PROBLEM.distribution(OUTPUTS))
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    expected = -np.log(probabilities[np.arange(50), LABELS])
    np.testing.assert_allclose(PROBLEM.losses(OUTPUTS, jnp.asarray(LABELS)), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(probabilities[:, NAMES.index("none")], 1 - HIGHER[:, 0], rtol=1e-4, atol=1e-6)


def test_answers_are_medians_and_errors_are_in_ranks():
    ranks = (HIGHER > 0.5).sum(1)
    weights = jnp.ones(50)
    losses = PROBLEM.losses(OUTPUTS, jnp.asarray(LABELS))
    problem = jaxflow.OrdinalClassification(
        ORDER, metrics=(*PROBLEM.metrics, jaxflow.metrics.CohenKappa("quadratic"), jaxflow.metrics.LogLoss())
    )
    metrics = with_names(problem, schema()).running_metrics(OUTPUTS, jnp.asarray(LABELS), losses, weights)
    found = {name: float(metric.compute()) for name, metric in metrics.items()}
    assert found["accuracy"] == pytest.approx(np.mean(ranks == RANKS))
    assert found["mae"] == pytest.approx(np.abs(ranks - RANKS).mean())
    assert found["cohen_kappa"] == pytest.approx(
        sklearn.metrics.cohen_kappa_score(RANKS, ranks, weights="quadratic"), abs=1e-9
    )
    assert found["log_loss"] == pytest.approx(found["loss"])
    table = PROBLEM.prediction_table(schema(), np.asarray(PROBLEM.predictions(OUTPUTS)), LABELS)
    assert table["prediction"].tolist() == [ORDER[rank] for rank in ranks]
    assert table["target"].tolist() == [ORDER[rank] for rank in RANKS]


def test_the_baseline_is_the_median_class():
    train, test = np.array([3, 3, 1, 1, 1, 2, 0]), np.array([1, 0, 3])  # none none low low low middle high
    assert PROBLEM.baseline(train, test) == {"accuracy": pytest.approx(1 / 3), "mae": pytest.approx((0 + 2 + 1) / 3)}


def test_numbers_are_in_order_by_themselves():
    names = ("10", "2", "-1")
    problem = with_names(jaxflow.OrdinalClassification(), schema(names))
    assert problem.num_outputs(schema(names)) == 2
    sure_of_the_highest = jnp.array([[9.0, 9.0]])
    assert problem.answer(problem.distribution(sure_of_the_highest)).tolist() == [0]
    assert problem.baseline(np.array([0, 1, 2]), np.array([0]))["mae"] == 1


@pytest.mark.parametrize(
    ("order", "target", "message"),
    [
        ((), schema(), r"names such as 'high' do not say; .*\(order=\(...\)\) with all of them .*: 'high', 'low'"),
        (("lov", *ORDER), schema(), "names 'lov', which is no class of the data; perhaps you meant 'low'"),
        (ORDER[1:], schema(), "problem.order does not name 'none'; write each class once"),
        ((*ORDER, "low"), schema(), "problem.order names a class twice"),
        (("no", "yes"), schema(("no", "yes")), r"use problem=BinaryClassification\(\)"),
        ((), schema(("stars",), "number"), r"use problem=Regression\(\); task='class' reads whole numbers as classes"),
        ((), schema(("a", "b"), "labels"), r"several labels at once \(a, b\); use problem=MultiLabel\(\)"),
    ],
)
def test_mistakes_are_one_line(order, target, message):
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.OrdinalClassification(order).num_outputs(target)
