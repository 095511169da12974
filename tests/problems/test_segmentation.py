import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, log_loss

import jaxflow
from jaxflow.schema import IGNORE, Feature, Schema, Target
from jaxflow.training.gradients import loss_weights

NAMES = ("sky", "road", "car", "bird")
SCHEMA = Schema(Feature("image", (6, 5, 3), "uint8"), Target("class", NAMES, (6, 5)))
GENERATOR = np.random.RandomState(0)
TARGETS = GENERATOR.randint(0, 3, (4, 6, 5)).astype(np.int8)  # a bird is nowhere
TARGETS[:, 0] = IGNORE
OUTPUTS = GENERATOR.normal(size=(4, 6, 5, 4)).astype(np.float32)
KNOWN = TARGETS >= 0


def metrics(rows=slice(None)):
    problem = jaxflow.Segmentation()
    outputs, targets = jnp.asarray(OUTPUTS[rows]), jnp.asarray(TARGETS[rows])
    return problem.running_metrics(
        outputs, targets, problem.losses(outputs, targets), loss_weights({"targets": targets})
    )


def test_metrics_are_scikit_learns():
    ours = {name: float(metric.compute()) for name, metric in metrics().items()}
    true, predicted = TARGETS[KNOWN], OUTPUTS.argmax(-1)[KNOWN]
    probabilities = np.asarray(jax.nn.softmax(OUTPUTS))[KNOWN]
    assert ours["loss"] == pytest.approx(log_loss(true, probabilities, labels=range(4)), rel=1e-5)
    assert ours["accuracy"] == pytest.approx((true == predicted).mean())
    assert ours["iou"] == pytest.approx(jaccard_score(true, predicted, average="macro"))
    assert ours["dice"] == pytest.approx(f1_score(true, predicted, average="macro"))


def test_classes_that_are_nowhere_do_not_count():
    problem = jaxflow.Segmentation()
    outputs = jnp.eye(4)[jnp.where(KNOWN, TARGETS, 0)] * 9
    scores = problem.running_metrics(
        outputs, TARGETS, problem.losses(outputs, TARGETS), loss_weights({"targets": TARGETS})
    )
    assert scores["iou"].compute() == scores["dice"].compute() == 1


def test_metrics_merge_over_batches():
    whole, parts = metrics(), [metrics(rows=slice(0, 1)), metrics(rows=slice(1, 4))]
    for name, metric in whole.items():
        assert float(parts[0][name].merge(parts[1][name]).compute()) == pytest.approx(float(metric.compute()), rel=1e-6)


def test_balanced_weights_see_known_pixels_alone():
    fitted = jaxflow.Segmentation(loss=jaxflow.losses.CrossEntropy(class_weights="balanced")).fit(TARGETS)
    counts = np.bincount(TARGETS[KNOWN])
    np.testing.assert_allclose(fitted.loss.class_weights, KNOWN.sum() / 3 / counts)
    losses = np.asarray(fitted.losses(OUTPUTS, TARGETS))[KNOWN]
    plain = np.asarray(jaxflow.Segmentation().losses(OUTPUTS, TARGETS))[KNOWN]
    np.testing.assert_allclose(losses, plain * np.array(fitted.loss.class_weights)[TARGETS[KNOWN]], rtol=1e-6)


def test_the_baseline_names_the_most_frequent_class():
    baseline = jaxflow.Segmentation().baseline(TARGETS[:3], TARGETS)
    most = np.bincount(TARGETS[:3][KNOWN[:3]]).argmax()
    true, predicted = TARGETS[KNOWN], np.full(KNOWN.sum(), most)
    assert baseline["accuracy"] == pytest.approx((true == predicted).mean())
    assert baseline["iou"] == pytest.approx(jaccard_score(true, predicted, average="macro"))
    assert baseline["dice"] == pytest.approx(f1_score(true, predicted, average="macro"))


def test_predictions_are_masks_and_a_table_of_shares():
    problem = jaxflow.Segmentation()
    masks = np.asarray(problem.predictions(jnp.asarray(OUTPUTS)))
    assert masks.dtype == SCHEMA.target.dtype == "int8"
    np.testing.assert_array_equal(masks, OUTPUTS.argmax(-1))
    table = problem.prediction_table(SCHEMA, masks, TARGETS)
    assert list(table) == ["accuracy", *(f"fraction_{name}" for name in NAMES)]
    np.testing.assert_allclose(np.float64(table["accuracy"][1]), (masks == TARGETS)[1][KNOWN[1]].mean(), atol=1e-6)
    np.testing.assert_allclose(sum(np.float64(table[f"fraction_{name}"]) for name in NAMES), 1, atol=1e-5)
    ignored = np.where(np.arange(len(TARGETS))[:, None, None] == 1, -1, TARGETS)
    assert problem.prediction_table(SCHEMA, masks, ignored)["accuracy"][1] == ""  # not 0


@pytest.mark.parametrize(
    "target", [Target("class", NAMES), Target("number", ("x",))], ids=["a class for all", "a number"]
)
def test_data_without_masks_is_refused(target):
    with pytest.raises(jaxflow.UserError, match=r"the data has (one of 4 classes|numbers).* or data with masks"):
        jaxflow.Segmentation().num_outputs(Schema(SCHEMA.inputs, target))
    with pytest.raises(jaxflow.UserError, match=r"use problem=Segmentation\(\)"):
        jaxflow.Classification().num_outputs(SCHEMA)
    with pytest.raises(jaxflow.UserError, match="give 4 numbers"):
        jaxflow.Segmentation(loss=jaxflow.losses.CrossEntropy(class_weights=(1.0,))).num_outputs(SCHEMA)
