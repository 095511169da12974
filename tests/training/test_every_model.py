"""What holds of every model that is trained: restored as saved, and the same on one device, on two, and padded."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow import layers
from jaxflow.problems.running_metrics import Mean
from jaxflow.training.checkpoints.manager import open_checkpoints, save
from jaxflow.training.checkpoints.restore import restore
from jaxflow.training.parallel.compile import parallelize
from jaxflow.training.parallel.layout import Layout
from tests.models.test_all_models import MODELS

TX = optax.sgd(0.05, momentum=0.9)
# Batch statistics are those of a device's rows, padding among them.
UNCOMMON = {"AirbenchCNN": "it has batch normalisation always"}

# What readers of a checkpoint look for beside the state.
META = {"schema": {"class": "Schema"}, "problem": {"class": "Classification"}, "fitted": []}
META |= {"train_size": 1, "train_ids": ""}


class Squares:
    """The mean square of all outputs: a problem for outputs of any shape."""

    def losses(self, outputs, targets):
        return jnp.square(outputs).mean(axis=tuple(range(1, outputs.ndim)))

    def running_metrics(self, outputs, targets, losses, weights):
        return {"loss": Mean.of(losses, weights)}


def drawing(model):
    """A model that drops what it can drop, and whose rows do not see each other."""
    if isinstance(model, jaxflow.Sequential):
        kinds = (layers.LayerNorm() if isinstance(part, layers.BatchNorm) else part for part in model.layers)
        return model.clone(layers=tuple(kinds))
    wanted = {"norm": "layer", "dropout": 0.3, "stochastic_depth": 0.3, "residual_dropout": 0.3}
    fields = {field.name for field in dataclasses.fields(model)}
    return model.clone(**{name: value for name, value in wanted.items() if name in fields})


def rows_of(inputs, count):
    """So many rows, no two alike."""
    return np.concatenate([(inputs + k) % 9 if inputs.dtype == np.int32 else inputs * (1 + k) / 4 for k in range(4)])[
        :count
    ]


def trained(model, inputs, devices, batch):
    layout = Layout(tuple(jax.devices()[:devices]))
    step = jaxflow.make_train_step(model, Squares(), TX, axis_name=layout.axis_name)
    compiled = parallelize(step, layout, (None, 0), (None, None))
    state = layout.replicate(jaxflow.init_state(model, TX, jax.random.key(0), inputs))
    for _ in range(3):
        state, metrics = compiled(state, batch)
    return jax.device_get((state.params, metrics["loss"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MODELS if name not in UNCOMMON])
def test_two_devices_and_padded_rows_train_as_one_device_without(name):
    model, inputs = drawing(MODELS[name][0]), MODELS[name][1]
    alone = {"inputs": rows_of(inputs, 6), "targets": np.zeros(6, np.int32)}
    weights = np.array([1, 1, 1, 1, 1, 1, 0, 0], np.float32)
    padded = {"inputs": rows_of(inputs, 8), "targets": np.zeros(8, np.int32), "weights": weights}
    one, two = trained(model, inputs, 1, alone), trained(model, inputs, 2, padded)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), one, two)
    start = jaxflow.init_state(model, TX, jax.random.key(0), inputs).params
    assert any(not np.allclose(a, b, atol=1e-4) for a, b in zip(jax.tree.leaves(start), jax.tree.leaves(one[0])))


def filled(abstract, seed):
    """A state of these shapes, after step 3, with numbers that only a whole copy has."""
    generator = np.random.RandomState(seed)

    def fill(leaf):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.key(seed)
        if jnp.issubdtype(leaf.dtype, jnp.integer):
            return jnp.full(leaf.shape, 3, leaf.dtype)
        return jnp.asarray(generator.standard_normal(leaf.shape), leaf.dtype)

    return jax.tree.map(fill, abstract)


def test_states_of_all_models_are_restored_as_they_were_saved(tmp_path):
    """All in one checkpoint, which takes as long as that of one model."""

    def together():
        states = {
            name: jaxflow.init_state(model, optax.identity(), jax.random.key(0), inputs)
            for name, (model, inputs) in MODELS.items()
        }
        every = {
            part: {name: getattr(state, part) for name, state in states.items()} for part in ("params", "model_state")
        }
        return dataclasses.replace(states["MLP"], **every)

    abstract = jax.eval_shape(together)
    state, other = filled(abstract, 1), filled(abstract, 2)
    with open_checkpoints(tmp_path, jaxflow.Classification()) as checkpoints:
        save(checkpoints, state, META)
    with open_checkpoints(tmp_path, jaxflow.Classification(), read_only=True) as checkpoints:
        restored = restore(checkpoints, 3, other)
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    for one, two in zip(jax.tree.leaves(restored), jax.tree.leaves(state)):
        bits = [jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in (one, two)]
        assert bits[0].dtype == bits[1].dtype
        np.testing.assert_array_equal(*bits)


def test_every_public_model_is_among_them():
    public = {
        name
        for name in jaxflow.__all__
        if isinstance(kind := getattr(jaxflow, name), type) and kind.__module__.startswith("jaxflow.models.")
    }
    assert {type(model).__name__ for model, _ in MODELS.values()} == public
