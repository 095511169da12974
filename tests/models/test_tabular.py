import jax
import numpy as np

import jaxflow


def test_a_residual_network_for_tables_is_its_formula():
    """R. in Gorishniy et al.: blocks x + linear(relu(linear(norm(x)))), then linear(relu(norm(x)))."""
    model = jaxflow.TabularResNet(width=4, hidden=6, blocks=2, norm="layer", outputs=3)
    x = np.random.RandomState(0).rand(5, 7).astype(np.float32)
    params = model.init(jax.random.key(0), x)["params"]
    params = jax.tree.map(lambda leaf: np.asarray(leaf) + 0.1 * np.arange(leaf.size).reshape(leaf.shape), params)

    def dense(number, x):
        return x @ params[f"Dense_{number}"]["kernel"] + params[f"Dense_{number}"]["bias"]

    def norm(number, x):
        part = params[f"LayerNorm_{number}"]
        return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) * part["scale"] + part["bias"]

    y = dense(0, x)
    for block in range(2):
        y = y + dense(2 * block + 2, np.maximum(dense(2 * block + 1, norm(block, y)), 0))
    expected = dense(5, np.maximum(norm(2, y), 0))
    np.testing.assert_allclose(model.apply({"params": params}, x), expected, rtol=1e-4)


def test_categories_are_embedded_as_mlp_embeds_them():
    x = np.array([[0.5, 1, 2], [0.1, 0, 119]], np.float32)
    model = jaxflow.TabularResNet(width=4, hidden=6, cardinalities=(3, 120), outputs=1)
    params = model.init(jax.random.key(0), x)["params"]
    mlp = jaxflow.MLP(cardinalities=(3, 120), outputs=1).init(jax.random.key(0), x)["params"]
    for name in ("Embedding_0", "Embedding_1"):
        np.testing.assert_array_equal(params[name]["embedding"], mlp[name]["embedding"])
    assert params["Dense_0"]["kernel"].shape == (1 + 2 + 50, 4)


def test_both_dropouts_act_in_training_alone():
    x = np.random.RandomState(0).rand(5, 7).astype(np.float32)
    model = jaxflow.TabularResNet(width=8, hidden=8, norm="none", outputs=3)
    variables = model.init(jax.random.key(0), x)
    calm = model.apply(variables, x, train=True)
    for rates in ({"dropout": 0.5}, {"residual_dropout": 0.5}):
        noisy = model.clone(**rates)
        assert not np.allclose(noisy.apply(variables, x, train=True, rngs={"dropout": jax.random.key(1)}), calm)
        np.testing.assert_array_equal(noisy.apply(variables, x), calm)
