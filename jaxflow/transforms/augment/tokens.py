"""Augmentations of tokens."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.interfaces import Batch
from jaxflow.ranges import Fraction, check_ranges


@dataclass(frozen=True)
class TokenDropout:
    """Blanks tokens at random: they become token 0, the end, which BagOfTokens leaves out of its mean. Targets stay.

    Source: M. Iyyer et al., Deep Unordered Composition Rivals Syntactic Methods for Text Classification, ACL 2015, for
    bags of words; Z. Xie et al., Data Noising as Smoothing in Neural Network Language Models, ICLR 2017, "blanking".
    """

    probability: Fraction = 0.1
    """Probability that a token is blanked."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Blanks tokens of (batch, time) integer inputs."""
        tokens = batch["inputs"]
        if not jnp.issubdtype(tokens.dtype, jnp.integer):
            raise UserError(f"TokenDropout blanks tokens, and these inputs are {tokens.dtype}; leave it out")
        blank = jax.random.bernoulli(key, self.probability, tokens.shape)
        return batch | {"inputs": jnp.where(blank, jnp.zeros((), tokens.dtype), tokens)}
