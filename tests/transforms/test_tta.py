import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.training.prepare import prepare_training
from tests.conftest import toy_images

IMAGES = jnp.asarray(np.random.RandomState(0).rand(5, 6, 6, 1), jnp.float32)
MODEL = jaxflow.CNN(widths=(4,), pools=1, hidden=(8,), outputs=3)
VARIABLES = MODEL.init(jax.random.key(0), IMAGES)


def test_six_views_by_hand():
    plain = np.asarray(IMAGES)
    padded = np.pad(plain, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    expected = [(0.25, plain), (0.125, padded[:, :6, :6]), (0.125, padded[:, 2:, 2:])]
    views = jaxflow.FlipShift()(IMAGES)
    assert len(views) == 6
    assert sum(weight for weight, _ in views) == 1
    for number, (weight, image) in enumerate(expected):
        (left_weight, left), (right_weight, right) = views[2 * number : 2 * number + 2]
        assert left_weight == right_weight == weight
        np.testing.assert_array_equal(left, image)
        np.testing.assert_array_equal(right, image[:, :, ::-1])


@pytest.mark.parametrize(("views", "count"), [(jaxflow.FlipShift(flip=False), 3), (jaxflow.FlipShift(shift=0), 2)])
def test_no_field_is_dead(views, count):
    weights = [weight for weight, _ in views(IMAGES)]
    assert len(weights) == count
    assert sum(weights) == 1
    shifted = jaxflow.FlipShift(flip=False, shift=2)(IMAGES)[1][1]
    assert not np.array_equal(shifted, jaxflow.FlipShift(flip=False)(IMAGES)[1][1])


def test_outputs_are_the_weighted_mean_over_views():
    step = jaxflow.make_predict_step(MODEL, jaxflow.Classification(), tta=jaxflow.FlipShift())
    outputs, predictions = step(VARIABLES, IMAGES)
    expected = sum(weight * MODEL.apply(VARIABLES, view) for weight, view in jaxflow.FlipShift()(IMAGES))
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    np.testing.assert_allclose(predictions, jax.nn.softmax(expected), atol=1e-6)


@pytest.mark.slow
def test_evaluation_and_prediction_see_the_views_and_training_does_not(experiment, toy, tmp_path):
    experiment = dataclasses.replace(experiment, epochs=1)
    viewed = dataclasses.replace(experiment, tta=jaxflow.FlipShift())
    plain, with_views = (
        jaxflow.train(one, tmp_path / name, dataset=toy)["validation"]
        for name, one in (("plain", experiment), ("viewed", viewed))
    )
    assert plain["loss"] != with_views["loss"]
    variables = prepare_training(experiment, toy).init().variables()
    images = toy_images(4)[0]
    one, other = (
        prepare_training(e, toy).program.compile_predict_step()(variables, images) for e in (experiment, viewed)
    )
    assert not np.allclose(one, other)
    lines = [(tmp_path / name / "metrics.jsonl").read_text().splitlines()[0] for name in ("plain", "viewed")]
    assert lines[0].partition("examples_per")[0] == lines[1].partition("examples_per")[0]
