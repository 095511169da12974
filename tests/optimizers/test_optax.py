"""Optimizers by name against optax's own: the same bits, over 20 steps."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow import hyperparameters
from jaxflow.optimizers.by_name import _optimizers
from jaxflow.optimizers.schedule_free import averaged_params
from jaxflow.serialization import from_json, to_json

STEPS = 20
PARAMS = {
    "kernel": jax.random.normal(jax.random.key(0), (130, 140)),
    "small": jax.random.normal(jax.random.key(1), (3, 4)),
    "bias": jax.random.normal(jax.random.key(2), (5,)),
}
MASK = {"kernel": True, "small": True, "bias": False}
free = optax.contrib.schedule_free
CASES = [
    (jaxflow.Adagrad(0.1, initial_sum=0.2, epsilon=1e-6), optax.adagrad(0.1, 0.2, 1e-6)),
    (jaxflow.NAdam(0.1, b1=0.8), optax.nadam(0.1, 0.8)),
    (jaxflow.Lion(0.1, weight_decay=0.2, b1=0.8, b2=0.95), optax.lion(0.1, 0.8, 0.95, weight_decay=0.2, mask=MASK)),
    (jaxflow.LAMB(0.1, weight_decay=0.2), optax.lamb(0.1, weight_decay=0.2, mask=MASK)),
    (jaxflow.Adafactor(0.1), optax.adafactor(0.1)),
    (
        jaxflow.Adafactor(0.1, weight_decay=0.01, decay_exponent=0.7, clip_rms=None, min_factored=3, epsilon=1e-20),
        optax.adafactor(
            0.1, 3, 0.7, clipping_threshold=None, weight_decay_rate=0.01, eps=1e-20, weight_decay_mask=MASK
        ),
    ),
    (jaxflow.ScheduleFreeSGD(0.5, b1=0.8), optax.contrib.schedule_free_sgd(0.5, b1=0.8)),
    (jaxflow.ScheduleFreeAdamW(0.1, b2=0.99), optax.contrib.schedule_free_adamw(0.1, b2=0.99)),
    (
        jaxflow.ScheduleFreeAdamW(0.1, weight_decay=0.1),
        free(
            optax.chain(
                optax.scale_by_rms(0.999, 1e-8, eps_in_sqrt=False, bias_correction=True),
                optax.add_decayed_weights(0.1, MASK),
                optax.scale_by_learning_rate(0.1),
            ),
            0.1,
        ),
    ),
    (jaxflow.Optax("radam", learning_rate=0.1), optax.radam(0.1)),
    (
        jaxflow.Optax("lion", (("b1", 0.8), ("weight_decay", 0.2)), 0.1),
        optax.lion(0.1, 0.8, weight_decay=0.2, mask=MASK),
    ),
    (jaxflow.Optax("prodigy", (("safeguard_warmup", True),), 1.0), optax.contrib.prodigy(1.0, safeguard_warmup=True)),
    (
        jaxflow.Optax("yogi", clip_norm=0.5, learning_rate=0.1),
        optax.chain(optax.clip_by_global_norm(0.5), optax.yogi(0.1)),
    ),
]


def trajectory(tx):
    def steps(params):
        state, path = tx.init(params), []
        for step in range(STEPS):
            gradient = jax.tree.map(lambda leaf, s=step: jnp.sin(leaf * (s + 1)) + 0.3 * jnp.cos(leaf), PARAMS)
            updates, state = tx.update(gradient, state, params)
            params = optax.apply_updates(params, updates)
            path.append(updates)
        return path, averaged_params(state, params)

    return steps


IDS = [f"{number}-{getattr(case[0], 'name', type(case[0]).__name__)}" for number, case in enumerate(CASES)]


@pytest.mark.parametrize(("ours", "theirs"), CASES, ids=IDS)
def test_updates_are_optax_to_the_bit(ours, theirs):
    def one(tx):
        # Operation by operation: a compiler that knows the learning rate may join products in another order.
        params, state, path = PARAMS, tx.init(PARAMS), []
        for step in range(STEPS):
            gradient = jax.tree.map(lambda leaf, s=step: jnp.sin(leaf * (s + 1)) + 0.3 * jnp.cos(leaf), params)
            updates, state = tx.update(gradient, state, params)
            params = optax.apply_updates(params, updates)
            path.append(updates)
        return path

    jax.tree.map(np.testing.assert_array_equal, one(jaxflow.make_optimizer(ours, STEPS)), one(theirs))


@pytest.mark.slow
@pytest.mark.parametrize("ours", [case[0] for case in CASES], ids=IDS)
def test_numbers_as_arguments_are_numbers_as_constants(ours):
    structure, numbers = hyperparameters.split(ours)

    def traced(numbers, params):
        return trajectory(jaxflow.make_optimizer(hyperparameters.join(structure, numbers), STEPS))(params)

    constant = jax.jit(trajectory(jaxflow.make_optimizer(ours, STEPS)))(PARAMS)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5), jax.jit(traced)(numbers, PARAMS), constant
    )


def test_the_numbers_of_optax_by_name_are_arguments():
    one, other = (
        jaxflow.Optax("lion", (("b1", 0.9), ("mu_dtype", "bfloat16"))),
        jaxflow.Optax("lion", (("b1", 0.7), ("mu_dtype", "bfloat16")), 0.1),
    )
    assert hyperparameters.split(one)[0] == hyperparameters.split(other)[0]
    assert hyperparameters.names_of(one) == ["values.b1", "learning_rate"]
    np.testing.assert_array_equal(hyperparameters.split(one)[1], np.float32([0.9, 1 - 0.9, 1e-3]))
    assert from_json(json.loads(json.dumps(to_json(one)))) == one


@pytest.mark.parametrize("name", _optimizers())
def test_each_of_optax_runs(name):
    needed = {"dpsgd": (("l2_norm_clip", 1.0), ("noise_multiplier", 0.1), ("seed", 0))}
    optimizer = jaxflow.Optax(name, needed.get(name, ()), 1e-2, jaxflow.Cosine(warmup_steps=2))
    if name in ("dpsgd", "noisy_sgd"):
        return  # the first wants a gradient for each example, the second a key
    tx = jaxflow.make_optimizer(optimizer, 4)
    updates, _ = jax.jit(tx.update)(PARAMS, tx.init(PARAMS), PARAMS)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(updates))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: jaxflow.Optax("lyon"), "Optax.name is 'lyon'; optax has acprop, adabelief"),
        (lambda: jaxflow.Optax("lion", (("b3", 0.9),)), "Optax.values has 'b3' and optax.lion takes b1, b2, mu_dtype"),
        (lambda: jaxflow.Optax("lion", (("b1", 0.9), ("b1", 0.8))), "Optax.values has 'b1' twice"),
        (lambda: jaxflow.Optax("lion", ("b1", 0.9)), "write pairs"),
        (lambda: jaxflow.Optax("lion", (("learning_rate", 0.9),)), "the learning rate is a field of its own"),
    ],
)
def test_mistakes_are_one_line(build, message):
    with pytest.raises(jaxflow.UserError, match=message):
        build()
