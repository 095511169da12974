import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow


def apply(inputs, **settings):
    model = jaxflow.LinkNet(**{"widths": (4, 8, 8), "outputs": 3} | settings)
    variables = model.init(jax.random.key(0), inputs)
    return model.apply(variables, inputs)


@pytest.mark.parametrize("places", [(8, 12), (7, 9), (1, 1), (4, 6, 5)])
@pytest.mark.slow
def test_each_place_has_outputs(places):
    assert apply(jnp.ones((2, *places, 2))).shape == (2, *places, 3)


def test_places_see_what_is_near_and_not_what_is_far():
    """Two convolutions of reach 1 at each resolution, on the way down and up: 4 + 8 + 8 pixels and the pools' own."""
    inputs = np.random.RandomState(0).rand(1, 128, 16, 1).astype(np.float32)
    changed = inputs.copy()
    changed[:, 0] += 1
    difference = np.abs(np.asarray(apply(inputs, norm="none") - apply(changed, norm="none"))).max((0, 2, 3))
    assert difference[0] > 1e-3
    assert difference[16] > 0
    assert np.all(difference[32:] == 0)


def test_a_volume_of_equal_slices_is_its_slice():
    """A kernel that looks at one slice alone does to each what the network of images does."""
    image = jnp.asarray(np.random.RandomState(0).rand(1, 8, 8, 1), jnp.float32)
    model = jaxflow.LinkNet(widths=(4, 8), outputs=3, norm="none")
    flat = model.init(jax.random.key(0), image)
    volume = jnp.repeat(image[:, None], 8, axis=1)  # (batch, depth, height, width, channel)

    def middle(kernel):
        if kernel.ndim < 4:
            return kernel
        side = kernel.shape[0]
        return jnp.zeros((side, *kernel.shape)).at[side // 2].set(kernel)

    deep = jax.tree.map(middle, flat)
    outputs = model.apply(deep, volume)
    for slice_ in range(8):
        np.testing.assert_allclose(outputs[:, slice_], model.apply(flat, image), atol=1e-5)
