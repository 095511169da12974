"""Texts that are read out of frames: the best path, and how far it is from the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.errors import UserError
from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.problems.running_metrics import Mean
from jaxflow.schema import IGNORE

# Of numbers for words: odd, and with bits all over.
BASE = 0x9E3779B1
SPACE = " "


def greedy_path(outputs: jax.Array) -> jax.Array:
    """Decodes the best class of each frame: repeated ones are one, and blanks, the last class, are left out.

    Args:
      outputs: (batch, frame, characters + 1) logits.

    Returns:
      (batch, frame) int32 characters, IGNORE after the last one.
    """
    best = outputs.argmax(axis=-1).astype(jnp.int32)
    before = jnp.pad(best, ((0, 0), (1, 0)), constant_values=IGNORE)[:, :-1]
    written = (best != before) & (best != outputs.shape[-1] - 1)
    order = jnp.argsort(~written, axis=1, stable=True)  # those that are written first, in their order
    return jnp.where(jnp.take_along_axis(written, order, 1), jnp.take_along_axis(best, order, 1), IGNORE)


def edit_distances(texts: jax.Array, targets: jax.Array) -> jax.Array:
    """Counts the insertions, deletions and substitutions that turn a text into its target.

    Args:
      texts: (batch, any) int32 characters, IGNORE after the last one.
      targets: (batch, length) likewise.

    Returns:
      (batch,) int32.

    Source: V. I. Levenshtein, Binary Codes Capable of Correcting Deletions, Insertions and Reversals, 1966.
    """
    places = jnp.arange(targets.shape[1] + 1, dtype=jnp.int32)[None]  # (1, length + 1)

    def add(row: jax.Array, character: jax.Array) -> tuple[jax.Array, None]:
        """Returns distances to all beginnings of the targets, (batch, length + 1), of texts one character longer."""
        other = (targets != character[:, None]).astype(jnp.int32)
        reached = jnp.concatenate([row[:, :1] + 1, jnp.minimum(row[:, 1:] + 1, row[:, :-1] + other)], axis=1)
        inserted = lax.cummin(reached - places, axis=1) + places  # what insertions to the right bring
        return jnp.where(character[:, None] >= 0, inserted, row), None

    first = jnp.broadcast_to(places, (len(targets), places.shape[1]))
    rows, _ = lax.scan(add, first, texts.astype(jnp.int32).T)
    lengths = (targets >= 0).sum(axis=1, keepdims=True)
    return jnp.take_along_axis(rows, lengths, axis=1)[:, 0]


def space_of(characters: Sequence[str] | None) -> int:
    """Returns which of the characters is the space; of those without one a number that is none of them.

    Raises:
      UserError: nobody knows the characters.
    """
    if characters is None:
        raise UserError(
            "metric WordErrorRate measures problem Transcription, whose characters have names; leave it out"
        )
    return characters.index(SPACE) if SPACE in characters else len(characters)


def words_of(texts: jax.Array, space: int) -> jax.Array:
    """Returns a number for each word of texts, (batch, words) int32, IGNORE after the last one.

    Equal words have equal numbers, and different ones different, but for one pair in 2^31: a number is the word's
    characters as the digits of one, in an odd base and without what exceeds 31 bits.

    Args:
      texts: (batch, length) integer characters, IGNORE after the last one.
      space: the character that divides words.
    """
    batch, length = texts.shape
    inside = (texts >= 0) & (texts != space)  # (batch, length)
    begins = inside & ~jnp.pad(inside, ((0, 0), (1, 0)))[:, :-1]
    positions = jnp.arange(length)[None]
    place = positions - lax.cummax(jnp.where(begins, positions, 0), axis=1)  # of a character in its word
    powers = jnp.cumprod(jnp.full(length, BASE, jnp.uint32).at[0].set(1), dtype=jnp.uint32)
    digits = jnp.where(inside, (texts + 1).astype(jnp.uint32) * powers[place], 0)
    word = jnp.where(inside, jnp.cumsum(begins, axis=1) - 1, length)  # what is in no word falls out
    rows = jnp.broadcast_to(jnp.arange(batch)[:, None], word.shape)
    numbers = jnp.zeros((batch, (length + 1) // 2), jnp.uint32).at[rows, word].add(digits, mode="drop")
    known = jnp.arange(numbers.shape[1])[None] < begins.sum(axis=1, keepdims=True)
    return jnp.where(known, (numbers & 0x7FFFFFFF).astype(jnp.int32), IGNORE)


@dataclass(frozen=True)
class CharacterErrorRate:
    """Edits that turn the predicted texts into the true ones, over the characters of the true ones; may exceed 1."""

    name = "cer"
    higher_is_better = False
    unit = ""

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        targets, weights = batch.targets.astype(jnp.int32), batch.weights  # (batch, length) each
        distances = edit_distances(greedy_path(batch.outputs), targets).astype(jnp.float32)
        return Mean((distances * weights.max(axis=1)).sum(), weights.sum(dtype=jnp.float32))


@dataclass(frozen=True)
class WordErrorRate:
    """Words inserted, deleted and replaced to turn the predicted texts into the true ones, over the words of these.

    Spaces divide words, however many there are; the rate may exceed 1.
    """

    name = "wer"
    higher_is_better = False
    unit = ""

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch; NaN where there is no word."""
        space = space_of(getattr(batch.problem, "classes", None))
        predicted = words_of(greedy_path(batch.outputs), space)
        true = words_of(batch.targets.astype(jnp.int32), space)
        weights = batch.weights.max(axis=1)
        distances, words = edit_distances(predicted, true), (true >= 0).sum(axis=1)
        return Mean((distances * weights).sum(dtype=jnp.float32), (words * weights).sum(dtype=jnp.float32))
