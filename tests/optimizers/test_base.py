import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.optimizers.base import make_optimizer

PARAMS = {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.array([0.1, -0.2])}
GRADIENTS = [jax.tree.map(lambda leaf, s=step: jnp.sin(leaf * (s + 1)) + 0.3, PARAMS) for step in range(5)]


def run(tx):
    params, state = PARAMS, tx.init(PARAMS)
    for gradient in GRADIENTS:
        updates, state = tx.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params


MASK = {"kernel": True, "bias": False}
L2 = optax.add_decayed_weights(0.1, MASK)


@pytest.mark.parametrize(
    ("ours", "reference"),
    [
        (jaxflow.SGD(0.1), optax.sgd(0.1)),
        (jaxflow.SGD(0.1, momentum=0.9), optax.sgd(0.1, momentum=0.9)),
        (jaxflow.SGD(0.1, momentum=0.9, nesterov=True), optax.sgd(0.1, momentum=0.9, nesterov=True)),
        (jaxflow.RMSprop(0.01), optax.rmsprop(0.01, eps=1e-7, eps_in_sqrt=False)),
        (jaxflow.RMSprop(0.01, momentum=0.9), optax.rmsprop(0.01, eps=1e-7, eps_in_sqrt=False, momentum=0.9)),
        (
            jaxflow.RMSprop(0.01, weight_decay=0.1),
            optax.chain(L2, optax.rmsprop(0.01, eps=1e-7, eps_in_sqrt=False)),
        ),
        (jaxflow.Adam(0.01), optax.adam(0.01)),
        (jaxflow.Adam(0.01, b1=0.8, b2=0.9, epsilon=1e-3), optax.adam(0.01, 0.8, 0.9, 1e-3)),
        (jaxflow.AdamW(0.01, weight_decay=0.1), optax.adamw(0.01, weight_decay=0.1, mask=MASK)),
        (jaxflow.SGD(0.1, weight_decay=0.1), optax.chain(L2, optax.sgd(0.1))),
        (jaxflow.Adam(0.01, weight_decay=0.1), optax.chain(L2, optax.adam(0.01))),
        (
            jaxflow.SGD(0.1, weight_decay=0.1, decay_all=True),
            optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1)),
        ),
        (jaxflow.SGD(0.1, clip_norm=0.5), optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1))),
    ],
    ids=lambda value: str(value) if dataclasses.is_dataclass(value) else "expected",
)
def test_every_optimizer_is_optax(ours, reference):
    mine, theirs = run(make_optimizer(ours, 5)), run(reference)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), mine, theirs)


def test_adam_against_its_formula():
    params, mean, square = np.float64(1.0), 0.0, 0.0
    tx = make_optimizer(jaxflow.Adam(0.1), 3)
    ours, state = jnp.float32(1.0), tx.init(jnp.float32(1.0))
    for step in range(1, 4):
        gradient = 2 * params
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        params -= 0.1 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        updates, state = tx.update(2 * ours, state, ours)
        ours = ours + updates
        assert float(ours) == pytest.approx(params, rel=1e-5)


def test_the_schedule_drives_the_steps():
    optimizer = jaxflow.SGD(learning_rate=1.0, schedule=jaxflow.Linear())
    moved = run(make_optimizer(optimizer, 5))
    by_hand = PARAMS
    for step, gradient in enumerate(GRADIENTS):
        by_hand = jax.tree.map(lambda p, g, s=step: p - (1 - s / 5) * g, by_hand, gradient)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), moved, by_hand)


def test_a_traced_learning_rate_makes_many_runs_one_program():
    def final(rate, decay):
        return run(make_optimizer(jaxflow.SGD(learning_rate=rate, weight_decay=decay), 5))

    rates, decays = jnp.array([0.1, 0.2]), jnp.array([0.0, 0.1])
    together = jax.vmap(final)(rates, decays)
    for index in range(2):
        alone = final(float(rates[index]), float(decays[index]))
        jax.tree.map(lambda a, b, i=index: np.testing.assert_allclose(a[i], b, rtol=1e-6), together, alone)
