import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.training import augment
from jaxflow.training.parallel import AXIS, Layout, spread
from tests.conftest import toy_images

PROBLEM = jaxflow.Classification()
DEVICES = tuple(jax.devices())


def padded_batch(size=16, padding=3):
    images, labels = toy_images(size)
    weights = np.ones(size, np.float32)
    weights[-padding:] = 0
    return {"inputs": images.astype(np.float32) / 255, "targets": labels.astype(np.int32), "weights": weights}


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
        axis=layout.axis,
    )
    compiled = spread(step, layout, (None, 0), (None, None), donate=(0,))
    state = layout.replicate(jaxflow.init_state(model, tx, jax.random.key(0), jnp.zeros((1, 6, 6, 1))))
    for _ in range(steps):
        state, metrics = compiled(state, padded_batch())
    return jax.block_until_ready((state, metrics))


def arrays(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree) if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)]


@pytest.mark.parametrize("strategy", ["pmap", "shard_map"])
@pytest.mark.parametrize("devices", [2, 4])
def test_several_devices_take_the_step_of_one(devices, strategy):
    alone, together = stepped(1), stepped(devices, strategy)
    for one, many in zip(arrays(alone), arrays(together)):
        np.testing.assert_allclose(one, many, atol=1e-6)
    assert float(together[1]["loss"].weight) == 13


@pytest.mark.parametrize("devices", [2, 4])
def test_batch_statistics_are_those_of_one_device_too(devices):
    alone, together = stepped(1, norm="batch"), stepped(devices, norm="batch")
    for one, many in zip(arrays(alone[0].model_state), arrays(together[0].model_state)):
        np.testing.assert_allclose(one, many, atol=1e-6)


def test_pmap_is_shard_map_exactly():
    for one, other in zip(arrays(stepped(4, "pmap", steps=3)), arrays(stepped(4, "shard_map", steps=3))):
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

    total, doubled = spread(local, layout, (None, 0), (None, 0))(
        jnp.float32(1), {"x": np.arange(8.0, dtype=np.float32)}
    )
    assert float(total) == 28
    np.testing.assert_array_equal(doubled, np.arange(8) * 2 + 1)


@pytest.mark.parametrize("strategy", ["pmap", "shard_map"])
def test_evaluation_on_four_devices_is_that_of_one(toy, strategy):
    model = jaxflow.MLP(hidden=(4,), outputs=3)
    variables = model.init(jax.random.key(0), jnp.zeros((1, 6, 6, 1)))
    results = []
    for layout in (Layout(DEVICES[:1]), Layout(DEVICES, strategy)):
        step = jaxflow.make_eval_step(model, PROBLEM, transform=lambda x: x / 255.0, axis=layout.axis)
        compiled = spread(step, layout, (None, 0), (None, 0))
        results.append(jaxflow.evaluate_split(compiled, variables, toy.splits["test"], 8))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-6)


@pytest.mark.parametrize(
    ("batch_size", "microbatch", "message"), [(6, None, "not divisible by the 4"), (8, 4, "does not")]
)
def test_batches_that_cannot_be_divided_are_refused(batch_size, microbatch, message):
    with pytest.raises(jaxflow.UserError, match=message):
        Layout(DEVICES).check_batch(batch_size, microbatch)


def test_a_layout_is_a_value():
    assert dataclasses.replace(Layout(DEVICES), strategy="shard_map") == Layout(DEVICES, "shard_map")
