"""Where a transformer's attention goes in one example, and what a model of two numbers answers over the plane."""

from typing import Any

import jax
import numpy as np

from jaxflow.data.profiling.features import feature_names
from jaxflow.data.spread import evenly_spaced
from jaxflow.data.tables.encode import TableEncoding
from jaxflow.data.tables.encoders import NumberEncoder
from jaxflow.evaluation.explanations.attention import attention_maps
from jaxflow.evaluation.explanations.plane import Grid, grid_around, hidden_activations
from jaxflow.evaluation.explanations.runs.subject import Subject
from jaxflow.evaluation.explanations.runs.values import Attention, Plane
from jaxflow.models.mlp import MLP
from jaxflow.models.vit import ViT
from jaxflow.reports.figures.plot import spread_evenly

# Layers and heads that are kept; positions of those that are no patches of an image.
MAX_LAYERS, MAX_HEADS, MAX_POSITIONS = 4, 4, 48
# Points of the test split that are drawn, points of a side of the grid, hidden units of a layer, and layers.
MAX_POINTS, GRID, MAX_UNITS, MAX_HIDDEN = 400, 80, 8, 3


def attention_of(subject: Subject, index: int) -> Attention | None:
    """Returns the attention weights of an example of the test split; None where the model has none."""
    inputs = subject.prepared(subject.test.rows(np.array([index]))["inputs"])

    def compute(variables: Any, inputs: jax.Array) -> dict[str, jax.Array]:
        return attention_maps(subject.model, variables, inputs)

    found = jax.eval_shape(compute, subject.variables, inputs)
    if not found:
        return None
    maps = list(jax.device_get(jax.jit(compute)(subject.variables, inputs)).values())
    layers, heads = spread_evenly(len(maps), MAX_LAYERS), spread_evenly(maps[0].shape[1], MAX_HEADS)
    weights = np.stack([maps[layer][0][heads] for layer in layers])  # (layer, head, query, key)
    numbers = tuple(int(i) + 1 for i in layers), tuple(int(i) + 1 for i in heads)
    if isinstance(subject.model, ViT):
        getting, grid = _by_patch(subject.model, weights, inputs.shape)
        return Attention(index, *numbers, weights.shape[-1], grid, getting)
    present = weights.shape[-1]
    if subject.dataset.schema.inputs.kind == "tokens" and weights.shape[-1] == inputs.shape[1]:
        present = int(np.flatnonzero(inputs[0])[-1:].max(initial=0)) + 1
    kept = weights[..., : min(present, MAX_POSITIONS), : min(present, MAX_POSITIONS)]
    return Attention(index, *numbers, present, kept.astype(np.float32))


def plane_of(subject: Subject) -> Plane:
    """Returns what a model of two numbers answers over the plane, and what some of its hidden units do."""
    test = subject.test
    part = test.rows(evenly_spaced(len(test), MAX_POINTS))
    grid, scale = grid_around(part["inputs"], GRID), _units(subject)
    outputs = grid.map(subject.outputs)
    distribution = np.asarray(subject.problem.distribution(outputs.reshape(-1, outputs.shape[-1])))
    answers = np.asarray(subject.problem.answer(distribution))
    if subject.dataset.schema.target.kind == "class":
        strength = np.take_along_axis(distribution, answers[:, None], 1)[:, 0].reshape(outputs.shape[:2])
        targets = part["targets"]
    else:
        values = subject.values(outputs.reshape(-1, outputs.shape[-1]), np.arange(1))
        answers, strength, targets = values[:, 0], np.zeros((0, 0)), part["targets"][:, 0]
    names = feature_names(subject.dataset)
    hidden, layers, widths = _hidden(subject, grid)
    return Plane(
        (names[0], names[1]),
        grid.across * scale[0][1] + scale[0][0],
        grid.up * scale[1][1] + scale[1][0],
        answers.reshape(outputs.shape[:2]),
        strength,
        part["inputs"] * scale[:, 1][None] + scale[:, 0][None],
        targets,
        hidden,
        layers,
        widths,
    )


def _by_patch(model: ViT, weights: np.ndarray, shape: tuple[int, ...]) -> tuple[str, np.ndarray]:
    """Returns whose attention the patches of an image get, and how much, (layers, heads, row, column)."""
    by_class = model.pool == "class"
    got = weights[:, :, 0, 1:] if by_class else weights.mean(2)
    rows, columns = shape[1] // model.patch, shape[2] // model.patch
    return "the class token" if by_class else "all patches", got.reshape(*got.shape[:2], rows, columns)


def _units(subject: Subject) -> np.ndarray:
    """Returns what the two inputs are in the file's units, (2, 2): shift and width of each; 0 and 1 where not known."""
    encoding = subject.dataset.input_encoding
    if not isinstance(encoding, TableEncoding):
        return np.array([[0.0, 1.0]] * 2)
    plain = [each for each in encoding.columns if isinstance(each, NumberEncoder) and each.transform == "none"]
    if len(plain) < 2 or len(encoding.columns) > 2:
        return np.array([[0.0, 1.0]] * 2)
    return np.array([[each.shift, each.width] for each in plain])


def _hidden(subject: Subject, grid: Grid) -> tuple[np.ndarray, tuple[int, ...], tuple[int, ...]]:
    """Returns what some hidden units answer, (rows, columns, units), the layer of each, and the layers' widths."""
    model = subject.model
    if not isinstance(model, MLP) or not model.hidden:
        return np.zeros((0, 0, 0), np.float32), (), ()
    coarse = Grid(grid.across[::2], grid.up[::2])

    def compute(variables: Any, points: jax.Array) -> Any:
        return hidden_activations(model, variables, subject.transform(points))

    layers = jax.device_get(jax.jit(compute)(subject.variables, coarse.points))
    shown, of = [], []
    for layer in spread_evenly(len(layers), MAX_HIDDEN):
        most = np.sort(np.argsort(-layers[layer].std(0), kind="stable")[:MAX_UNITS])  # those that vary most
        shown.append(layers[layer][:, most])
        of += [int(layer) + 1] * len(most)
    units = np.concatenate(shown, 1).reshape(len(coarse.up), len(coarse.across), -1)
    return units.astype(np.float32), tuple(of), tuple(model.hidden)
