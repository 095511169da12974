import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

import jaxflow
from jaxflow.problems.running_metrics import ExpMean
from jaxflow.schema import IGNORE, Feature, Schema, Target
from jaxflow.training.gradients import loss_weights

LOGITS = jax.random.normal(jax.random.key(0), (4, 6, 5)) * 3
TARGETS = np.random.RandomState(0).randint(0, 5, (4, 6)).astype(np.int8)
TARGETS[1, 3:] = IGNORE
TARGETS[3] = IGNORE
PROBLEM = jaxflow.LanguageModelling()
NAMES = tuple("abcde")


def schema(kind="tokens", target="class", dense_shape=(6,)):
    return Schema(Feature(kind, (6,), "int8", vocab_size=5), Target(target, NAMES, dense_shape))


def test_metrics_are_scikit_learns_over_all_known_places():
    weights = loss_weights({"targets": TARGETS, "weights": np.array([1, 1, 0, 1], np.float32)})
    losses = PROBLEM.losses(LOGITS, TARGETS)
    assert losses.shape == (4, 6)
    metrics = {
        name: float(m.compute()) for name, m in PROBLEM.running_metrics(LOGITS, TARGETS, losses, weights).items()
    }
    counted = weights.astype(bool)
    probabilities = np.asarray(jax.nn.softmax(LOGITS), np.float64)[counted]
    probabilities /= probabilities.sum(-1, keepdims=True)
    loss = log_loss(TARGETS[counted], probabilities, labels=range(5))
    assert metrics["loss"] == pytest.approx(loss, rel=1e-5)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(TARGETS[counted], probabilities.argmax(-1)))
    assert metrics["perplexity"] == pytest.approx(np.exp(loss), rel=1e-5)


def test_perplexity_merges_as_the_mean_does():
    values, weights = jnp.array([1.0, 2.0, 4.0]), jnp.array([1.0, 2.0, 0.5])
    whole = ExpMean.of(values, weights)
    parts = ExpMean.of(values[:1], weights[:1]).merge(ExpMean.of(values[1:], weights[1:]))
    assert float(parts.compute()) == pytest.approx(float(whole.compute()))
    assert float(whole.compute()) == pytest.approx(np.exp(7 / 3.5))


def test_the_baseline_is_the_frequency_of_tokens():
    train = np.array([[0, 0, 1], [0, IGNORE, IGNORE]], np.int8)
    tested = np.array([[0, 1, 3, IGNORE]], np.int8)
    shares = np.array([4, 2, 1, 1]) / 8  # each once more
    baseline = PROBLEM.baseline(train, tested)
    assert baseline["loss"] == pytest.approx(-np.log(shares[[0, 1, 3]]).mean())
    assert baseline["accuracy"] == pytest.approx(1 / 3)
    assert baseline["perplexity"] == pytest.approx(np.exp(baseline["loss"]))


def test_columns_say_the_token_after_the_window():
    predictions = np.asarray(PROBLEM.predictions(LOGITS))
    assert predictions.dtype == np.int32
    known = TARGETS[:3]
    columns = PROBLEM.prediction_table(schema(), predictions[:3], known)
    assert columns["target"].tolist() == [NAMES[known[0, -1]], NAMES[known[1, 2]], NAMES[known[2, -1]]]
    assert columns["prediction"].tolist() == [NAMES[predictions[row, place]] for row, place in enumerate((5, 2, 5))]
    assert float(columns["accuracy"][1]) == pytest.approx((predictions[1, :3] == known[1, :3]).mean(), abs=1e-6)
    assert PROBLEM.prediction_table(schema(), predictions)["prediction"].tolist() == [
        NAMES[p] for p in predictions[:, -1]
    ]


@pytest.mark.parametrize(
    ("given", "other"),
    [
        (schema(dense_shape=()), "Classification"),
        (schema(target="number", dense_shape=()), "Regression"),
        (schema(kind="image"), "Segmentation"),
    ],
)
def test_data_that_is_no_text_is_refused(given, other):
    with pytest.raises(jaxflow.UserError, match=f"LanguageModelling predicts the next token .*; use problem={other}"):
        PROBLEM.num_outputs(given)
    assert PROBLEM.num_outputs(schema()) == 5


@pytest.mark.parametrize(("kind", "other"), [("tokens", "LanguageModelling"), ("image", "Segmentation")])
def test_classification_refuses_a_class_for_each_place(kind, other):
    with pytest.raises(jaxflow.UserError, match=rf"a class for each of its 6 positions; use problem={other}\(\)"):
        jaxflow.Classification().num_outputs(schema(kind))
