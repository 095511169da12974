import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.optimizers.base import make_optimizer
from jaxflow.optimizers.muon import orthogonalize

SHAPES = {"conv": (3, 3, 4, 8), "narrow": (1, 1, 2, 6), "head": (5, 3), "bias": (8,)}
PARAMS = {name: jax.random.normal(jax.random.key(number), shape) for number, (name, shape) in enumerate(SHAPES.items())}
STEPS = 4


def gradient_of(params, step):
    return jax.tree.map(lambda leaf: jnp.sin(leaf * (step + 1)) + 0.3 * jnp.cos(leaf), params)


def steps_of(tx):
    def steps(params):
        state = tx.init(params)
        for step in range(STEPS):
            updates, state = tx.update(gradient_of(params, step), state, params)
            params = optax.apply_updates(params, updates)
        return params

    return steps


def run(tx, params=PARAMS):
    return jax.jit(steps_of(tx))(params)


def matrix_axes(params):
    """How optax is told of a kernel's axes: window and channel are reduced to features; None for what is no kernel."""

    def numbers(leaf):
        return optax.contrib.MuonDimensionNumbers(tuple(range(leaf.ndim - 1)), leaf.ndim - 1)

    return {name: numbers(leaf) for name, leaf in params.items()}


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4), (3, 3, 4, 8)])
def test_orthogonalization_brings_singular_values_near_one_and_keeps_the_vectors(shape):
    matrix = np.asarray(jax.random.normal(jax.random.key(0), shape)).reshape(-1, shape[-1])
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    turned = left.T @ np.asarray(orthogonalize(jnp.asarray(matrix).reshape(shape), 8)).reshape(matrix.shape) @ right.T
    np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=1e-4)
    assert np.all((np.diag(turned) > 0.65) & (np.diag(turned) < 1.25))


def test_zero_stays_zero():
    np.testing.assert_array_equal(orthogonalize(jnp.zeros((3, 4))), np.zeros((3, 4)))


@pytest.mark.parametrize("nesterov", [False, True])
def test_muon_is_optax_on_kernels(nesterov):
    kernels = {name: PARAMS[name] for name in ("conv", "narrow", "head")}
    ours = jaxflow.Muon(0.1, weight_decay=0.1, momentum=0.0, nesterov=nesterov, dtype="float32")
    theirs = optax.contrib.muon(
        0.1, beta=0.0, weight_decay=0.1, nesterov=nesterov, muon_weight_dimension_numbers=matrix_axes
    )
    mine, reference = run(make_optimizer(ours, STEPS), kernels), run(theirs, kernels)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), mine, reference)


def test_the_speed_records_step_by_hand():
    """Momentum, fixed norms, decay and schedules as airbench94_muon has them, in NumPy."""
    sgd = jaxflow.SGD(0.5, jaxflow.Linear(), weight_decay=0.02, decay_all=True, momentum=0.85, nesterov=True)
    muon = jaxflow.Muon(
        0.24, jaxflow.Linear(), momentum=0.6, newton_schulz_steps=3, fixed_norm=True, dtype="float32",
        matrix_optimizer=dataclasses.replace(sgd, learning_rate=0.3), default_optimizer=sgd,
    )  # fmt: skip
    params = {name: np.asarray(leaf, np.float64) for name, leaf in PARAMS.items()}
    momenta = {name: np.zeros(leaf.shape) for name, leaf in params.items()}
    for step in range(STEPS):
        gradients = gradient_of(params, step)
        factor = 1 - step / STEPS
        for name, weight in params.items():
            gradient, kernel = np.asarray(gradients[name], np.float64), weight.ndim > 2
            gradient = gradient if kernel else gradient + 0.02 * weight
            share = 0.6 if kernel else 0.85
            momenta[name] = share * momenta[name] + gradient
            update = gradient + share * momenta[name]
            if kernel:
                matrix = update.reshape(-1, update.shape[-1])
                x = matrix / np.linalg.norm(matrix)
                for _ in range(3):
                    square = x @ x.T
                    x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
                update = x.reshape(update.shape) * max(1, matrix.shape[1] / matrix.shape[0]) ** 0.5
                weight = weight * math.sqrt(weight.shape[-1]) / np.linalg.norm(weight)
            rate = {"conv": 0.24, "narrow": 0.24, "head": 0.3, "bias": 0.5}[name]
            params[name] = weight - rate * factor * update
    ours = run(make_optimizer(muon, STEPS))
    for name, weight in params.items():
        np.testing.assert_allclose(ours[name], weight, rtol=1e-4, atol=1e-5, err_msg=name)


def test_bfloat16_is_near_float32():
    full, half = (run(make_optimizer(jaxflow.Muon(0.1, dtype=dtype), STEPS)) for dtype in ("float32", "bfloat16"))
    for name, weight in half.items():
        assert weight.dtype == jnp.float32
        np.testing.assert_allclose(weight, full[name], atol=0.1)
    assert not np.array_equal(half["conv"], full["conv"])


CHANGES = {
    "learning_rate": 0.5, "schedule": jaxflow.Linear(), "weight_decay": 0.1, "l1": 0.1, "clip_norm": 0.1,
    "momentum": 0.5, "nesterov": False, "newton_schulz_steps": 4, "fixed_norm": True, "dtype": "float32",
    "matrix_optimizer": jaxflow.SGD(), "default_optimizer": jaxflow.SGD(0.3),
}  # fmt: skip


def test_no_field_is_dead():
    assert set(CHANGES) == {field.name for field in dataclasses.fields(jaxflow.Muon)}
    plain = jaxflow.Muon(weight_decay=0.2)

    def program(optimizer):
        return str(jax.make_jaxpr(steps_of(make_optimizer(optimizer, STEPS)))(PARAMS))

    for name, value in CHANGES.items():
        changed = dataclasses.replace(plain, **{name: value})
        assert program(changed) != program(plain), f"{name} changes nothing"
