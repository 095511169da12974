"""Augmentations of tokens."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.ranges import Fraction, check_ranges
from jaxflow.schema import Example


@dataclass(frozen=True)
class TokenDropout:
    """Blanks tokens at random: they become token 0, the end, which BagOfTokens leaves out of its mean. Targets stay.

    Source: M. Iyyer et al., Deep Unordered Composition Rivals Syntactic Methods for Text Classification, ACL 2015, for
    bags of words; Z. Xie et al., Data Noising as Smoothing in Neural Network Language Models, ICLR 2017, "blanking".
    """

    probability: Fraction = 0.1
    """Probability that a token is blanked."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Blanks tokens of (time,) integer inputs."""
        tokens = _tokens_of(example, "TokenDropout blanks")
        blank = jax.random.bernoulli(key, self.probability, tokens.shape)
        return example | {"inputs": jnp.where(blank, jnp.zeros((), tokens.dtype), tokens)}


@dataclass(frozen=True)
class TokenSwap:
    """Lets some tokens of a text, chosen at random, change places with each other. Padding, token 0, stays.

    Source: J. Wei and K. Zou, EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification
    Tasks, EMNLP 2019, "random swap".
    """

    probability: Fraction = 0.1
    """Probability that a token is among those that change places."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Permutes the chosen ones of (time,) integer inputs."""
        tokens = _tokens_of(example, "TokenSwap moves")
        _check_one_target(example, "TokenSwap")
        choice, order = jax.random.split(key)
        chosen = jax.random.bernoulli(choice, self.probability, tokens.shape) & (tokens != 0)
        # The chosen ones first, once at random and once in their order; the sort is stable, so the others agree.
        ranks, places = jax.random.uniform(order, tokens.shape), jnp.arange(len(tokens))
        taken = jnp.argsort(jnp.where(chosen, ranks, jnp.inf))
        given = jnp.argsort(jnp.where(chosen, places, len(tokens)))
        return example | {"inputs": tokens.at[given].set(tokens[taken])}


@dataclass(frozen=True)
class TokenCrop:
    """Leaves a random stretch of a text, moved to the beginning; what follows is padding, token 0.

    Source: S. Wu et al., CLEAR: Contrastive Learning for Sentence Representation, 2020, "span deletion", of both ends.
    """

    min_fraction: Fraction = 0.8
    """Smallest fraction of a text's tokens that is left; the largest is 1."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Crops (time,) integer inputs; one token at least is left of a text that has any."""
        tokens = _tokens_of(example, "TokenCrop crops")
        _check_one_target(example, "TokenCrop")
        places = jnp.arange(len(tokens))
        length = jnp.max(jnp.where(tokens != 0, places + 1, 0))
        size_key, start_key = jax.random.split(key)
        fraction = self.min_fraction + (1.0 - self.min_fraction) * jax.random.uniform(size_key)
        size = jnp.clip(jnp.ceil(fraction * length).astype(jnp.int32), jnp.minimum(1, length), length)
        start = jax.random.randint(start_key, (), 0, length - size + 1)
        return example | {"inputs": jnp.where(places < size, jnp.roll(tokens, -start), jnp.zeros((), tokens.dtype))}


def _tokens_of(example: Example, what: str) -> jax.Array:
    """Returns an example's tokens.

    Raises:
      UserError: its inputs are none.
    """
    tokens = example["inputs"]
    if not jnp.issubdtype(tokens.dtype, jnp.integer):
        raise UserError(f"{what} tokens, and these inputs are {tokens.dtype}; leave it out")
    return tokens


def _check_one_target(example: Example, name: str) -> None:
    """Raises UserError if each position has a target: they would no longer lie beside their tokens."""
    tokens, targets = example["inputs"], example["targets"]
    if targets.shape[:1] == tokens.shape and jnp.issubdtype(targets.dtype, jnp.integer):
        raise UserError(f"{name} moves tokens, and here each position has a target of its own; leave it out")
