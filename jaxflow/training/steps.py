"""The steps: pure functions of a state and a batch, reusable without an experiment or a run folder.

A batch is a dict, batch axis first: "inputs", "targets", and where some rows are padding "weights", 0 for these. A
feed adds "index" and "epoch", which augmentations may look at.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxflow.models.layers import CONSTANTS
from jaxflow.training.state import TrainState
from jaxflow.training.views import as_it_is

Batch = dict[str, Any]
Metrics = dict[str, Any]


def make_train_step(
    model: nn.Module,
    problem: Any,
    tx: optax.GradientTransformation,
    *,
    transform: Callable[[jax.Array], jax.Array] = lambda inputs: inputs,
    augment: Callable[[jax.Array, Batch], Batch] = lambda key, batch: batch,
    microbatch: int | None = None,
    ema: float | None = None,
    axis: str | None = None,
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """Makes the function that takes one training step.

    The loss is the weighted mean over the global batch: gradients of weighted sums are added up over tiles and devices
    and divided once, so it stays right where weights differ. Each tile has its own random key and its own batch
    statistics, and new statistics are the tiles' weighted mean, so the numbers do not depend on how tiles spread over
    devices.

    Args:
      model: Linen module called as model(inputs, train).
      problem: gives losses and metrics, for example Classification().
      tx: the optimizer.
      transform: preprocessing of the inputs.
      augment: random change of a transformed batch.
      microbatch: rows of a tile; None makes the device's whole share one tile.
      ema: decay of the parameters' moving average; None where the state has none.
      axis: name of the device axis that the step is mapped over, None on one device.

    Returns:
      step(state, batch) -> (state, metrics), pure and ready for jit, pmap, shard_map or scan.
    """

    def tile_gradient(state: TrainState, key: jax.Array, batch: Batch) -> tuple[Any, Any, Metrics]:
        augment_key, dropout_key = jax.random.split(key)
        batch = augment(augment_key, batch | {"inputs": transform(batch["inputs"])})
        weights = batch["weights"]

        def weighted_loss(params: Any) -> tuple[jax.Array, Any]:
            outputs, model_state = model.apply(
                {"params": params, **state.model_state},
                batch["inputs"],
                train=True,
                rngs={"dropout": dropout_key},
                mutable=[name for name in state.model_state if name != CONSTANTS],
            )
            losses = problem.losses(outputs, batch["targets"])
            return (losses * weights).sum(), (outputs, losses, model_state)

        gradient, (outputs, losses, model_state) = jax.grad(weighted_loss, has_aux=True)(state.params)
        metrics = problem.metrics(outputs, batch["targets"], losses, weights)
        scaled = jax.tree.map(lambda leaf: leaf * weights.sum(), model_state)
        return gradient, scaled, metrics

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        rows = batch["targets"].shape[0]
        batch = {"weights": jnp.ones(rows, jnp.float32)} | batch
        tiles = rows // (microbatch or rows)
        first = lax.axis_index(axis) * tiles if axis else 0
        key = jax.random.fold_in(state.key, state.step)

        def sums_of(tile: jax.Array, part: Batch) -> Any:
            sums = tile_gradient(state, jax.random.fold_in(key, first + tile), part)
            return (*sums, part["weights"].sum())

        if tiles == 1:
            sums = sums_of(jnp.int32(0), batch)
        else:
            # (batch, ...) -> (tile, row, ...)
            parts = jax.tree.map(lambda leaf: leaf.reshape(tiles, rows // tiles, *leaf.shape[1:]), batch)
            zeros = jax.tree.map(
                lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
                jax.eval_shape(sums_of, jnp.int32(0), jax.tree.map(lambda leaf: leaf[0], parts)),
            )
            sums, _ = lax.scan(
                lambda total, tile: (jax.tree.map(jnp.add, total, sums_of(*tile)), None),
                zeros,
                (jnp.arange(tiles), parts),
            )
        if axis:
            sums = lax.psum(sums, axis)
        gradient, model_state, metrics, weight = sums
        gradient = jax.tree.map(lambda leaf: leaf / weight, gradient)
        averaged = {
            name: jax.tree.map(lambda new, old: (new / weight).astype(old.dtype), model_state[name], old)
            for name, old in state.model_state.items()
            if name != CONSTANTS
        }
        updates, opt_state = tx.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        new_ema = state.ema
        if ema is not None:
            new_ema = jax.tree.map(lambda old, new: old + (1 - ema) * (new - old), state.ema, params)
        state = state.replace(
            step=state.step + 1,
            params=params,
            model_state=state.model_state | averaged,
            opt_state=opt_state,
            ema=new_ema,
        )
        return state, metrics

    return step


def make_eval_step(
    model: nn.Module,
    problem: Any,
    *,
    transform: Callable[[jax.Array], jax.Array] = lambda inputs: inputs,
    views: Callable[[jax.Array], Sequence[tuple[float, jax.Array]]] = as_it_is,
    axis: str | None = None,
) -> Callable[[Any, Batch], tuple[Metrics, jax.Array]]:
    """Makes the function that evaluates one batch.

    Args:
      model: Linen module called as model(inputs, train).
      problem: gives losses, metrics and predictions.
      transform: preprocessing of the inputs.
      views: test-time augmentation, as for `make_predict_step`.
      axis: name of the device axis that the step is mapped over, None on one device.

    Returns:
      step(variables, batch) -> (metrics of the global batch, predictions of this device's rows).
    """
    predict = make_predict_step(model, problem, transform=transform, views=views)

    def step(variables: Any, batch: Batch) -> tuple[Metrics, jax.Array]:
        outputs, predictions = predict(variables, batch["inputs"])
        losses = problem.losses(outputs, batch["targets"])
        weights = batch.get("weights", jnp.ones(losses.shape[:1], jnp.float32))
        metrics = problem.metrics(outputs, batch["targets"], losses, weights)
        return (lax.psum(metrics, axis) if axis else metrics), predictions

    return step


def make_predict_step(
    model: nn.Module,
    problem: Any,
    *,
    transform: Callable[[jax.Array], jax.Array] = lambda inputs: inputs,
    views: Callable[[jax.Array], Sequence[tuple[float, jax.Array]]] = as_it_is,
) -> Callable[[Any, jax.Array], tuple[jax.Array, jax.Array]]:
    """Makes the function that predicts one batch.

    Args:
      model: Linen module called as model(inputs, train).
      problem: turns raw outputs into predictions.
      transform: preprocessing of the inputs.
      views: (weight, inputs) pairs from transformed inputs; the raw outputs are the weighted sum over them.

    Returns:
      step(variables, inputs) -> (raw outputs, predictions).
    """

    def step(variables: Any, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        weights, copies = zip(*views(transform(inputs)))
        outputs = model.apply(variables, jnp.concatenate(copies), train=False)  # (view * batch, outputs)
        outputs = sum(weight * part for weight, part in zip(weights, jnp.split(outputs, len(weights))))
        return outputs, problem.predictions(outputs)

    return step
