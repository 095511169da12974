import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models.layers import ops
from jaxflow.models.whitened import whitening_filters
from jaxflow.training.prepare import prepare_training
from jaxflow.training.trained import read_trained

SMALL = jaxflow.AirbenchCNN(widths=(4, 4), init_examples=20, outputs=3)


@pytest.fixture
def whitened(experiment):
    """An experiment whose model looks at training examples, and whose flips look at their epochs.

    Four examples a microbatch: two single pixels, normalised, are 1 and -1 whatever they were, and have no gradient.
    """
    return dataclasses.replace(
        experiment,
        model=dataclasses.replace(SMALL, outputs=None),
        augment=(jaxflow.AlternatingFlip(),),
        batch_size=16,
        microbatch=4,
        epochs=1,
    )


def test_whitened_patches_are_uncorrelated_and_of_unit_size():
    generator = np.random.RandomState(0)
    smooth = np.cumsum(generator.normal(size=(40, 12, 12, 3)), axis=1)
    images = jnp.asarray(smooth @ generator.normal(size=(3, 3)), jnp.float32)
    filters = whitening_filters(images, epsilon=0.0)
    assert filters.shape == (2, 2, 3, 24)
    outputs = np.asarray(ops.conv(images, filters), np.float64).reshape(-1, 24)
    covariance = outputs.T @ outputs / len(outputs)
    np.testing.assert_allclose(covariance[:12, :12], np.eye(12), atol=2e-3)
    np.testing.assert_array_equal(filters[..., 12:], -filters[..., :12])


def test_it_has_airbenchs_parameter_count():
    shapes = jax.eval_shape(jaxflow.AirbenchCNN(outputs=10).init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == 1_971_352
    assert shapes["constants"]["Whitening_0"]["kernel"].shape == (2, 2, 3, 24)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.slow
def test_half_precision_keeps_float32_parameters_and_outputs(dtype):
    images = jax.random.normal(jax.random.key(0), (4, 12, 12, 3))
    variables = SMALL.init(jax.random.key(1), images)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    full, half = (SMALL.clone(dtype=name).apply(variables, images) for name in ("float32", dtype))
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, full, atol=0.05)
    assert not np.array_equal(half, full)


def test_the_state_starts_from_training_examples(whitened, toy):
    setup = prepare_training(whitened, toy)
    state, again = setup.init(), prepare_training(whitened, toy).init()
    jax.tree.map(np.testing.assert_array_equal, state.params, again.params)
    filters = state.model_state["constants"]["Whitening_0"]["kernel"]
    np.testing.assert_array_equal(filters, again.model_state["constants"]["Whitening_0"]["kernel"])
    examples = setup.init_examples()
    assert len(examples) == 20
    np.testing.assert_allclose(
        filters, whitening_filters(setup.program.structure.transform(examples)), rtol=1e-3, atol=1e-3
    )
    others = dataclasses.replace(whitened, model=dataclasses.replace(whitened.model, init_examples=9))
    assert not np.allclose(
        prepare_training(others, toy).init().model_state["constants"]["Whitening_0"]["kernel"], filters
    )


@pytest.mark.slow
def test_training_leaves_the_filters_alone_and_a_run_brings_them_back(whitened, toy, tmp_path):
    jaxflow.train(whitened, tmp_path, dataset=toy)
    before, after = prepare_training(whitened, toy).init(), read_trained(tmp_path).state
    np.testing.assert_array_equal(
        before.model_state["constants"]["Whitening_0"]["kernel"],
        after.model_state["constants"]["Whitening_0"]["kernel"],
    )
    assert not np.array_equal(before.params["Whitening_0"]["bias"], after.params["Whitening_0"]["bias"])
    assert not np.array_equal(before.params["head"], after.params["head"])
