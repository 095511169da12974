"""Recurrent layers: a cell that is applied along time; products with the inputs are taken out of the loop."""

from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.models.layers.dtypes import Dtype
from jaxflow.models.layers.initializers import KernelInit, initializer

Cell = Literal["rnn", "gru", "lstm"]
# Of a cell: (from the inputs, from the hidden state, carry) -> carry. The hidden state is the carry's first array.
Carry = tuple[jax.Array, ...]
Step = Callable[[jax.Array, jax.Array, Carry], Carry]


def rnn_step(inputs: jax.Array, state: jax.Array, carry: Carry) -> Carry:
    """Returns an Elman network's next carry, (hidden,); arguments are (batch, features). J. Elman, 1990."""
    return (jnp.tanh(inputs + state),)


def gru_step(inputs: jax.Array, state: jax.Array, carry: Carry) -> Carry:
    """Returns a gated recurrent unit's next carry, (hidden,).

    The reset gate comes after the product with the hidden state, as in cuDNN and PyTorch.

    Args:
      inputs: (batch, 3 * features), for reset gate, update gate and candidate, with their biases.
      state: likewise, from the hidden state.
      carry: (hidden,), (batch, features).

    Source: K. Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014.
    """
    (hidden,) = carry
    reset, update, candidate = jnp.split(inputs, 3, axis=-1)
    state_reset, state_update, state_candidate = jnp.split(state, 3, axis=-1)
    update = jax.nn.sigmoid(update + state_update)
    candidate = jnp.tanh(candidate + jax.nn.sigmoid(reset + state_reset) * state_candidate)
    return ((1 - update) * candidate + update * hidden,)


def lstm_step(inputs: jax.Array, state: jax.Array, carry: Carry) -> Carry:
    """Returns a long short-term memory's next carry, (hidden, cell).

    Args:
      inputs: (batch, 4 * features), for input gate, forget gate, candidate and output gate, with their biases.
      state: likewise, from the hidden state.
      carry: (hidden, cell), (batch, features) each.

    Source: S. Hochreiter and J. Schmidhuber, 1997; F. Gers et al., Learning to Forget, 2000.
    """
    gate, forget, candidate, output = jnp.split(inputs + state, 4, axis=-1)
    cell = jax.nn.sigmoid(forget) * carry[1] + jax.nn.sigmoid(gate) * jnp.tanh(candidate)
    return jax.nn.sigmoid(output) * jnp.tanh(cell), cell


# The step of a cell, its products' width in features, and the arrays in its carry.
CELLS: dict[Cell, tuple[Step, int, int]] = {"rnn": (rnn_step, 1, 1), "gru": (gru_step, 3, 1), "lstm": (lstm_step, 4, 2)}


def recur(
    step: Step, inputs: jax.Array, kernel: jax.Array, bias: jax.Array, carry: Carry, present: jax.Array | None
) -> tuple[Carry, jax.Array]:
    """Applies a cell along time.

    Args:
      step: of the cell.
      inputs: (time, batch, products) what the inputs add up to, with biases.
      kernel: (features, products) of the hidden state.
      bias: (products,) of the hidden state's products.
      carry: what it begins with, (batch, features) each.
      present: (time, batch) booleans; where it is False the carry stays. None for True.

    Returns:
      The last carry, and the hidden states (time, batch, features).
    """

    def advance(carry: Carry, now: Any) -> tuple[Carry, jax.Array]:
        inputs, present = now
        after = step(inputs, carry[0] @ kernel + bias[None], carry)
        if present is not None:
            after = tuple(jnp.where(present[:, None], new, old) for new, old in zip(after, carry))
        return after, after[0]

    return lax.scan(advance, carry, (inputs, present))


class RecurrentLayer(nn.Module):
    """A cell along time; it begins with zeros."""

    cell: Cell
    """Which cell."""
    features: int
    """Length of the hidden state."""
    reverse: bool = False
    """Whether it goes from the last position to the first."""
    kernel_init: KernelInit = "glorot_uniform"
    """How the inputs' kernel is drawn; the hidden state's is orthogonal."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(
        self, inputs: jax.Array, present: jax.Array | None = None, decoding: bool = False
    ) -> tuple[jax.Array, jax.Array]:
        """Returns the hidden states (batch, time, features), and the last, (batch, features).

        Args:
          inputs: (batch, time, feature).
          present: (batch, time) booleans; where it is False the state stays as it was. None for True.
          decoding: whether it begins with the carry in the collection "cache", and leaves the last one there.
        """
        step, products, carries = CELLS[self.cell]
        width = products * self.features
        kernel = self.param("kernel", initializer(self.kernel_init), (inputs.shape[-1], width)).astype(self.dtype)
        state_kernel = self.param("state_kernel", _orthogonal, (self.features, width)).astype(self.dtype)
        bias = self.param("bias", _bias_init(self.cell), (width,)).astype(self.dtype)
        zeros = jnp.zeros(width, self.dtype)
        # The GRU's candidate is the one whose two products do not add up, so its second bias is not one too many.
        state_bias = self.param("state_bias", nn.initializers.zeros, (self.features,)) if self.cell == "gru" else None
        if state_bias is not None:
            zeros = zeros.at[2 * self.features :].set(state_bias.astype(self.dtype))
        x = inputs.astype(self.dtype) @ kernel + bias[None, None]  # (batch, time, products)
        x, present = x.swapaxes(0, 1), None if present is None else present.swapaxes(0, 1)
        if self.reverse:
            x, present = x[::-1], None if present is None else present[::-1]
        carry = (jnp.zeros((len(inputs), self.features), self.dtype),) * carries
        cache = self.variable("cache", "carry", lambda: carry) if decoding else None
        last, states = recur(step, x, state_kernel, zeros, carry if cache is None else cache.value, present)
        if cache is not None:
            cache.value = last
        states = (states[::-1] if self.reverse else states).swapaxes(0, 1)  # (batch, time, features)
        return states, last[0]


def _orthogonal(key: jax.Array, shape: tuple[int, int]) -> jax.Array:
    """Draws an orthogonal matrix for each gate (A. Saxe et al., ICLR 2014), (features, gates * features)."""
    features, width = shape
    keys = jax.random.split(key, width // features)
    return jnp.concatenate([nn.initializers.orthogonal()(key, (features, features)) for key in keys], axis=1)


def _bias_init(cell: Cell) -> Callable[[jax.Array, tuple[int]], jax.Array]:
    """Returns how biases begin: at 0, the LSTM's forget gate at 1 (R. Jozefowicz et al., ICML 2015)."""

    def bias(key: jax.Array, shape: tuple[int]) -> jax.Array:
        features = shape[0] // CELLS[cell][1]
        zeros = jnp.zeros(shape)
        return zeros.at[features : 2 * features].set(1) if cell == "lstm" else zeros

    return bias
