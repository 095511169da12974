import jax
import jax.numpy as jnp
import numpy as np

from jaxflow import MLP

INPUTS = np.array([[0.5, -1.0, 2, 0], [1.5, 3.0, 0, 4], [0.0, 1.0, 1, 1]], np.float32)


def test_categories_are_embedded_and_joined():
    model = MLP(hidden=(), cardinalities=(3, 5), outputs=2)
    params = model.init(jax.random.key(0), INPUTS)["params"]
    tables = [params["Embedding_0"]["embedding"], params["Embedding_1"]["embedding"]]
    assert [table.shape for table in tables] == [(3, 2), (5, 3)]
    numbers = INPUTS[:, 2:].astype(int)
    joined = np.concatenate([INPUTS[:, :2], tables[0][numbers[:, 0]], tables[1][numbers[:, 1]]], axis=1)
    expected = joined @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"][None]
    np.testing.assert_allclose(model.apply({"params": params}, INPUTS), expected, rtol=1e-5, atol=1e-6)


def test_half_precision_leaves_the_numbers_of_categories_alone():
    model = MLP(hidden=(), dtype="bfloat16", cardinalities=(1000,), outputs=1)
    inputs = np.stack([np.zeros(1000), np.arange(1000)], axis=1).astype(np.float32)
    params = model.init(jax.random.key(0), inputs)["params"]
    assert params["Embedding_0"]["embedding"].shape == (1000, 50)
    # bfloat16 tells apart no two whole numbers from 256 on.
    assert len(np.unique(model.apply({"params": params}, inputs))) > 300


def test_a_number_that_is_no_category_is_seen():
    model = MLP(hidden=(4,), cardinalities=(3,), outputs=2)
    params = model.init(jax.random.key(0), INPUTS[:, :3])
    outputs = model.apply(params, jnp.array([[0.0, 0.0, 3.0], [0.0, 0.0, 2.0]]))
    assert np.isnan(outputs[0]).all()
    assert np.isfinite(outputs[1]).all()


def test_without_categories_all_inputs_are_numbers():
    plain, empty = (MLP(hidden=(4,), cardinalities=c, outputs=2) for c in (None, ()))
    params = plain.init(jax.random.key(0), INPUTS)
    np.testing.assert_array_equal(plain.apply(params, INPUTS), empty.apply(params, INPUTS))
