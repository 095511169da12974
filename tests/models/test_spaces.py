"""Models of images take series and volumes too, and neither padding nor the number of devices changes what they say."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow import layers

MODELS = {
    "CNN": jaxflow.CNN(widths=(3, 4), pools=1, hidden=(4,), padding="SAME", norm="layer", activation="gelu", outputs=3),
    "ResNet": jaxflow.ResNet(widths=(4, 6), blocks=(1, 1), stem="imagenet", norm="group", outputs=3),
    "ResNet9": jaxflow.ResNet9(widths=(2, 2, 4, 4), norm="layer", outputs=3),
    "UNet": jaxflow.UNet(widths=(2, 4), norm="group", outputs=3),
    "Sequential": jaxflow.Sequential(
        (layers.Conv(4), layers.Relu(), layers.MaxPool(), layers.GlobalAveragePool(), layers.Dense()), outputs=3
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("space", [(16,), (16, 12), (8, 9, 10)])
def test_series_images_and_volumes_have_outputs_and_slopes(name, space):
    """A row's outputs and slopes are its own: the other rows of its batch do not reach it."""
    inputs = jax.random.normal(jax.random.key(0), (3, *space, 2))
    model = MODELS[name]
    variables = jax.jit(model.init)(jax.random.key(1), inputs)

    @jax.jit
    def slopes(inputs):
        return jax.grad(lambda x: jnp.square(model.apply(variables, x, train=True)).sum())(inputs)

    shape = (*space, 3) if name == "UNet" else (3,)
    assert jax.eval_shape(model.apply, variables, inputs).shape == (3, *shape)
    several = slopes(inputs)
    assert np.all(np.abs(several).max(axis=tuple(range(1, several.ndim))) > 0)
    np.testing.assert_allclose(slopes(inputs.at[1:].set(0.0))[:1], several[:1], rtol=1e-3, atol=1e-5)


def test_a_cnn_of_series_is_the_one_written_in_flax():
    class Reference(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.max_pool(nn.relu(nn.Conv(4, (3,), padding="VALID")(x)), (2,), (2,))
            x = nn.relu(nn.Conv(5, (3,), padding="VALID")(x))
            x = nn.relu(nn.Dense(6)(x.reshape(len(x), -1)))
            return nn.Dense(2)(x)

    series = jax.random.normal(jax.random.key(0), (3, 20, 2))
    model = jaxflow.CNN(widths=(4, 5), pools=1, hidden=(6,), outputs=2)
    variables = model.init(jax.random.key(1), series)
    np.testing.assert_allclose(model.apply(variables, series), Reference().apply(variables, series), atol=1e-5)


def test_vectors_are_refused_in_one_line():
    with pytest.raises(jaxflow.UserError, match=r"a convolution goes over images, .* shape \(5,\); model=MLP"):
        MODELS["CNN"].init(jax.random.key(0), jnp.ones((2, 5)))
