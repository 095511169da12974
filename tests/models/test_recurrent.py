"""Recurrent networks: cells against NumPy and flax.linen, padding, causality, and texts continued from a cache."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models.layers.recurrence import CELLS, RecurrentLayer
from tests.models.decoding import check_decoding

MODELS = {"rnn": jaxflow.RNN, "gru": jaxflow.GRU, "lstm": jaxflow.LSTM}
SERIES = np.random.RandomState(0).randn(3, 9, 4).astype(np.float32)
TOKENS = jnp.asarray(np.random.RandomState(0).randint(1, 9, (3, 20)), jnp.int8)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(cell, params, inputs):
    """Hidden states of the published equations, one position after the other, in float64."""
    params = {name: np.asarray(leaf, np.float64) for name, leaf in params.items()}
    features = params["state_kernel"].shape[0]
    hidden = memory = np.zeros((len(inputs), features))
    states = []
    for place in range(inputs.shape[1]):
        x = inputs[:, place] @ params["kernel"] + params["bias"]
        h = hidden @ params["state_kernel"]
        if cell == "rnn":
            hidden = np.tanh(x + h)
        elif cell == "lstm":
            i, f, g, o = np.split(x + h, 4, axis=1)
            memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(memory)
        else:
            (xr, xz, xn), (hr, hz, hn) = np.split(x, 3, axis=1), np.split(h, 3, axis=1)
            r, z = sigmoid(xr + hr), sigmoid(xz + hz)
            n = np.tanh(xn + r * (hn + params["state_bias"]))
            hidden = (1 - z) * n + z * hidden
        states.append(hidden)
    return np.stack(states, axis=1)


def moved(variables):
    """Parameters with biases that are not 0."""
    return jax.tree.map(lambda leaf: leaf + 0.1 * jnp.cos(jnp.arange(leaf.size)).reshape(leaf.shape), variables)


@pytest.mark.parametrize("cell", CELLS)
def test_a_layer_is_its_equations(cell):
    layer = RecurrentLayer(cell, 5)
    variables = moved(layer.init(jax.random.key(0), SERIES))
    states, last = jax.jit(layer.apply)(variables, SERIES)
    expected = reference(cell, variables["params"], SERIES)
    np.testing.assert_allclose(states, expected, atol=1e-5)
    np.testing.assert_array_equal(last, states[:, -1])
    backwards = RecurrentLayer(cell, 5, reverse=True)
    states, last = jax.jit(backwards.apply)(variables, SERIES)
    np.testing.assert_allclose(states, reference(cell, variables["params"], SERIES[:, ::-1])[:, ::-1], atol=1e-5)
    np.testing.assert_array_equal(last, states[:, 0])


# Names of flax's gates in the order in which they lie side by side here.
GATES = {"rnn": [""], "gru": ["r", "z", "n"], "lstm": ["i", "f", "g", "o"]}
FLAX = {"rnn": nn.SimpleCell, "gru": nn.GRUCell, "lstm": nn.OptimizedLSTMCell}


@pytest.mark.parametrize("cell", CELLS)
def test_a_layer_is_that_of_flax(cell):
    layer = RecurrentLayer(cell, 5)
    params = moved(layer.init(jax.random.key(0), SERIES))["params"]
    products = len(GATES[cell])
    kernels, states, biases = (
        jnp.split(params[name], products, axis=-1) for name in ("kernel", "state_kernel", "bias")
    )
    theirs = {}
    for position, gate in enumerate(GATES[cell]):
        theirs[f"i{gate}"] = {"kernel": kernels[position], "bias": biases[position]}
        theirs[f"h{gate}"] = {"kernel": states[position]}
    if cell == "gru":
        theirs["hn"]["bias"] = params["state_bias"]
    if cell == "lstm":  # its biases stand beside the products of the state
        for gate in GATES[cell]:
            theirs[f"h{gate}"]["bias"] = theirs[f"i{gate}"].pop("bias")
    expected = nn.RNN(FLAX[cell](5), name="rnn").apply({"params": {"cell": theirs}}, SERIES)
    np.testing.assert_allclose(layer.apply({"params": params}, SERIES)[0], expected, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("per_position", [False, True])
def test_padded_texts_are_unpadded_texts(cell, bidirectional, per_position):
    model = MODELS[cell](6, 2, bidirectional, per_position=per_position, vocab_size=9, outputs=3)
    variables = moved(jax.jit(model.init)(jax.random.key(0), TOKENS))
    apply = jax.jit(model.apply)
    padded = apply(variables, jnp.pad(TOKENS, ((0, 0), (0, 7))))
    np.testing.assert_allclose(padded[:, :20] if per_position else padded, apply(variables, TOKENS), atol=1e-6)
    if not per_position:  # a blank token, wherever it is, is none
        blanked = apply(variables, TOKENS.at[:, 4].set(0))
        np.testing.assert_allclose(blanked, apply(variables, jnp.delete(TOKENS, 4, axis=1)), atol=1e-6)
    assert np.isfinite(apply(variables, jnp.zeros_like(TOKENS))).all()


@pytest.mark.slow
def test_an_output_depends_on_what_it_may_see():
    def reached(bidirectional):
        model = jaxflow.LSTM(8, 2, bidirectional, per_position=True, vocab_size=9, outputs=9)
        variables = jax.jit(model.init)(jax.random.key(0), TOKENS)
        apply = jax.jit(model.apply)
        other = apply(variables, TOKENS.at[:, 7].set((TOKENS[:, 7] + 1) % 9))
        assert model.causal == (not bidirectional)
        return np.flatnonzero(np.abs(other - apply(variables, TOKENS)).max(axis=(0, 2)))

    assert reached(False).min() == 7
    assert reached(True).min() == 0


@pytest.mark.parametrize("cell", CELLS)
def test_decoding_gives_what_the_model_gives_for_all_tokens(cell):
    check_decoding(MODELS[cell](8, 2, per_position=True, vocab_size=9, outputs=9))


def test_spectrograms_are_series():
    model = jaxflow.GRU(6, outputs=2)
    variables = model.init(jax.random.key(0), SERIES)
    np.testing.assert_array_equal(model.apply(variables, SERIES[..., None]), model.apply(variables, SERIES))


def test_what_is_no_sequence_is_refused():
    model = jaxflow.LSTM(6, outputs=2)
    with pytest.raises(jaxflow.UserError, match=r"takes tokens .* the inputs have shape \(8, 8, 3\)"):
        model.init(jax.random.key(0), jnp.zeros((2, 8, 8, 3)))
    with pytest.raises(jaxflow.UserError, match=r"shape \(80,\); LogMel\(\) makes spectrograms of waveforms"):
        model.init(jax.random.key(0), jnp.zeros((2, 80)))
    bidirectional = jaxflow.LSTM(6, bidirectional=True, vocab_size=9, outputs=9)
    with pytest.raises(jaxflow.UserError, match="a bidirectional model continues no texts"):
        bidirectional.init(jax.random.key(0), TOKENS, jnp.ones(3, jnp.int32), method="decode")
