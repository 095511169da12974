import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow import hyperparameters
from jaxflow.training.prepare import prepare_training

PARAMS = {
    "stem": {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.array([0.1, -0.2])},
    "body": {"kernel": jnp.array([[2.0, 1.0], [0.5, 1.0]]), "bias": jnp.array([0.3, -0.4])},
    "head": {"kernel": jnp.array([[0.3, 0.7]])},
}


def gradient_of(params, step):
    return jax.tree.map(lambda leaf: jnp.sin(leaf * (step + 1)) + 0.3, params)


def run(tx, steps=5, params=PARAMS):
    state = tx.init(params)
    for step in range(steps):
        updates, state = tx.update(gradient_of(PARAMS, step), state, params)
        params = optax.apply_updates(params, updates)
    return params, state


@pytest.mark.parametrize(
    "optimizer",
    [
        jaxflow.AdamW(0.01, jaxflow.Cosine(2), 0.1),
        jaxflow.Adafactor(0.01, weight_decay=0.1),
        jaxflow.ScheduleFreeAdamW(0.01),
        jaxflow.Muon(0.01, fixed_norm=True, dtype="float32"),
        jaxflow.Optax("lion", (("weight_decay", 0.1),), 0.01),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_each_group_has_its_own_learning_rate(optimizer):
    ours, _ = run(
        jaxflow.make_optimizer(jaxflow.Groups((("stem/bias", 0.5), ("stem", 0.0), ("head", 10.0)), optimizer), 5)
    )
    for group, factor in (("body", 1.0), ("head", 10.0)):
        alone, _ = run(jaxflow.make_optimizer(times(optimizer, factor), 5))
        jax.tree.map(np.testing.assert_array_equal, ours[group], alone[group])
    np.testing.assert_array_equal(ours["stem"]["kernel"], PARAMS["stem"]["kernel"])
    half, _ = run(jaxflow.make_optimizer(times(optimizer, 0.5), 5))
    np.testing.assert_array_equal(ours["stem"]["bias"], half["stem"]["bias"])


def times(optimizer, factor):
    changed = dataclasses.replace(optimizer, learning_rate=optimizer.learning_rate * factor)
    if isinstance(optimizer, jaxflow.Muon):
        changed = dataclasses.replace(changed, default_optimizer=times(optimizer.default_optimizer, factor))
    return changed


def test_the_norm_is_clipped_over_what_is_trained():
    tx = jaxflow.make_optimizer(jaxflow.Groups((("stem", 0.0), ("head", 2.0)), jaxflow.SGD(0.1, clip_norm=0.5)), 1)
    gradient = gradient_of(PARAMS, 0)
    updates, _ = tx.update(gradient, tx.init(PARAMS), PARAMS)
    norm = optax.tree.norm({name: gradient[name] for name in ("body", "head")})
    for name, factor in (("stem", 0.0), ("body", 1.0), ("head", 2.0)):
        expected = jax.tree.map(lambda leaf, f=factor: -0.1 * f * leaf * (0.5 / norm), gradient[name])
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), updates[name], expected)


def test_what_is_frozen_has_no_state():
    def sizes(groups):
        return sum(leaf.size for leaf in jax.tree.leaves(jaxflow.make_optimizer(groups, 5).init(PARAMS)) if leaf.ndim)

    adam = jaxflow.Adam()
    assert sizes(jaxflow.Groups((), adam)) == 2 * sum(leaf.size for leaf in jax.tree.leaves(PARAMS))
    assert sizes(jaxflow.Groups((("*", 0.0),), adam)) == 0
    assert sizes(jaxflow.Groups((("*/kernel", 0.0),), adam)) == 2 * 4


def test_a_pattern_that_matches_nothing_is_one_line():
    with pytest.raises(jaxflow.UserError, match="no parameter matches 'stam'; there are body/bias, body/kernel, head"):
        jaxflow.make_optimizer(jaxflow.Groups((("stam", 0.0),)), 5).init(PARAMS)


@pytest.mark.parametrize("groups", [("stem", 0.0), (("stem", -1.0),), (("stem", None),), ((0.5, "stem"),)])
def test_what_is_no_group_is_refused(groups):
    with pytest.raises(jaxflow.UserError, match=r"Groups\.groups has"):
        jaxflow.Groups(groups)


def test_factors_are_arguments_and_0_is_structure():
    one = jaxflow.Groups((("stem", 0.0), ("head", 10.0)), jaxflow.SGD(0.1))
    other = jaxflow.Groups((("stem", 0.0), ("head", 3.0)), jaxflow.SGD(0.2))
    assert hyperparameters.split(one)[0] == hyperparameters.split(other)[0]
    assert hyperparameters.split(jaxflow.Groups((("stem", 1.0), ("head", 3.0))))[0] != hyperparameters.split(other)[0]
    np.testing.assert_allclose(hyperparameters.split(one)[1], [10.0, 0.1])


class Two(nn.Module):
    outputs: int | None = None

    @nn.compact
    def __call__(self, inputs, train=False):
        x = nn.relu(nn.Dense(50, name="stem")(inputs.reshape(len(inputs), -1)))  # (batch, feature)
        return nn.Dense(self.outputs, name="head")(x)


def test_a_frozen_group_costs_no_gradient(toy, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])

    def trained(optimizer):
        experiment = jaxflow.Experiment(
            jaxflow.Digits(), Two(), jaxflow.Classification(), optimizer, preprocess=(jaxflow.Scale(),), batch_size=8
        )
        session = prepare_training(experiment, toy)
        step, example = session.program.step_example(session.pipeline)
        return step.trace(*example).lower().compile().cost_analysis()["flops"], session

    every, _ = trained(jaxflow.Groups((), jaxflow.SGD(0.1)))
    head, session = trained(jaxflow.Groups((("stem", 0.0),), jaxflow.SGD(0.1)))
    kernel = 8 * 36 * 50
    assert every - head > 2 * kernel * 0.9
    state, totals = session.init(), session.program.empty_metrics()
    before = jax.device_get(state.params)
    steps = session.program.compile_train_steps(session.pipeline)
    state, _, _ = steps(state, totals, session.pipeline.device_data, session.pipeline.step_inputs(0, 1), 1)
    jax.tree.map(np.testing.assert_array_equal, before["stem"], jax.device_get(state.params["stem"]))
    assert not np.array_equal(before["head"]["kernel"], state.params["head"]["kernel"])
