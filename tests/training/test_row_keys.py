"""Random numbers go by row of the global batch: microbatches and devices change none."""

from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.models.layers import row_keys
from jaxflow.models.layers.rows import rows_from
from jaxflow.training.parallel.compile import map_gradients, parallelize
from jaxflow.training.parallel.layout import Layout
from jaxflow.transforms import augment
from tests.conftest import toy_images

CHAIN = (jaxflow.Flip(), jaxflow.Crop(1), jaxflow.GaussianNoise(0.3), jaxflow.Mixup(1.0))


@cache
def trained(devices, microbatch, strategy="pmap"):
    """Returns parameters and loss after three steps of 16 rows with dropout and augmentation."""
    images, labels = toy_images(16)
    batch = {"inputs": images.astype(np.float32) / 255, "targets": labels.astype(np.int32)}
    layout = Layout(tuple(jax.devices()[:devices]), strategy)
    model, tx = jaxflow.CNN(widths=(4,), pools=1, hidden=(16,), dropout=0.4, outputs=3), optax.sgd(0.5)
    step = jaxflow.make_train_step(
        model,
        jaxflow.Classification(),
        tx,
        augment=partial(augment.apply, CHAIN),
        microbatch=microbatch,
        axis_name=layout.axis_name,
        map_gradients=partial(map_gradients, layout=layout),
    )
    compiled = parallelize(step, layout, (None, 0), (None, None), donate=(0,))
    state = layout.replicate(jaxflow.init_state(model, tx, jax.random.key(0), jnp.zeros((1, 6, 6, 1))))
    for _ in range(3):
        state, metrics = compiled(state, batch)
    return jax.tree.map(np.asarray, state.params), float(metrics["loss"].compute())


@pytest.mark.parametrize(
    ("devices", "microbatch", "strategy"),
    [(1, 8, "pmap"), (1, 2, "pmap"), (2, None, "pmap"), (2, 4, "pmap"), (4, 2, "pmap"), (4, None, "shard_map")],
)
def test_a_batch_gives_the_same_however_it_is_divided(devices, microbatch, strategy):
    params, loss = trained(1, None)
    divided, divided_loss = trained(devices, microbatch, strategy)
    assert divided_loss == pytest.approx(loss, rel=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), divided, params)


class Drawn(nn.Module):
    """Returns what two layers draw for each row, one of them inside a rematerialised block."""

    @nn.compact
    def __call__(self, inputs, train=False):
        keys = Draw()(inputs), nn.remat(Draw)()(inputs)
        return jnp.stack(keys, axis=1)


class Draw(nn.Module):
    @nn.compact
    def __call__(self, inputs):
        return jax.vmap(jax.random.uniform)(row_keys(self, len(inputs)))


def test_each_row_and_each_layer_draws_something_else():
    rngs = {"rows": jax.random.key(0), "dropout": jax.random.key(1)}
    whole = np.asarray(Drawn().apply({}, jnp.zeros((8, 1)), rngs=rngs))
    assert len(np.unique(whole)) == 16
    with rows_from(3):
        part = Drawn().apply({}, jnp.zeros((5, 1)), rngs=rngs)
    np.testing.assert_array_equal(part, whole[3:])
    # Outside a train step there may be one stream alone, and rows are counted from 0.
    alone = np.asarray(Drawn().apply({}, jnp.zeros((8, 1)), rngs={"dropout": jax.random.key(1)}))
    assert len(np.unique([whole, alone])) == 32


class FlaxDropout(nn.Module):
    """Flax's own dropout, of ones."""

    @nn.compact
    def __call__(self, inputs, train=False):
        scale = self.param("scale", nn.initializers.ones, (1,))
        return nn.Dropout(0.5, deterministic=not train)(jnp.ones_like(inputs)) * scale[None]


class _Outputs(jaxflow.Classification):
    """A problem whose one metric is the sum of the outputs of all rows."""

    def losses(self, outputs, targets):
        return outputs.sum(axis=-1)

    def running_metrics(self, outputs, targets, losses, weights):
        return {"outputs": outputs.sum(axis=0)}


def test_flaxs_own_layers_draw_for_each_microbatch_anew():
    """They know no rows, but two microbatches must not share a mask."""
    model, tx, inputs = FlaxDropout(), optax.sgd(1.0), jnp.zeros((2, 400))
    batch = {"inputs": inputs, "targets": jnp.zeros(2, jnp.int32)}
    state = jaxflow.init_state(model, tx, jax.random.key(0), inputs[:1])
    _, metrics = jaxflow.make_train_step(model, _Outputs(), tx, microbatch=1)(state, batch)
    kept = np.asarray(metrics["outputs"]) / 2  # by how many of the two rows
    assert 150 < (kept == 1).sum() < 250
