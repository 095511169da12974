import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

import jaxflow
from jaxflow import losses
from jaxflow.schema import Feature, Schema, Target

GENERATOR = np.random.RandomState(0)
LOGITS = GENERATOR.randn(20, 3).astype(np.float32)
FRACTIONS = GENERATOR.dirichlet((1, 1, 1), 20).astype(np.float32)
FRACTIONS[0] = (0, 1, 0)
SCHEMA = Schema(Feature("vector", (2,), "float32"), Target("number", ("a", "b", "c")))


def test_divergence_is_scipys_entropy():
    expected = [scipy.stats.entropy(t, q) for t, q in zip(FRACTIONS, scipy.special.softmax(LOGITS, axis=1))]
    np.testing.assert_allclose(losses.KL()(LOGITS, FRACTIONS), expected, rtol=1e-4, atol=1e-6)
    # Of a class that is certain it is the cross-entropy.
    certain = losses.KL()(LOGITS[:1], FRACTIONS[:1])
    np.testing.assert_allclose(certain, losses.CrossEntropy()(LOGITS[:1], jnp.array([1])), rtol=1e-6)


def test_fractions_are_predicted_and_scored():
    problem = jaxflow.LabelDistribution()
    assert problem.num_outputs(SCHEMA) == 3
    found = problem.running_metrics(LOGITS, FRACTIONS, problem.losses(LOGITS, FRACTIONS), jnp.ones(20))
    predicted = scipy.special.softmax(LOGITS, axis=1)
    assert float(found["mae"].compute()) == pytest.approx(np.abs(predicted - FRACTIONS).mean(), rel=1e-5)
    mean = FRACTIONS.mean(0, dtype=float)
    baseline = problem.baseline(FRACTIONS, FRACTIONS)
    assert baseline["loss"] == pytest.approx(np.mean([scipy.stats.entropy(row, mean) for row in FRACTIONS]), rel=1e-5)
    table = problem.prediction_table(SCHEMA, predicted, FRACTIONS)
    assert list(table) == ["target_a", "target_b", "target_c", "prediction_a", "prediction_b", "prediction_c"]


@pytest.mark.parametrize("rows", [[[0.5, 0.25, 0.25], [0.5, 0.25, 0.05]], [[0.5, 0.25, 0.25], [1.2, -0.4, 0.2]]])
def test_what_does_not_sum_to_one_is_refused(rows):
    with pytest.raises(jaxflow.UserError, match=r"1 training targets do not \(a .*divide them by their sum"):
        jaxflow.LabelDistribution().check_targets(SCHEMA, np.array(rows))


def test_a_sum_is_the_weighted_sum_of_its_losses():
    logits, masks = GENERATOR.randn(2, 4, 4, 3).astype(np.float32), GENERATOR.randint(-1, 3, (2, 4, 4))
    both = losses.Sum((losses.CrossEntropy(), losses.Dice()), weights=(1.0, 0.5))
    expected = losses.CrossEntropy()(logits, masks) + 0.5 * losses.Dice()(logits, masks)
    np.testing.assert_allclose(both(logits, masks), expected, rtol=1e-6)
    assert both.unit == ""
    assert losses.Sum((losses.CrossEntropy(), losses.CrossEntropy())).unit == "nats"
    with_weights = losses.Sum((losses.CrossEntropy(class_weights="balanced"), losses.Dice())).fit(masks)
    assert with_weights.losses[0] == losses.CrossEntropy(class_weights="balanced").fit(masks)


def test_weights_in_a_sum_are_checked_too():
    loss = losses.Sum((losses.Focal(), losses.CrossEntropy(class_weights=(1.0, 2.0))))
    with pytest.raises(jaxflow.UserError, match="give 3 numbers"):
        jaxflow.Classification(loss).num_outputs(Schema(SCHEMA.inputs, Target("class", ("a", "b", "c"))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.Sum((losses.Dice(),)), "write a tuple of two or more"),
        (lambda: losses.Sum((losses.Dice, losses.Focal())), "which is no loss; write an object such as"),
        (lambda: losses.Sum((losses.Dice(), losses.Focal()), (1.0,)), "2 losses and 1 weights; give one for each"),
        (lambda: losses.Sum((losses.Dice(), losses.Focal()), (1.0, -1.0)), "0 or more"),
    ],
)
def test_mistakes_are_one_line(make, message):
    with pytest.raises(jaxflow.UserError, match=message):
        make()
