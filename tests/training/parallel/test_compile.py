import dataclasses
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.training.parallel.compile import map_gradients, parallelize, parallelize_train_steps
from jaxflow.training.parallel.layout import AXIS, SMALL, Layout, bytes_per_device
from jaxflow.transforms import augment
from tests.conftest import toy_images

PROBLEM = jaxflow.Classification()
DEVICES = tuple(jax.devices())


def padded_batch(size=16, padding=3):
    images, labels = toy_images(size)
    weights = np.ones(size, np.float32)
    weights[-padding:] = 0
    return {"inputs": images.astype(np.float32) / 255, "targets": labels.astype(np.int32), "weights": weights}


@cache
def stepped(devices, strategy="pmap", norm="none", steps=1):
    """Trains with dropout, augmentation and a padded tail; a tile of 4 rows is the same on any number of devices."""
    layout = Layout(DEVICES[:devices], strategy)
    model = jaxflow.CNN(widths=(4,), pools=1, hidden=(8,), dropout=0.3, norm=norm, outputs=3)
    tx = optax.sgd(0.5)
    step = jaxflow.make_train_step(
        model,
        PROBLEM,
        tx,
        augment=lambda key, batch: augment.apply((jaxflow.Flip(), jaxflow.Crop(1)), key, batch),
        microbatch=4,
        axis_name=layout.axis_name,
    )
    compiled = parallelize(step, layout, (None, 0), (None, None), donate=(0,))
    state = layout.replicate(jaxflow.init_state(model, tx, jax.random.key(0), jnp.zeros((1, 6, 6, 1))))
    for _ in range(steps):
        state, metrics = compiled(state, padded_batch())
    return jax.block_until_ready((state, metrics))


def arrays(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree) if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)]


@cache
def in_halves(devices, strategy, width=64, steps=1):
    """Trains as a run does, with a moving average; the first kernel and its average are large enough to be divided."""
    layout = Layout(DEVICES[:devices], strategy)
    model, tx = jaxflow.MLP(hidden=(width,), dropout=0.3, outputs=3), optax.sgd(0.5, momentum=0.9)
    step = jaxflow.make_train_step(
        model,
        PROBLEM,
        tx,
        augment=lambda key, batch: augment.apply((jaxflow.Flip(), jaxflow.Crop(1)), key, batch),
        microbatch=4,
        ema_decay=0.9,
        axis_name=layout.axis_name,
        map_gradients=partial(map_gradients, layout=layout),
    )

    def one(state, totals, batch):
        after, metrics = step(state, batch)
        return after, totals, metrics

    state = jaxflow.init_state(model, tx, jax.random.key(0), jnp.zeros((1, 6, 6, 1)), ema=True)
    state = jax.tree.map(lambda leaf: jax.device_put(leaf, layout.sharding(leaf)), state)
    compiled = parallelize_train_steps(one, layout, state, (None, None, 0))
    for _ in range(steps):
        state, _, metrics = compiled(state, (), padded_batch())
    return state, metrics


@pytest.mark.parametrize("strategy", ["pmap", "shard_map", "fsdp"])
@pytest.mark.parametrize("devices", [1, 2, 4])
def test_every_strategy_takes_the_same_step(devices, strategy):
    alone, together = in_halves(1, "pmap", steps=2), in_halves(devices, strategy, steps=2)
    for one, many in zip(arrays(alone), arrays(together), strict=True):
        np.testing.assert_allclose(one, many, atol=1e-6)
    losses = [float(metrics["loss"].compute()) for _, metrics in (alone, together)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    divided = not together[0].params["Dense_0"]["kernel"].sharding.is_fully_replicated
    assert divided == (strategy == "fsdp" and devices > 1)


@pytest.mark.parametrize("devices", [2, 4])
def test_fsdp_leaves_each_device_its_share(devices):
    whole, divided = in_halves(1, "pmap", 2048)[0], in_halves(devices, "fsdp", 2048)[0]
    assert bytes_per_device(divided) == pytest.approx(bytes_per_device(whole) / devices, rel=0.01)
    held = sum(
        leaf.addressable_shards[0].data.nbytes
        for leaf in jax.tree.leaves((divided.params, divided.opt_state, divided.ema))
    )
    assert held == pytest.approx(bytes_per_device(divided), abs=100)  # the rest: step, key and counts


def test_fsdp_divides_the_largest_axis_that_is_even():
    layout = Layout(DEVICES, "fsdp")

    def where(*shape):
        return tuple(layout.sharding(jax.ShapeDtypeStruct(shape, jnp.float32)).spec)

    assert where(64, 128) == (None, AXIS)
    assert where(64, 129) == (AXIS,)
    assert where(63, 129) == ()
    assert where(SMALL - 4) == ()
    assert where(SMALL) == (AXIS,)


@pytest.mark.parametrize("strategy", ["pmap", "shard_map"])
@pytest.mark.parametrize("devices", [2, 4])
def test_several_devices_take_the_step_of_one(devices, strategy):
    alone, together = stepped(1), stepped(devices, strategy)
    for one, many in zip(arrays(alone), arrays(together)):
        np.testing.assert_allclose(one, many, atol=1e-6)
    assert float(together[1]["loss"].weight) == 13


@pytest.mark.parametrize("devices", [2, 4])
@pytest.mark.slow
def test_batch_statistics_are_those_of_one_device_too(devices):
    alone, together = stepped(1, norm="batch"), stepped(devices, norm="batch")
    for one, many in zip(arrays(alone[0].model_state), arrays(together[0].model_state)):
        np.testing.assert_allclose(one, many, atol=1e-6)


def test_pmap_is_shard_map_exactly():
    for one, other in zip(arrays(stepped(4, "pmap", steps=2)), arrays(stepped(4, "shard_map", steps=2))):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("strategy", ["pmap", "shard_map"])
def test_every_shard_of_the_state_is_the_same(strategy):
    for leaf in jax.tree.leaves(stepped(4, strategy, norm="batch", steps=2)):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        assert leaf.sharding.is_fully_replicated
        shards = [np.asarray(shard.data) for shard in leaf.addressable_shards]
        assert len(shards) == 4
        for shard in shards[1:]:
            np.testing.assert_array_equal(shards[0], shard)


@pytest.mark.parametrize("strategy", ["pmap", "shard_map"])
def test_batched_arguments_are_divided_and_put_together_in_order(strategy):
    layout = Layout(DEVICES, strategy)

    def local(offset, batch):
        return jax.lax.psum(batch["x"].sum(), AXIS), batch["x"] * 2 + offset

    total, doubled = parallelize(local, layout, (None, 0), (None, 0))(
        jnp.float32(1), {"x": np.arange(8.0, dtype=np.float32)}
    )
    assert float(total) == 28
    np.testing.assert_array_equal(doubled, np.arange(8) * 2 + 1)


@pytest.mark.parametrize("strategy", ["pmap", "shard_map", "fsdp"])
def test_evaluation_on_four_devices_is_that_of_one(toy, strategy):
    model = jaxflow.MLP(hidden=(4,), outputs=3)
    variables = model.init(jax.random.key(0), jnp.zeros((1, 6, 6, 1)))
    results = []
    for layout in (Layout(DEVICES[:1]), Layout(DEVICES, strategy)):
        step = jaxflow.make_eval_step(model, PROBLEM, transform=lambda x: x / 255.0, axis_name=layout.axis_name)
        compiled = parallelize(step, layout, (None, 0), (None, 0))
        blocks = []
        metrics = jaxflow.evaluate_split(compiled, variables, toy.splits["test"], 8, layout, on_block=blocks.append)
        results.append((metrics, jax.tree.map(lambda *parts: np.concatenate(parts), *blocks)))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    assert set(results[0][1]) == {"targets", "predictions", "loss", "weight"}
    for name, values in results[0][1].items():
        np.testing.assert_allclose(values, results[1][1][name], atol=1e-6)


@pytest.mark.parametrize(
    ("batch_size", "microbatch", "message"), [(6, None, "not divisible by the 4"), (8, 4, "does not")]
)
def test_batches_that_cannot_be_divided_are_refused(batch_size, microbatch, message):
    with pytest.raises(jaxflow.UserError, match=message):
        Layout(DEVICES).check_batch(batch_size, microbatch)


def test_a_layout_is_a_value():
    assert dataclasses.replace(Layout(DEVICES), strategy="shard_map") == Layout(DEVICES, "shard_map")
