"""What the pixels, frames, rows or tokens of a few examples add to the number that is explained."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.data.spread import evenly_spaced
from jaxflow.errors import UserError
from jaxflow.evaluation.explanations.embeddings import outputs_of_vectors, token_vectors
from jaxflow.evaluation.explanations.gradients import gradient_times_input, integrated_gradients
from jaxflow.evaluation.explanations.importance import column_effects
from jaxflow.evaluation.explanations.occlusion import occlusion
from jaxflow.evaluation.explanations.runs.columns import features_by_column
from jaxflow.evaluation.explanations.runs.numbers import Explained
from jaxflow.evaluation.explanations.runs.subject import Subject
from jaxflow.evaluation.explanations.runs.told import told
from jaxflow.evaluation.explanations.runs.values import Maps

# Training examples that stand for what inputs usually are.
MAX_BACKGROUND = 64
# Numbers of an example times points of the way from the baseline to it, about.
MAX_WORK, MIN_STEPS, MAX_STEPS = 1 << 20, 4, 16
# Parts that an axis is divided into where inputs are occluded.
PARTS = 8
# Bins of a waveform.
BINS = 128


def input_maps(subject: Subject, explained: Explained, indices: np.ndarray) -> Maps:
    """Returns the attributions of images, volumes, sounds and windows.

    They are integrated gradients; occlusion where the model has no gradient, as where it rounds its inputs.

    Args:
      subject: the model and its data.
      explained: the number that is explained.
      indices: of the examples.
    """
    raw = subject.test.rows(indices)["inputs"]
    inputs, kind = subject.prepared(raw), subject.dataset.schema.inputs.kind
    choices, baseline = _choices(subject, explained, raw), _baseline(subject, kind)
    found, sums = _integrated(subject, explained, inputs, baseline, choices)
    method = "integrated gradients"
    if found is None:
        sides = inputs.shape[1:] if inputs.ndim < 4 else inputs.shape[1:-1]
        patch = [-(-side // PARTS) for side in sides]
        found, sums = _occluded(subject, explained, inputs, choices, patch, baseline), np.full((len(inputs), 2), np.nan)
        method = "occlusion"
    shown = inputs[..., 0] if kind == "audio" and inputs.ndim == 4 else np.zeros((0, 0, 0), np.float32)
    columns = tuple(features_by_column(subject.dataset)) if kind == "series" else ()
    return Maps(
        indices, _flattened(found, kind, subject), told(subject, indices, choices), method, explained.title, sums,
        np.asarray(shown, np.float32), columns,
    )  # fmt: skip


def token_maps(subject: Subject, explained: Explained, indices: np.ndarray) -> Maps:
    """Returns the attributions of tokens: gradient times embedding, or what is lost where a token becomes padding."""
    raw = subject.test.rows(indices)["inputs"]
    tokens, choices = subject.prepared(raw), _choices(subject, explained, raw)
    values = _by_vectors(subject, explained, tokens, choices)
    method = "gradient times embedding"
    if values is None:
        patch = (-(-tokens.shape[1] // 64),)
        values, method = _occluded(subject, explained, tokens, choices, patch, 0.0), "occlusion"
    none, sums = np.zeros((0, 0, 0), np.float32), np.full((len(tokens), 2), np.nan)
    return Maps(indices, values, told(subject, indices, choices), method, explained.title, sums, none)


def row_maps(subject: Subject, explained: Explained, indices: np.ndarray) -> Maps:
    """Returns what each column of a table's rows adds, against the values of some training rows."""
    columns, rows = features_by_column(subject.dataset), subject.test.rows(indices)["inputs"]
    background, choices = _background(subject), _choices(subject, explained, rows)
    number, values = jax.jit(explained.number), []
    for row, choice in zip(rows, choices):

        def outputs_of(moved: np.ndarray, choice: Any = choice) -> np.ndarray:
            return np.asarray(number(subject.outputs(moved), np.repeat(choice[None], len(moved), axis=0)))

        values.append(column_effects(outputs_of, row[None], background, columns)[0])
    none, sums = np.zeros((0, 0, 0), np.float32), np.full((len(rows), 2), np.nan)
    said = told(subject, indices, choices)
    stacked = np.stack(values).astype(np.float32)
    return Maps(indices, stacked, said, "column effects", explained.title, sums, none, tuple(columns))


def _choices(subject: Subject, explained: Explained, raw: np.ndarray) -> np.ndarray:
    return np.asarray(explained.choose(jnp.asarray(subject.outputs(raw))))


def _background(subject: Subject) -> np.ndarray:
    train = subject.dataset.splits["train"]
    return train.rows(evenly_spaced(len(train), MAX_BACKGROUND))["inputs"]


def _baseline(subject: Subject, kind: str) -> np.ndarray:
    """Returns the mean of some training inputs: a colour, a spectrum, a value of each column; of a waveform silence."""
    inputs = subject.prepared(_background(subject)).astype(np.float32)
    if kind == "audio":
        return inputs.mean((0, 1), keepdims=True)[0] if inputs.ndim == 4 else np.zeros(inputs.shape[1:], np.float32)
    return inputs.mean(tuple(range(inputs.ndim - 1)), keepdims=True)[0]


def _integrated(
    subject: Subject, explained: Explained, inputs: np.ndarray, baseline: np.ndarray, choices: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray]:
    """Returns attributions like the inputs and (examples, 2) sums; None where the model has no gradient of them."""
    nothing = np.full((len(inputs), 2), np.nan)
    if not np.issubdtype(inputs.dtype, np.floating):
        return None, nothing
    steps = min(max(MAX_WORK // inputs[0].size, MIN_STEPS), MAX_STEPS)

    @jax.jit
    def compute(variables: Any, inputs: jax.Array, start: jax.Array, choices: jax.Array) -> Any:
        def number(rows: jax.Array) -> jax.Array:
            return explained.number(subject.apply(variables, rows), choices)

        return integrated_gradients(number, inputs, start, steps), number(inputs) - number(start)

    start = np.broadcast_to(baseline, inputs.shape).astype(inputs.dtype)
    found, difference = map(np.asarray, compute(subject.variables, inputs, start, choices))
    if not np.isfinite(found).all() or not found.any():
        return None, nothing
    return found, np.stack([found.reshape(len(found), -1).sum(1), difference], 1)


def _by_vectors(subject: Subject, explained: Explained, tokens: np.ndarray, choices: np.ndarray) -> np.ndarray | None:
    """Returns (examples, time) attributions of tokens; None where there is not one embedding, or no gradient."""
    try:
        vectors = jax.jit(partial(token_vectors, subject.model))(subject.variables, tokens)
    except UserError:
        return None

    @jax.jit
    def compute(variables: Any, tokens: jax.Array, vectors: jax.Array, choices: jax.Array) -> jax.Array:
        def number(some: jax.Array) -> jax.Array:
            return explained.number(outputs_of_vectors(subject.model, variables, tokens, some), choices)

        return gradient_times_input(number, vectors).sum(-1)

    found = np.asarray(compute(subject.variables, tokens, vectors, choices), np.float32)
    return found if np.isfinite(found).all() and found.any() else None


def _occluded(
    subject: Subject, explained: Explained, inputs: np.ndarray, choices: np.ndarray, patch: Sequence[int], fill: Any
) -> np.ndarray:
    @jax.jit
    def number(variables: Any, rows: jax.Array, choice: jax.Array) -> jax.Array:
        several = jnp.broadcast_to(choice[None], (len(rows), *choice.shape))
        return explained.number(subject.apply(variables, rows), several)

    return np.concatenate(
        [
            occlusion(lambda rows, choice=choice: number(subject.variables, rows, choice), row[None], patch, fill)
            for row, choice in zip(inputs, choices)
        ]
    )


def _flattened(found: np.ndarray, kind: str, subject: Subject) -> np.ndarray:
    """Returns attributions as `Maps.values` holds them, float32."""
    if kind == "volume":
        found = found.sum(-1) if found.ndim == 5 else found
        found = found[:, found.shape[1] // 2]
    elif kind in ("image", "audio") and found.ndim == 4:
        found = found.sum(-1)
    elif kind == "audio" and found.ndim == 2:
        ends = np.linspace(0, found.shape[1], min(BINS, found.shape[1]) + 1).astype(int)
        found = np.add.reduceat(found, ends[:-1], axis=1)
    elif kind == "series":
        groups = features_by_column(subject.dataset).values()
        found = np.stack([found[..., places].sum(-1) for places in groups], -1)
    return found.astype(np.float32)
