"""Tokens drawn from a language model one after the other: pure functions, compiled as one program."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.data.texts.tokenizers import Tokenizer


@dataclass(frozen=True)
class Decoder:
    """How a language model continues texts.

    Attributes:
      begin: ((batch, time) int32 tokens, (batch,) int32 how many of them each text has) -> (memory, (batch, vocabulary)
        logits of the next tokens).
      advance: (memory, (batch,) int32 next tokens) -> the same after these.
    """

    begin: Callable[[jax.Array, jax.Array], tuple[Any, jax.Array]]
    advance: Callable[[Any, jax.Array], tuple[Any, jax.Array]]


@dataclass(frozen=True)
class LanguageModel:
    """A trained language model as it writes.

    Attributes:
      tokenizer: turns text into tokens and back.
      window: tokens that it was trained on at once.
      decoder: how many tokens it will see in all, of the longest text -> how it continues texts.
    """

    tokenizer: Tokenizer
    window: int
    decoder: Callable[[int], Decoder]


def recomputing_decoder(logits_of: Callable[[jax.Array], jax.Array]) -> Decoder:
    """Returns the decoder that computes the whole window again for each token; a full window moves on by one token.

    Args:
      logits_of: (batch, time) tokens -> (batch, time, vocabulary) logits of the next ones.
    """

    def begin(window: jax.Array, lengths: jax.Array) -> tuple[Any, jax.Array]:
        return (window, lengths), logits_of(window)[jnp.arange(len(window)), lengths - 1]

    def advance(memory: tuple[jax.Array, jax.Array], tokens: jax.Array) -> tuple[Any, jax.Array]:
        return begin(*_append(*memory, tokens))

    return Decoder(begin, advance)


def _append(window: jax.Array, lengths: jax.Array, tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns windows with one more token each, and their lengths; a full window forgets its first token."""
    rows, size = jnp.arange(len(window)), window.shape[1]
    window = jnp.where((lengths == size)[:, None], jnp.roll(window, -1, axis=1), window)
    lengths = jnp.minimum(lengths + 1, size)
    return window.at[rows, lengths - 1].set(tokens), lengths


def caching_decoder(model: nn.Module, variables: Mapping[str, Any]) -> Decoder:
    """Returns the decoder of a model with a method `decode`: each token is one position's work.

    Args:
      model: Linen module with `decode(tokens, lengths)`, as `CausalCNN` has it.
      variables: its variables, without a cache.
    """

    def decode(cache: Mapping[str, Any], tokens: jax.Array, lengths: jax.Array) -> tuple[Any, jax.Array]:
        logits, cache = model.apply({**variables, **cache}, tokens, lengths, method="decode", mutable=["cache"])
        return cache, logits

    def begin(window: jax.Array, lengths: jax.Array) -> tuple[Any, jax.Array]:
        return decode({}, window, lengths)

    def advance(cache: Mapping[str, Any], tokens: jax.Array) -> tuple[Any, jax.Array]:
        return decode(cache, tokens[:, None], jnp.ones(len(tokens), jnp.int32))

    return Decoder(begin, advance)


def sliding_decoder(caching: Decoder, recomputing: Decoder) -> Decoder:
    """Returns the decoder that uses a cache until the first text fills its window, and from then on computes it again.

    So outputs are those of the model for the last tokens that fit into the window, however long the texts become.

    Args:
      caching: what decodes while no window is full.
      recomputing: what decodes from then on, of `recomputing_decoder`.
    """

    def begin(window: jax.Array, lengths: jax.Array) -> tuple[Any, jax.Array]:
        cache, logits = caching.begin(window, lengths)
        return (window, lengths, cache), logits

    def advance(memory: tuple[jax.Array, jax.Array, Any], tokens: jax.Array) -> tuple[Any, jax.Array]:
        window, lengths, cache = memory

        def recompute() -> tuple[Any, jax.Array]:
            return cache, recomputing.advance((window, lengths), tokens)[1]

        is_full = (lengths == window.shape[1]).any()
        cache, logits = jax.lax.cond(is_full, recompute, lambda: caching.advance(cache, tokens))
        return (*_append(window, lengths, tokens), cache), logits

    return Decoder(begin, advance)


def is_cache_exact(model: nn.Module, window: int, tokens: int) -> bool:
    """Returns whether a cache alone gives the logits that the model returns for the window, until the last token.

    Once the window is full it moves on and the model forgets its first token, while a cache remembers it. So either the
    text never outgrows the window, or an output depends on no more tokens than the window holds.

    Args:
      model: a model of tokens.
      window: tokens that the model was trained on at once.
      tokens: those that it will see in all, of the longest text.
    """
    return hasattr(model, "decode") and (tokens <= window or getattr(model, "receptive_field", tokens) <= window)


def keep_top_k(logits: jax.Array, k: int) -> jax.Array:
    """Returns (batch, tokens) logits with -inf for all but the k largest of each row, and what equals the last of them.

    Source: A. Fan et al., Hierarchical Neural Story Generation, ACL 2018.
    """
    if k >= logits.shape[-1]:
        return logits
    smallest = jax.lax.top_k(logits, k)[0][:, -1:]
    return jnp.where(logits >= smallest, logits, -jnp.inf)


def keep_top_p(logits: jax.Array, p: float | jax.Array) -> jax.Array:
    """Returns (batch, tokens) logits with -inf for all but the likeliest, which together have probability p or more.

    They are the fewest that have, and what equals the last of them; the likeliest token always remains.

    Source: A. Holtzman et al., The Curious Case of Neural Text Degeneration, ICLR 2020.
    """
    descending = -jnp.sort(-logits, axis=-1)
    probabilities = jax.nn.softmax(descending)
    before = jnp.cumsum(probabilities, axis=-1) - probabilities
    is_kept = (before < p).at[:, 0].set(True)
    smallest = jnp.where(is_kept, descending, jnp.inf).min(axis=-1, keepdims=True)
    return jnp.where(logits >= smallest, logits, -jnp.inf)


def sample_tokens(
    decoder: Decoder,
    window: jax.Array,
    lengths: jax.Array,
    *,
    count: int,
    key: jax.Array,
    temperature: float | jax.Array,
    top_k: int | None = None,
    top_p: float | jax.Array | None = None,
) -> jax.Array:
    """Draws tokens one after the other, each given those before it.

    Args:
      decoder: the language model.
      window: (batch, time) int32, the beginning of each text.
      lengths: (batch,) int32, how many tokens of it that is, 1 or more.
      count: how many tokens are drawn, 1 or more.
      key: random key.
      temperature: divisor of the logits; 0 takes the most likely token.
      top_k: how many of the likeliest tokens are drawn from; None for all.
      top_p: after that, the least probability of the likeliest tokens that are drawn from, at this temperature; None
        for all.

    Returns:
      (batch, count) int32 tokens.
    """

    def draw(logits: jax.Array, step: jax.Array) -> jax.Array:
        scaled = logits / jnp.maximum(temperature, 1e-6)
        scaled = scaled if top_k is None else keep_top_k(scaled, top_k)
        scaled = scaled if top_p is None else keep_top_p(scaled, top_p)
        drawn = jax.random.categorical(jax.random.fold_in(key, step), scaled)
        return jnp.where(temperature > 0, drawn, logits.argmax(axis=-1)).astype(jnp.int32)

    def step(carry: tuple[Any, jax.Array], number: jax.Array) -> tuple[tuple[Any, jax.Array], jax.Array]:
        memory, token = carry
        memory, logits = decoder.advance(memory, token)
        token = draw(logits, number)
        return (memory, token), token

    memory, logits = decoder.begin(jnp.asarray(window), jnp.asarray(lengths))
    first = draw(logits, jnp.int32(0))
    _, rest = jax.lax.scan(step, (memory, first), jnp.arange(1, count))
    return jnp.concatenate([first[None], rest]).T  # (count, batch) -> (batch, count)
