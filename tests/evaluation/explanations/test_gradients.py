from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.evaluation.explanations.embeddings import outputs_of_vectors, token_vectors
from jaxflow.evaluation.explanations.gradients import gradient_times_input, integrated_gradients
from jaxflow.evaluation.explanations.occlusion import occlusion

WEIGHTS = np.random.RandomState(0).normal(size=(5, 4)).astype(np.float32)


def linear(inputs):
    return (inputs * WEIGHTS[None]).sum((1, 2)) + 3.0


def smooth(inputs):
    return jnp.tanh(linear(inputs) / 4) + jnp.exp(-jnp.square(inputs).mean((1, 2)))


def drawn(*shape, seed=1):
    return np.random.RandomState(seed).normal(size=shape).astype(np.float32)


def test_of_a_linear_function_both_are_weights_times_inputs():
    inputs, baseline = drawn(3, 5, 4), drawn(5, 4, seed=2)
    np.testing.assert_allclose(gradient_times_input(linear, jnp.asarray(inputs)), inputs * WEIGHTS, rtol=1e-6)
    for steps in (1, 2, 32):
        found = integrated_gradients(linear, jnp.asarray(inputs), baseline, steps)
        np.testing.assert_allclose(found, (inputs - baseline) * WEIGHTS, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("baseline", [0.0, drawn(5, 4, seed=2)])
def test_integrated_gradients_add_up_to_the_difference(baseline):
    inputs = jnp.asarray(drawn(6, 5, 4))
    found = jax.jit(partial(integrated_gradients, smooth, steps=16))(inputs, baseline)
    difference = smooth(inputs) - smooth(jnp.broadcast_to(jnp.asarray(baseline), inputs.shape))
    np.testing.assert_allclose(found.sum((1, 2)), difference, rtol=1e-3)


def test_integrated_gradients_of_a_network_with_kinks_add_up_nearly():
    model = jaxflow.CNN(widths=(8,), pools=1, hidden=(16,), padding="SAME", outputs=3)
    inputs = jnp.asarray(drawn(4, 8, 8, 1))
    variables = model.init(jax.random.key(0), inputs, train=False)

    def outputs_of(inputs):
        return model.apply(variables, inputs, train=False)[:, 1]

    found = jax.jit(partial(integrated_gradients, outputs_of))(inputs, 0.0).sum((1, 2, 3))
    np.testing.assert_allclose(found, outputs_of(inputs) - outputs_of(jnp.zeros_like(inputs)), rtol=0.02, atol=0.01)


def test_a_number_that_the_output_ignores_has_no_attribution():
    def first_two(inputs):
        return jnp.square(inputs[:, :2]).sum(1)

    found = integrated_gradients(first_two, jnp.asarray(drawn(3, 5)), 0.0)
    assert (found[:, 2:] == 0).all()
    assert (found[:, :2] != 0).all()


def test_occlusion_of_a_linear_function_is_each_patch_of_weights_times_inputs():
    inputs, fill = drawn(3, 5, 4), drawn(5, 4, seed=2)
    found = occlusion(linear, inputs, (2, 3), fill, batch_size=4)  # patches at the end are smaller
    each = (inputs - fill) * WEIGHTS
    for rows in (slice(0, 2), slice(2, 4), slice(4, 5)):
        for columns in (slice(0, 3), slice(3, 4)):
            expected = each[:, rows, columns].sum((1, 2))[:, None, None]
            ratio = found[:, rows, columns] - expected
            np.testing.assert_allclose(ratio, 0, atol=1e-5)


def test_occlusion_takes_all_channels_and_each_example_s_largest_output():
    images = drawn(2, 4, 4, 3)
    outputs = np.stack([images.sum((1, 2, 3)), -images.sum((1, 2, 3))], 1)

    def predict(rows):
        total = rows.sum((1, 2, 3))
        return np.stack([total, -total], 1)

    found = occlusion(predict, images, (2, 2))
    signs = np.where(outputs.argmax(1) == 0, 1, -1)[:, None, None]
    expected = images.sum(3).reshape(2, 2, 2, 2, 2).sum((2, 4)).repeat(2, 1).repeat(2, 2) * signs
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_occlusion_takes_whole_numbers():
    tokens = np.array([[3, 1, 2, 0]])
    found = occlusion(lambda rows: np.array([0.0, 5.0, 7.0, 11.0])[rows].sum(1), tokens, (1,))
    np.testing.assert_allclose(found, [[11, 5, 7, 0]])


@pytest.mark.parametrize(
    "model",
    [
        jaxflow.BagOfTokens(width=6, vocab_size=9, outputs=2),
        jaxflow.TransformerEncoder(layers=1, heads=2, width=8, vocab_size=9, outputs=2, per_position=False),
        jaxflow.LSTM(vocab_size=9, outputs=2, per_position=False),
    ],
)
def test_texts_are_functions_of_their_vectors(model):
    tokens = jnp.array([[1, 2, 3, 0], [4, 5, 6, 7]])
    variables = model.init(jax.random.key(0), tokens, train=False)
    vectors = token_vectors(model, variables, tokens)
    again = outputs_of_vectors(model, variables, tokens, vectors)
    np.testing.assert_array_equal(again, model.apply(variables, tokens, train=False))
    found = gradient_times_input(lambda some: outputs_of_vectors(model, variables, tokens, some)[:, 0], vectors).sum(-1)
    assert (found[0, :3] != 0).all()
    assert found[0, 3] == 0  # padding


def test_of_a_bag_of_tokens_a_token_s_attribution_is_its_part_of_the_mean():
    model, tokens = jaxflow.BagOfTokens(width=6, vocab_size=9, outputs=2), jnp.array([[1, 2, 2, 0]])
    variables = model.init(jax.random.key(0), tokens, train=False)
    vectors = token_vectors(model, variables, tokens)
    found = gradient_times_input(lambda some: outputs_of_vectors(model, variables, tokens, some)[:, 1], vectors).sum(-1)
    table, kernel = variables["params"]["Embedding_0"]["table"], variables["params"]["Dense_0"]["kernel"]
    np.testing.assert_allclose(found[0, :3], (table @ kernel)[np.array([1, 2, 2]), 1] / 3, rtol=1e-4)


def test_a_model_without_an_embedding_layer_is_refused():
    model, tokens = jaxflow.MLP(hidden=(), outputs=2), jnp.ones((2, 3))
    variables = model.init(jax.random.key(0), tokens, train=False)
    with pytest.raises(jaxflow.UserError, match=r"MLP embeds tokens 0 times, and .* occlusion\(\) needs none"):
        token_vectors(model, variables, tokens)
