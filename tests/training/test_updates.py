"""Averages of parameters, the scale of the loss in float16, and norms."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.runs.metrics_log import read_metrics
from jaxflow.training.prepare import prepare_training
from jaxflow.training.program import _init_function
from jaxflow.training.trained import read_trained
from jaxflow.training.updates.averaging import uniform_fraction
from jaxflow.training.updates.loss_scale import GOOD_STEPS, LossScale
from jaxflow.training.updates.norms import dead_units


def states(experiment, dataset, steps):
    session = prepare_training(experiment, dataset)
    run = session.program.compile_train_steps(session.pipeline)
    state, totals = session.init(), session.program.empty_metrics()
    for step in range(steps):
        items = session.pipeline.step_inputs(step, 1)
        before = jax.device_get(state.params)
        state, totals, metrics = run(state, totals, session.pipeline.device_data, items, 1)
        yield before, jax.device_get(state.params), jax.device_get(state), metrics


def test_the_average_of_the_last_steps_is_their_mean(experiment, toy):
    averaged = dataclasses.replace(experiment, average_last=0.5, ema_decay=None)
    total = prepare_training(averaged, toy).program.total_steps
    every = list(states(averaged, toy, total))
    params, average = [after for _, after, _, _ in every], every[-1][2].variables()["params"]
    last = params[int(np.ceil(total / 2)) :]
    expected = jax.tree.map(lambda *leaves: np.mean(np.float64(leaves), axis=0), *last)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), average, expected)


def test_the_fraction_before_and_after_the_first():
    fractions = [float(uniform_fraction(2.5, jnp.int32(step))) for step in range(1, 8)]
    np.testing.assert_allclose(fractions, [1, 1, 1, 1, 1 / 2, 1 / 3, 1 / 4])


@pytest.mark.parametrize("optimizer", [jaxflow.ScheduleFreeSGD(), jaxflow.Optax("schedule_free_sgd"), None])
def test_two_averages_are_refused(experiment, optimizer):
    changes = {"optimizer": optimizer, "ema_decay": 0.9} if optimizer else {"average_last": 0.5, "ema_decay": 0.9}
    with pytest.raises(jaxflow.UserError, match="two averages of the parameters: ema_decay=0"):
        dataclasses.replace(experiment, **changes)


def test_schedule_free_evaluates_its_average(experiment, toy, tmp_path):
    run = dataclasses.replace(
        experiment, optimizer=jaxflow.Groups((("*/bias", 2.0),), jaxflow.ScheduleFreeAdamW()), ema_decay=None
    )
    jaxflow.train(run, tmp_path / "run", dataset=toy)
    state = read_trained(tmp_path / "run").state
    each = [s for s in jax.tree.leaves(state.opt_state, is_leaf=is_free) if is_free(s)]
    assert len(each) == 2
    found = jax.tree.map(np.asarray, state.variables()["params"])
    for free in each:
        masked = jax.tree.map(lambda z, y: z if unmasked(z) is None else y, free.z, state.params, is_leaf=is_masked)
        expected = optax.contrib.schedule_free_eval_params(free, masked)
        for path, leaf in jax.tree.leaves_with_path(expected):
            ours = found
            for key in path:
                ours = ours[key.key]
            np.testing.assert_allclose(ours, leaf, rtol=1e-5, atol=1e-6)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), found, jax.device_get(state.params))
    assert any(jax.tree.leaves(moved))


def is_free(value):
    return isinstance(value, optax.contrib.ScheduleFreeState)


def is_masked(value):
    return isinstance(value, optax.MaskedNode)


def unmasked(value):
    return None if is_masked(value) else value


def test_the_scale_halves_and_doubles():
    scale, finite = LossScale(jnp.float32(4.0), jnp.int32(7)), jnp.bool(True)
    assert [float(x) for x in jax.tree.leaves(scale.adjusted(~finite))] == [2.0, 0.0]
    assert [float(x) for x in jax.tree.leaves(scale.adjusted(finite))] == [4.0, 8.0]
    ready = LossScale(jnp.float32(4.0), jnp.int32(GOOD_STEPS - 1))
    assert [float(x) for x in jax.tree.leaves(ready.adjusted(finite))] == [8.0, 0.0]
    assert float(LossScale(jnp.float32(1.0), jnp.int32(0)).adjusted(~finite).scale) == 1.0


class Faint(nn.Module):
    """A model whose gradient is `factor` times what it should be: far below what float16 holds, or far above."""

    dtype: str = "float16"
    factor: float = 1e-9
    outputs: int | None = None

    @nn.compact
    def __call__(self, inputs, train=False):
        x = inputs.reshape(len(inputs), -1).astype(self.dtype)  # (batch, feature)
        x = nn.Dense(self.outputs, dtype=self.dtype)(x)
        faint = self.factor * x.astype(jnp.float32)
        return jax.lax.stop_gradient(x.astype(jnp.float32) - faint) + faint


def faint(dtype="float16", factor=1e-9, **changes):
    return jaxflow.Experiment(
        jaxflow.Digits(), Faint(dtype, factor), jaxflow.Classification(), jaxflow.Adam(0.01, epsilon=1e-20),
        preprocess=(jaxflow.Scale(0.0, 1.0),), batch_size=8, **changes,
    )  # fmt: skip


def test_gradients_that_vanish_in_float16_train_with_a_scale(toy, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])

    def kernels(dtype):
        each = list(states(faint(dtype), toy, 20))
        return each[0][0]["Dense_0"]["kernel"], each[-1][1]["Dense_0"]["kernel"], each[-1][2].loss_scale

    before, after, scale = kernels("float16")
    _, exact, no_scale = kernels("float32")
    _, half, none_either = kernels("bfloat16")
    assert no_scale is none_either is None
    assert float(scale.scale) == 2.0**15
    np.testing.assert_allclose(after, exact, atol=0.02)
    np.testing.assert_allclose(half, exact, atol=0.1)
    assert np.abs(exact - before).mean() > 0.05
    monkeypatch.setattr("jaxflow.training.updates.loss_scale.INITIAL", 1.0)
    monkeypatch.setattr("jaxflow.training.program._init_function", _init_function.__wrapped__)
    _, unscaled, _ = kernels("float16")
    np.testing.assert_array_equal(unscaled, before)


def test_an_overflow_halves_the_scale_and_is_no_failure(toy, monkeypatch, tmp_path):
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])
    loud = faint(factor=1e3, max_nonfinite_steps=2, epochs=2)
    results = jaxflow.train(loud, tmp_path / "run", dataset=toy)
    assert results["skipped_steps"] > 2
    state = read_trained(tmp_path / "run", experiment=loud).state
    assert float(state.loss_scale.scale) == 2.0**15 / 2 ** results["skipped_steps"]
    with pytest.raises(jaxflow.UserError, match="steps in a row were skipped, from step 16"):  # where no scale helps
        jaxflow.train(faint(factor=1e30, max_nonfinite_steps=2, epochs=9), tmp_path / "other", dataset=toy)


def test_norms_are_those_of_the_step(experiment, toy, tmp_path):
    noted = dataclasses.replace(experiment, log_norms=True, log_every_steps=1, epochs=1)
    before, after, _, metrics = next(states(noted, toy, 1))
    update = jax.tree.map(np.subtract, after, before)
    for name, tree in (("parameter_norm", after), ("update_norm", update)):
        expected = np.sqrt(sum((np.float64(leaf) ** 2).sum() for leaf in jax.tree.leaves(tree)))
        assert float(metrics[name].compute()) == pytest.approx(expected, rel=1e-4)
    jaxflow.train(noted, tmp_path / "run", dataset=toy)
    line = next(line for line in read_metrics(tmp_path / "run") if line["split"] == "train")
    assert line["parameter_norm"] == pytest.approx(float(metrics["parameter_norm"].compute()), rel=1e-5)
    assert line["gradient_norm"] > 0
    assert 0 <= line["dead_units"] < 1
    _, plain, _, metrics = next(states(dataclasses.replace(noted, log_norms=False), toy, 1))
    assert "gradient_norm" not in metrics
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), plain, after)


@pytest.mark.parametrize(("activation", "dead"), [("relu", 3), ("leaky_relu", 0)])
def test_dead_units_are_those_whose_activation_is_zero_for_every_row(activation, dead):
    model = jaxflow.MLP(hidden=(6, 5), activation=activation, outputs=2)
    inputs = jnp.asarray(np.random.RandomState(0).randn(7, 4), jnp.float32)
    params = model.init(jax.random.key(0), inputs)["params"]
    for name, units in (("Dense_0", [1, 4]), ("Dense_1", [0])):
        params[name]["bias"] = jnp.full(params[name]["bias"].shape, 9.0).at[jnp.array(units)].set(-99.0)
    gradient = jax.grad(lambda params: jnp.square(model.apply({"params": params}, inputs)).sum())(params)
    assert float(dead_units(gradient)) == pytest.approx(dead / (6 + 5 + 2))
    frozen = {name: dict.fromkeys(leaves, name == "Dense_0") for name, leaves in params.items()}
    assert float(dead_units(gradient, frozen)) == pytest.approx((1 if dead else 0) / (5 + 2))
    assert float(dead_units({"bias": jnp.zeros(3)})) == 0


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.parametrize("strategy", ["pmap", "fsdp"])
def test_any_number_of_devices_trains_the_same(experiment, toy, monkeypatch, devices, strategy):
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:devices])
    optimizer = jaxflow.Groups((("Conv_0", 0.0), ("Dense*", 2.0)), jaxflow.ScheduleFreeAdamW(1e-2, clip_norm=1.0))
    model = dataclasses.replace(experiment.model, dtype="float16", norm="none", dropout=0.0)
    run = dataclasses.replace(
        experiment, model=model, optimizer=optimizer, ema_decay=None, strategy=strategy, log_norms=True, microbatch=2
    )
    *_, (_, _, state, metrics) = states(run, toy, 4)
    found = jax.device_get((state.variables()["params"], metrics["gradient_norm"].compute(), state.loss_scale))
    expected = REFERENCE.setdefault("state", found)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), found, expected)
    assert int(state.skipped) == 0 or float(state.loss_scale.scale) < 2.0**15


REFERENCE = {}
