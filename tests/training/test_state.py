"""The train state, and how it starts from parameters that are trained already."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow

INPUTS = jnp.zeros((1, 6, 6, 1))


def state_of(outputs, hidden=(8,), seed=0, **options):
    model = jaxflow.MLP(hidden=hidden, outputs=outputs)
    return jaxflow.init_state(model, optax.sgd(0.1), jax.random.key(seed), INPUTS, **options)


def test_given_parameters_are_taken_by_path_and_a_head_of_another_width_is_drawn_anew(caplog):
    trained, fresh = state_of(3, seed=1).params, state_of(5, seed=2).params
    with caplog.at_level(logging.INFO, logger="jaxflow"):
        state = state_of(5, seed=2, params=trained, ema=True)
    for name in ("kernel", "bias"):
        np.testing.assert_array_equal(state.params["Dense_0"][name], trained["Dense_0"][name])
        np.testing.assert_array_equal(state.params["Dense_1"][name], fresh["Dense_1"][name])
        np.testing.assert_array_equal(state.ema["params"]["Dense_0"][name], trained["Dense_0"][name])
    assert "initialised anew: Dense_1/bias (5,), (3,) there; Dense_1/kernel (8, 5), (8, 3) there" in caplog.text


def test_what_the_model_has_not_is_named(caplog):
    trained = state_of(3, hidden=(8, 8)).params
    with caplog.at_level(logging.INFO, logger="jaxflow"):
        state_of(3, hidden=(8,), params={"Dense_0": trained["Dense_0"], "Extra": {"kernel": jnp.zeros(2)}})
    assert "given, and not in the model: Extra/kernel" in caplog.text


def test_the_given_parameters_stay_usable_when_the_step_gives_memory_away():
    trained = state_of(3).params
    model, tx = jaxflow.MLP(hidden=(8,), outputs=3), optax.sgd(0.1)
    step = jax.jit(jaxflow.make_train_step(model, jaxflow.Classification(), tx), donate_argnums=0)
    step(state_of(3, params=trained), {"inputs": jnp.ones((4, 6, 6, 1)), "targets": jnp.zeros(4, jnp.int32)})
    assert np.isfinite(np.asarray(trained["Dense_0"]["kernel"])).all()


def test_parameters_of_which_none_fits_are_refused():
    with pytest.raises(jaxflow.UserError, match="none of the given parameters fits the model"):
        state_of(3, params={"Conv_0": {"kernel": jnp.zeros(3)}})
