from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.hyperparameters import Complemented
from jaxflow.models.layers import ops
from jaxflow.training.updates.averaging import ema_fraction
from tests.conftest import toy_images

PROBLEM = jaxflow.Classification()


def batch_of(size, seed=0):
    images, labels = toy_images(size, seed)
    return {"inputs": images.astype(np.float32) / 255, "targets": labels.astype(np.int32)}


def state_of(model, tx, ema=False):
    return jaxflow.init_state(model, tx, jax.random.key(0), jnp.zeros((1, 6, 6, 1)), ema)


def test_one_sgd_step_against_the_update_by_hand():
    model, tx = jaxflow.MLP(hidden=(), outputs=3), optax.sgd(0.5)
    batch, state = batch_of(5), state_of(model, optax.sgd(0.5))
    new, metrics = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx))(state, batch)
    x = batch["inputs"].reshape(5, -1).astype(np.float64)
    kernel, bias = (np.asarray(state.params["Dense_0"][name], np.float64) for name in ("kernel", "bias"))
    logits = x @ kernel + bias
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    slope = (probabilities - np.eye(3)[batch["targets"]]) / 5
    np.testing.assert_allclose(new.params["Dense_0"]["kernel"], kernel - 0.5 * x.T @ slope, atol=1e-6)
    np.testing.assert_allclose(new.params["Dense_0"]["bias"], bias - 0.5 * slope.sum(0), atol=1e-6)
    loss = -np.log(probabilities[np.arange(5), batch["targets"]]).mean()
    assert float(metrics["loss"].compute()) == pytest.approx(loss, rel=1e-5)
    assert int(new.step) == 1


def test_loss_falls_on_64_examples():
    model, tx = jaxflow.CNN(widths=(8,), pools=1, hidden=(16,), padding="SAME", outputs=3), optax.adam(1e-2)
    step, state, batch = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx)), state_of(model, tx), batch_of(64)
    for _ in range(60):
        state, metrics = step(state, batch)
    assert float(metrics["loss"].compute()) < 0.05


@pytest.mark.parametrize("microbatch", [None, 2])
def test_rows_of_weight_zero_count_for_nothing(microbatch):
    model, tx = jaxflow.MLP(hidden=(4,), outputs=3), optax.sgd(0.5)
    step = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx, microbatch=microbatch))
    batch = batch_of(4)
    padded = {
        "inputs": np.concatenate([batch["inputs"], np.full((2, 6, 6, 1), np.nan, np.float32)]),
        "targets": np.concatenate([batch["targets"], [0, 0]]).astype(np.int32),
        "weights": np.array([1, 1, 1, 1, 0, 0], np.float32),
    }
    plain, _ = step(state_of(model, tx), batch)
    masked, metrics = step(state_of(model, tx), padded | {"inputs": np.nan_to_num(padded["inputs"], nan=9.0)})
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), plain.params, masked.params)
    assert float(metrics["loss"].weight) == 4


def test_weights_weigh():
    model, tx = jaxflow.MLP(hidden=(4,), outputs=3), optax.sgd(0.5)
    step, batch = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx)), batch_of(3)
    doubled = jax.tree.map(lambda leaf: leaf[[0, 1, 1, 2]], batch)
    weighted, _ = step(state_of(model, tx), batch | {"weights": np.array([1, 2, 1], np.float32)})
    repeated, _ = step(state_of(model, tx), doubled)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), weighted.params, repeated.params)


def test_an_augmentation_that_loses_rows_is_named():
    model, tx = jaxflow.MLP(hidden=(4,), outputs=3), optax.sgd(0.5)
    for name in ("inputs", "targets"):
        step = jaxflow.make_train_step(model, PROBLEM, tx, augment=lambda key, batch: batch | {name: batch[name][:1]})  # noqa: B023
        with pytest.raises(jaxflow.UserError, match=rf"makes \['{name}'\] of shape \(1.* of a batch of 5 rows"):
            jax.eval_shape(step, state_of(model, tx), batch_of(5))


def test_microbatches_add_up_to_the_batch():
    model, tx = jaxflow.CNN(widths=(4,), pools=1, hidden=(), outputs=3), optax.sgd(0.5)
    batch = batch_of(12)
    whole, _ = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx))(state_of(model, tx), batch)
    tiled, _ = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx, microbatch=3))(state_of(model, tx), batch)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), whole.params, tiled.params)


class Counting(nn.Module):
    """Counts the steps that it trained, from a number that float32 does not have."""

    outputs: int = 3
    first: int = 2**24 + 1

    @nn.compact
    def __call__(self, inputs, train):
        count = self.variable("counts", "steps", lambda: jnp.int32(self.first))
        if train and not self.is_initializing():
            count.value += 1
        return nn.Dense(self.outputs)(inputs.reshape(len(inputs), -1))


@pytest.mark.parametrize("microbatch", [None, 3])
def test_a_count_in_the_models_state_stays_whole(microbatch):
    model, tx = Counting(), optax.sgd(0.5)
    step = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx, microbatch=microbatch))
    state, weights = state_of(model, tx), np.array([0.1, 0.7, 0.3, 0.2, 0, 0.9], np.float32)
    for _ in range(5):
        state, _ = step(state, batch_of(6) | {"weights": weights})
    assert int(state.model_state["counts"]["steps"]) == model.first + 5


def test_the_moving_average_follows_its_formula():
    model, tx = jaxflow.MLP(hidden=(), outputs=3), optax.sgd(0.5)
    step, state = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx, ema_decay=0.9)), state_of(model, tx, ema=True)
    seen = []
    for seed in range(3):
        state, _ = step(state, batch_of(4, seed))
        seen.append(np.asarray(state.params["Dense_0"]["kernel"], np.float64))
        # Debiased: a mean of what was trained alone, the initial parameters having no weight.
        weights = 0.9 ** np.arange(len(seen))[::-1]
        expected = np.average(seen, axis=0, weights=weights)
        np.testing.assert_allclose(state.ema["params"]["Dense_0"]["kernel"], expected, atol=1e-6)


@pytest.mark.parametrize("how", [{"ema_decay": 0.9}, {"average_from": 1.0}])
def test_batch_statistics_are_averaged_as_the_parameters_are(how):
    model, tx = jaxflow.CNN(widths=(4,), pools=1, hidden=(), norm="batch", outputs=3), optax.sgd(0.5)
    step, state = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx, **how)), state_of(model, tx, ema=True)
    seen = []
    for seed in range(4):
        state, _ = step(state, batch_of(4, seed))
        seen.append(jax.device_get({"params": state.params, **state.model_state}))
        chosen = seen if "ema_decay" in how else seen[min(1, seed) :]  # the average begins anew until step 1 is done
        weights = 0.9 ** np.arange(len(chosen))[::-1] if "ema_decay" in how else np.ones(len(chosen))
        expected = jax.tree.map(lambda *leaves, w=weights: np.average(leaves, axis=0, weights=w), *chosen)
        assert sorted(expected) == ["batch_stats", "params"]
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), state.variables(), expected)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999, 0.99999])
def test_the_average_s_fraction_is_exact_for_few_steps_and_for_many(decay):
    complemented = Complemented(jnp.float32(decay), jnp.float32(1 - decay))
    for steps in (1, 2, 150, 10**6):
        exact = (1 - decay) / -np.expm1(steps * np.log1p(decay - 1))
        for given in (decay, complemented):
            assert float(ema_fraction(given, jnp.int32(steps))) == pytest.approx(exact, rel=1e-5)


def test_a_skipped_step_has_no_part_in_the_average():
    model, tx = jaxflow.MLP(hidden=(), outputs=3), optax.sgd(0.5)
    step, state = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx, ema_decay=0.9)), state_of(model, tx, ema=True)
    broken = {**batch_of(4, 0), "inputs": np.full_like(batch_of(4, 0)["inputs"], np.nan)}
    once, _ = step(state, batch_of(4, 1))
    after, _ = step(step(state, broken)[0], batch_of(4, 1))
    assert int(after.skipped) == 1
    for tree in (once, after):
        np.testing.assert_allclose(tree.ema["params"]["Dense_0"]["kernel"], tree.params["Dense_0"]["kernel"], atol=1e-6)
    assert state.variables()["params"] is state.ema["params"]


def test_batch_statistics_move_in_training_and_rest_in_evaluation():
    model, tx = jaxflow.CNN(widths=(4,), pools=1, hidden=(), norm="batch", outputs=3), optax.sgd(0.1)
    state, batch = state_of(model, tx), batch_of(8)
    new, _ = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx))(state, batch)
    convolved = ops.conv(batch["inputs"], state.params["Conv_0"]["kernel"])
    mean = np.asarray(convolved).mean((0, 1, 2)) + state.params["Conv_0"]["bias"]
    statistics = new.model_state["batch_stats"]["BatchNorm_0"]["BatchNorm_0"]
    np.testing.assert_allclose(statistics["mean"], 0.1 * mean, atol=1e-5)


def test_dropout_and_augmentation_differ_from_step_to_step():
    model, tx = jaxflow.MLP(hidden=(64,), dropout=0.5, outputs=3), optax.sgd(0.0)
    step, state = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx)), state_of(model, tx)
    state, first = step(state, batch_of(8))
    _, second = step(state, batch_of(8))
    assert float(first["loss"].compute()) != float(second["loss"].compute())


def test_evaluation_ignores_padding(toy):
    model = jaxflow.CNN(widths=(4,), pools=1, hidden=(), outputs=3)
    variables = {"params": state_of(model, optax.sgd(0.1)).params}
    step = jax.jit(jaxflow.make_eval_step(model, PROBLEM, transform=lambda x: x / 255.0))

    def evaluated(size):
        blocks = []
        metrics = jaxflow.evaluate_split(step, variables, toy.splits["test"], size, on_block=blocks.append)
        assert max(len(block["loss"]) for block in blocks) <= size
        return metrics, {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}

    expected, rows = evaluated(1)
    assert {name: values.shape for name, values in rows.items()} == {
        "targets": (11,), "predictions": (11, 3), "loss": (11,), "weight": (11,),
    }  # fmt: skip
    np.testing.assert_array_equal(rows["targets"], toy.splits["test"].targets)
    assert expected["loss"] == pytest.approx(np.average(rows["loss"], weights=rows["weight"]), rel=1e-5)
    for size in (4, 11, 16):
        metrics, others = evaluated(size)
        assert metrics == pytest.approx(expected, rel=1e-5)
        for name, values in others.items():
            np.testing.assert_allclose(values, rows[name], atol=1e-6)


@pytest.mark.parametrize("poison", ["inputs", "weights"])
def test_a_step_that_is_not_finite_changes_nothing_but_the_counts(poison):
    model = jaxflow.CNN(widths=(4,), pools=0, hidden=(), outputs=3, norm="batch")
    tx = optax.adam(0.1)
    step = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx, ema_decay=0.9, microbatch=4))
    good = batch_of(8) | {"weights": np.ones(8, np.float32)}
    bad = good | {poison: good[poison].copy()}
    bad[poison][5] = np.nan
    state, _ = step(state_of(model, tx, ema=True), good)
    after, metrics = step(state, bad)
    assert (int(after.step), int(after.skipped), int(after.skipped_in_row)) == (2, 1, 1)
    for name in ("params", "model_state", "opt_state", "ema"):
        for old, new in zip(jax.tree.leaves(getattr(state, name)), jax.tree.leaves(getattr(after, name))):
            np.testing.assert_array_equal(old, new)
    assert not np.isfinite(metrics["loss"].compute())
    going, _ = step(step(after, bad)[0], good)
    assert (int(going.step), int(going.skipped), int(going.skipped_in_row)) == (4, 2, 0)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(going.params))


def test_a_new_state_that_overflows_is_skipped_though_the_loss_is_finite():
    model, tx = jaxflow.MLP(hidden=(), outputs=3), optax.sgd(3e38)
    batch = batch_of(8)
    after, metrics = jax.jit(jaxflow.make_train_step(model, PROBLEM, tx))(
        state_of(model, tx), batch | {"inputs": batch["inputs"] * 100}
    )
    assert np.isfinite(metrics["loss"].compute())
    assert int(after.skipped) == 1
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(after.params))
