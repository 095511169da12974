import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow

PARAMS = {
    "Dense_0": {"kernel": jnp.array([[1.0, -2.0], [0.5, 0.0]]), "bias": jnp.array([3.0, -1.0])},
    "BatchNorm_0": {"scale": jnp.array([2.0, 1.0])},
}


def penalty(params, l1, l2, everything):
    leaves = [leaf for leaf in jax.tree.leaves(params) if everything or leaf.ndim > 1]
    return sum(l1 * jnp.abs(leaf).sum() + l2 / 2 * jnp.square(leaf).sum() for leaf in leaves)


@pytest.mark.parametrize("decay_all", [False, True])
@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
def test_penalties_add_their_gradient_to_the_loss_s(l1, l2, decay_all):
    optimizer = jaxflow.SGD(learning_rate=0.5, weight_decay=l2, l1=l1, decay_all=decay_all)
    tx = jaxflow.make_optimizer(optimizer, total_steps=10)
    gradient = jax.tree.map(lambda leaf: leaf + 0.25, PARAMS)
    updates, _ = tx.update(gradient, tx.init(PARAMS), PARAMS)
    extra = jax.grad(penalty)(PARAMS, l1, l2, decay_all)
    # At 0 the slope of |w| is taken as 0, so that nothing pushes a weight that is there.
    extra["Dense_0"]["kernel"] = extra["Dense_0"]["kernel"].at[1, 1].set(0.0)
    expected = jax.tree.map(lambda loss, more: -0.5 * (loss + more), gradient, extra)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), updates, expected)


def test_an_l1_penalty_is_adam_s_gradient_too():
    gradient = jax.tree.map(jnp.ones_like, PARAMS)
    with_penalty, without = (jaxflow.make_optimizer(jaxflow.AdamW(1e-2, l1=l1), 10) for l1 in (0.3, 0.0))
    added = jax.tree.map(lambda leaf, weights: leaf + 0.3 * jnp.sign(weights) * (weights.ndim > 1), gradient, PARAMS)
    one, _ = with_penalty.update(gradient, with_penalty.init(PARAMS), PARAMS)
    two, _ = without.update(added, without.init(PARAMS), PARAMS)
    jax.tree.map(np.testing.assert_array_equal, one, two)
