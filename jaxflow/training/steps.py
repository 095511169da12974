"""The steps: pure functions of a state and a batch, reusable without an experiment or a run folder.

A batch is a dict, batch axis first: "inputs", "targets", and where some rows are padding "weights", 0 for these. A
feed adds "index" and "epoch", which augmentations may look at. Where each place of an example has a target of its own,
places below 0 are void and count nowhere.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxflow.models.layers import CONSTANTS
from jaxflow.training.state import TrainState
from jaxflow.training.views import as_it_is

Batch = dict[str, Any]
Metrics = dict[str, Any]


@flax.struct.dataclass
class Sums:
    """What tiles and devices add up to make a step: sums over examples, nothing divided yet.

    Attributes:
      gradient: of the weighted sum of losses, like the parameters.
      model_state: new values of the collections that change, each times its tile's weight.
      metrics: of the examples.
      weight: scalar float32, sum of the weights of the examples, or of their places.
    """

    gradient: Any
    model_state: Any
    metrics: Metrics
    weight: jax.Array


def make_train_step(
    model: nn.Module,
    problem: Any,
    tx: optax.GradientTransformation,
    *,
    augment_raw: Callable[[jax.Array, Batch], Batch] = lambda key, batch: batch,
    transform: Callable[[jax.Array], jax.Array] = lambda inputs: inputs,
    augment: Callable[[jax.Array, Batch], Batch] = lambda key, batch: batch,
    microbatch: int | None = None,
    ema: float | None = None,
    axis: str | None = None,
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """Makes the function that takes one training step: `make_sums`, then `make_update`.

    Args:
      model: Linen module called as model(inputs, train).
      problem: gives losses and metrics, for example Classification().
      tx: the optimizer.
      augment_raw: random change of a batch as it comes.
      transform: preprocessing of the inputs.
      augment: random change of a transformed batch.
      microbatch: rows of a tile; None makes the device's whole share one tile.
      ema: decay of the parameters' moving average; None where the state has none.
      axis: name of the device axis that the step is mapped over, None on one device.

    Returns:
      step(state, batch) -> (state, metrics), pure and ready for jit, pmap, shard_map or scan.
    """
    sums_of = make_sums(
        model,
        problem,
        augment_raw=augment_raw,
        transform=transform,
        augment=augment,
        microbatch=microbatch,
        axis=axis,
    )
    update = make_update(tx, ema=ema)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        sums = sums_of(state, batch)
        return update(state, sums), sums.metrics

    return step


def make_sums(
    model: nn.Module,
    problem: Any,
    *,
    augment_raw: Callable[[jax.Array, Batch], Batch] = lambda key, batch: batch,
    transform: Callable[[jax.Array], jax.Array] = lambda inputs: inputs,
    augment: Callable[[jax.Array, Batch], Batch] = lambda key, batch: batch,
    microbatch: int | None = None,
    axis: str | None = None,
) -> Callable[[TrainState, Batch], Sums]:
    """Makes the first half of a training step: gradients and metrics of a batch, summed over tiles and devices.

    The loss is the weighted mean over the global batch: gradients of weighted sums are added up and divided once, so it
    stays right where weights differ. Each tile has its own random key and its own batch statistics, and new statistics
    are the tiles' weighted mean, so the numbers do not depend on how tiles spread over devices.

    Args:
      model: Linen module called as model(inputs, train).
      problem: gives losses and metrics.
      augment_raw: random change of a batch as it comes.
      transform: preprocessing of the inputs.
      augment: random change of a transformed batch.
      microbatch: rows of a tile; None makes the device's whole share one tile.
      axis: name of the device axis that the step is mapped over, None on one device.

    Returns:
      (state, batch) -> sums, the same on all devices.
    """

    def tile_sums(state: TrainState, key: jax.Array, batch: Batch) -> Sums:
        augment_key, dropout_key = jax.random.split(key)
        batch = augment_raw(augment_key, batch)
        batch = augment(augment_key, batch | {"inputs": transform(batch["inputs"])})
        weights = weights_of(batch)

        def weighted_loss(params: Any) -> tuple[jax.Array, Any]:
            outputs, model_state = model.apply(
                {"params": params, **state.model_state},
                batch["inputs"],
                train=True,
                rngs={"dropout": dropout_key},
                mutable=[name for name in state.model_state if name != CONSTANTS],
            )
            losses = _mixed_losses(problem, outputs, batch)
            return (losses * weights).sum(), (outputs, losses, model_state)

        gradient, (outputs, losses, model_state) = jax.grad(weighted_loss, has_aux=True)(state.params)
        weight = weights.sum()
        scaled = jax.tree.map(lambda leaf: leaf * weight, model_state)
        return Sums(gradient, scaled, problem.metrics(outputs, batch["targets"], losses, weights), weight)

    def sums_of(state: TrainState, batch: Batch) -> Sums:
        rows = batch["targets"].shape[0]
        tiles = rows // (microbatch or rows)
        first = lax.axis_index(axis) * tiles if axis else 0
        key = jax.random.fold_in(state.key, state.step)

        def one(tile: jax.Array, part: Batch) -> Sums:
            return tile_sums(state, jax.random.fold_in(key, first + tile), part)

        if tiles == 1:
            sums = one(jnp.int32(0), batch)
        else:
            # (batch, ...) -> (tile, row, ...)
            parts = jax.tree.map(lambda leaf: leaf.reshape(tiles, rows // tiles, *leaf.shape[1:]), batch)
            zeros = jax.tree.map(
                lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
                jax.eval_shape(one, jnp.int32(0), jax.tree.map(lambda leaf: leaf[0], parts)),
            )
            sums, _ = lax.scan(
                lambda total, tile: (jax.tree.map(jnp.add, total, one(*tile)), None),
                zeros,
                (jnp.arange(tiles), parts),
            )
        return lax.psum(sums, axis) if axis else sums

    return sums_of


def make_update(
    tx: optax.GradientTransformation, *, ema: float | None = None
) -> Callable[[TrainState, Sums], TrainState]:
    """Makes the second half of a training step: the optimizer's.

    A step whose gradient or new state is not finite changes nothing but `step` and the counts of skipped steps, so that
    the batch is not met again and the state stays finite.

    Args:
      tx: the optimizer.
      ema: decay of the parameters' moving average; None where the state has none.

    Returns:
      (state, sums) -> state of the next step.
    """

    def update(state: TrainState, sums: Sums) -> TrainState:
        gradient = jax.tree.map(lambda leaf: leaf / sums.weight, sums.gradient)
        updates, opt_state = tx.update(gradient, state.opt_state, state.params)
        new: dict[str, Any] = {"params": optax.apply_updates(state.params, updates), "opt_state": opt_state}
        new["model_state"] = state.model_state | {
            name: jax.tree.map(lambda new, old: (new / sums.weight).astype(old.dtype), values, state.model_state[name])
            for name, values in sums.model_state.items()
        }
        if ema is not None:
            new["ema"] = jax.tree.map(lambda old, new: old + (1 - ema) * (new - old), state.ema, new["params"])
        finite = _is_finite((gradient, new))
        kept = {
            name: jax.tree.map(partial(lax.select, finite), leaves, getattr(state, name))
            for name, leaves in new.items()
        }
        skipped = (~finite).astype(jnp.int32)
        return state.replace(
            step=state.step + 1,
            skipped=state.skipped + skipped,
            skipped_in_row=(state.skipped_in_row + 1) * skipped,
            **kept,
        )

    return update


def _is_finite(tree: Any) -> jax.Array:
    """Whether no number of a tree is NaN or infinite: times zero, it would be NaN.

    Leaves of one shape (a kernel, its gradient, its moments) are added up before they are summed: one pass over memory.
    """
    zeros: dict[tuple[int, ...], jax.Array] = {}
    for leaf in jax.tree.leaves(tree):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            zeros[leaf.shape] = zeros.get(leaf.shape, 0.0) + (leaf * 0).astype(jnp.float32)
    return jnp.isfinite(sum(leaf.sum() for leaf in zeros.values()))


def weights_of(batch: Batch) -> jax.Array:
    """Says how much each loss of a batch counts.

    Args:
      batch: "targets" and, where some rows are padding, "weights".

    Returns:
      (batch,) float32, or where each place has a class of its own (batch, *places), 0 at void ones.
    """
    targets = batch["targets"]
    weights = batch.get("weights", jnp.ones(targets.shape[0], jnp.float32))
    if targets.ndim == 1 or not jnp.issubdtype(targets.dtype, jnp.integer):
        return weights
    return weights.reshape(-1, *(1,) * (targets.ndim - 1)) * (targets >= 0)


def _mixed_losses(problem: Any, outputs: jax.Array, batch: Batch) -> jax.Array:
    """Computes the losses of a batch whose inputs may be mixed with those of other examples ("other", "share")."""
    losses = problem.losses(outputs, batch["targets"])
    if "share" not in batch:
        return losses
    return batch["share"] * losses + (1 - batch["share"]) * problem.losses(outputs, batch["other"])


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
        metrics = problem.metrics(outputs, batch["targets"], losses, weights_of(batch))
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
