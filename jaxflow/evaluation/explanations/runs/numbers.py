"""Which number is explained: one of each example, by what is predicted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.problems.autoencoding import Autoencoding
from jaxflow.problems.names import outputs_of_columns
from jaxflow.problems.sequences.tagging import Tagging
from jaxflow.schema import Schema

LEAD = "how far the answered class leads all others together, its log odds"


@dataclass(frozen=True)
class Explained:
    """The number that is explained of each example.

    Attributes:
      title: what it is, in words.
      choose: (batch, ...) raw outputs -> what is answered, integers, the batch axis first.
      number: (outputs, choices) -> (batch,) the number, which can be differentiated.
    """

    title: str
    choose: Callable[[jax.Array], jax.Array]
    number: Callable[[jax.Array, jax.Array], jax.Array]


def explained_number(problem: Any, schema: Schema, targets: np.ndarray) -> Explained | None:
    """Returns which number is explained; None where there is none that would stand for an answer.

    Args:
      problem: what is solved.
      schema: what the data holds.
      targets: (examples, ...) of the examples that are explained, by which a position of theirs is chosen.
    """
    target = schema.target
    if isinstance(problem, Autoencoding):
        return Explained(
            "how badly it is reconstructed, its loss", _no_choice, lambda outputs, _: problem.losses(outputs, outputs)
        )
    if target.kind == "number":
        return _value(problem, schema)
    if target.kind == "labels":
        title = "the output of the label that is likeliest"
        return Explained(title, lambda outputs: outputs.argmax(-1), _taken)
    if target.kind == "class" and not target.dense_shape:
        return _class(problem, len(target.names))
    if target.kind == "class" and schema.inputs.kind == "tokens":
        return _token(problem, targets)
    if target.kind == "class" and schema.inputs.kind in ("image", "volume"):
        title = "how far the answered class of each pixel leads all others together, the mean log odds"
        return Explained(title, lambda outputs: outputs.argmax(-1), _mean_lead)
    return None


def lead(outputs: jax.Array, choices: jax.Array) -> jax.Array:
    """Returns a class's output less the log of the summed exponentials of all others: the log odds of a softmax.

    Unlike its probability it does not flatten out where the model is sure.

    Args:
      outputs: (..., classes).
      choices: (...) class indices.
    """
    own = jax.nn.one_hot(choices, outputs.shape[-1], dtype=bool)
    return _taken(outputs, choices) - jax.nn.logsumexp(outputs, axis=-1, b=1.0 - own.astype(outputs.dtype))


def _taken(outputs: jax.Array, choices: jax.Array) -> jax.Array:
    return jnp.take_along_axis(outputs, choices[..., None], axis=-1)[..., 0]


def _no_choice(outputs: jax.Array) -> jax.Array:
    return jnp.zeros(len(outputs), jnp.int32)


def _value(problem: Any, schema: Schema) -> Explained:
    columns, names = outputs_of_columns(getattr(problem, "columns", None)), schema.target.names
    some = np.array(next(iter(columns.values())) if columns else range(len(names)))
    name = next(iter(columns), f"/{names[0]}").removeprefix("/")

    def number(outputs: jax.Array, _: jax.Array) -> jax.Array:
        return problem.answer(problem.distribution(outputs))[:, some].mean(1)

    several = len(some) > 1
    title = "the mean of the predicted values" if several else f"the predicted {name}, in its own units"
    return Explained(title, _no_choice, number)


def _class(problem: Any, classes: int) -> Explained:
    def choose(outputs: jax.Array) -> jax.Array:
        return problem.answer(problem.distribution(outputs)).astype(jnp.int32)

    def probability(outputs: jax.Array, choices: jax.Array) -> jax.Array:
        return jnp.log(_taken(problem.distribution(outputs), choices))

    def two_sided(outputs: jax.Array, choices: jax.Array) -> jax.Array:
        return outputs[:, 0] * (2.0 * choices - 1.0)  # a logit: that of "no" is its negative

    def number(outputs: jax.Array, choices: jax.Array) -> jax.Array:
        if outputs.shape[-1] == classes:
            return lead(outputs, choices)
        return (two_sided if outputs.shape[-1] == 1 else probability)(outputs, choices)

    return Explained(LEAD, choose, number)


def _token(problem: Any, targets: np.ndarray) -> Explained:
    """Returns the answer at one position: the last known one, or of tags the one whose true tag is least likely."""
    known = jnp.asarray(targets >= 0)
    last = known.shape[1] - 1 - known[:, ::-1].argmax(1)

    def choose(outputs: jax.Array) -> jax.Array:
        place = last
        if isinstance(problem, Tagging):
            likely = _taken(jax.nn.log_softmax(outputs), jnp.maximum(jnp.asarray(targets, jnp.int32), 0))
            place = jnp.where(known, likely, jnp.inf).argmin(1)
        return jnp.stack([place, jnp.take_along_axis(outputs.argmax(-1), place[:, None], 1)[:, 0]], 1)

    def number(outputs: jax.Array, choices: jax.Array) -> jax.Array:
        at = jnp.take_along_axis(outputs, choices[:, :1, None], 1)[:, 0]  # (batch, class)
        return lead(at, choices[:, 1])

    where = "the token whose true tag is least likely" if isinstance(problem, Tagging) else "the last token"
    return Explained(f"{LEAD}, at {where}", choose, number)


def _mean_lead(outputs: jax.Array, choices: jax.Array) -> jax.Array:
    return lead(outputs, choices).reshape(len(outputs), -1).mean(1)
