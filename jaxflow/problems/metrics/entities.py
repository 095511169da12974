"""Entities that tags of tokens mark, and how many of them are found."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.errors import UserError, listed
from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.problems.running_metrics import Mean

# A tag of an entity: where in it the token is, and of what type it is. L and U are E and S of other schemes.
PARTS = re.compile("([BIESLU])-(.+)", re.DOTALL)
OUTSIDE = "O"


def check_entity_tags(names: Sequence[str]) -> None:
    """Raises UserError if tags do not mark entities."""
    others = [name for name in names if name != OUTSIDE and not PARTS.fullmatch(name)]
    if others or OUTSIDE not in names:
        has = listed(others, 5) if others else f"no {OUTSIDE}"
        raise UserError(
            f"metric EntityF1 counts entities, of tags such as B-PER, I-PER and O, and the data has {has}; leave it "
            "out of problem.metrics"
        )


@dataclass(frozen=True)
class EntityF1:
    """Harmonic mean of precision and recall of whole entities: one is found if its first and last token and type are.

    Tags are B-TYPE, I-TYPE and O (BIO, IOB1, IOB2), or also E-TYPE and S-TYPE (IOBES, BILOU). An entity begins at B and
    S, and wherever a token continues none: after O, E, S or another type.

    Source: E. Tjong Kim Sang and F. De Meulder, Introduction to the CoNLL-2003 Shared Task, 2003, and its conlleval.
    """

    name = "entity_f1"
    higher_is_better = True
    unit = ""

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch; NaN where there is no entity, true or predicted."""
        names = getattr(batch.problem, "classes", None)
        if names is None:
            raise UserError("metric EntityF1 measures problem Tagging, whose classes have names; leave it out")
        known = (batch.weights > 0) & (batch.targets >= 0)  # (batch, time)
        true, predicted = (_Entities.of(tags, known, names) for tags in (batch.targets, batch.predicted))
        both = true.begins & predicted.begins & (true.types == predicted.types) & (true.ends == predicted.ends)
        weights = batch.weights.max(axis=1, keepdims=True)

        def count(marks: jax.Array) -> jax.Array:
            return (marks * weights).sum(dtype=jnp.float32)

        return Mean(2 * count(both), count(true.begins) + count(predicted.begins))


@dataclass(frozen=True)
class _Entities:
    """The entities of sentences, (batch, time) each.

    Attributes:
      begins: whether one begins at a token.
      ends: of a token in one, the position of its last token.
      types: the type's number at each token.
    """

    begins: jax.Array
    ends: jax.Array
    types: jax.Array

    @classmethod
    def of(cls, tags: jax.Array, known: jax.Array, names: Sequence[str]) -> "_Entities":
        """Finds the entities that tags mark.

        Args:
          tags: (batch, time) indices.
          known: (batch, time) booleans, where tags count; elsewhere they are O.
          names: of the tags.
        """
        found = [PARTS.fullmatch(name) for name in names]
        kinds = sorted({match[2] for match in found if match})
        starts, closes, types = (jnp.array(values) for values in zip(*(_described(match, kinds) for match in found)))
        tags = jnp.where(known, tags.astype(jnp.int32), 0)
        inside = known & (types[tags] >= 0)
        types = jnp.where(inside, types[tags], -1)
        start, close = inside & starts[tags], inside & closes[tags]
        continues = inside[:, :-1] & ~close[:, :-1] & (types[:, 1:] == types[:, :-1]) & ~start[:, 1:]
        continues = jnp.pad(continues, ((0, 0), (1, 0)))  # whether a token is of the entity of the one before
        is_last = inside & ~jnp.pad(continues[:, 1:], ((0, 0), (0, 1)))
        positions = jnp.arange(tags.shape[1], dtype=jnp.int32)[None]
        ends = lax.cummin(jnp.where(is_last, positions, tags.shape[1]), axis=1, reverse=True)
        return cls(inside & ~continues, ends, types)


def _described(match: re.Match[str] | None, kinds: Sequence[str]) -> tuple[bool, bool, int]:
    """Returns whether a tag begins an entity and whether it ends one, and its type's number, -1 of O."""
    return (False, False, -1) if match is None else (match[1] in "BSU", match[1] in "ESLU", kinds.index(match[2]))
