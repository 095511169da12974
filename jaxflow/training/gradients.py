"""The first half of a train step: gradients and metrics of a batch, summed over microbatches and devices."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.errors import UserError
from jaxflow.interfaces import CONSTANTS, Problem
from jaxflow.models.layers.rows import STREAM, keys_by_row, rows_from
from jaxflow.schema import Batch
from jaxflow.training.state import TrainState

Metrics = Mapping[str, Any]


@flax.struct.dataclass
class StepGradients:
    """Unnormalised gradients, batch statistics and metrics, summed over microbatches and devices.

    Attributes:
      gradient_sum: gradient of the weighted sum of losses, times the loss's scale, like the parameters.
      model_state: new values of the collections that change, each times its microbatch's weight; of whole numbers, such
        as counts, how much they grow, since float32 has not all of them.
      metrics: of the examples.
      weight_sum: scalar float32, sum of the weights of the losses.
    """

    gradient_sum: Any
    model_state: Any
    metrics: Metrics
    weight_sum: jax.Array


GradientStep = Callable[[TrainState, Batch], StepGradients]


def make_gradient_step(
    model: nn.Module,
    problem: Problem,
    *,
    augment_raw: Callable[[jax.Array, Batch], Batch] = lambda keys, batch: batch,
    transform: Callable[[jax.Array], jax.Array] = lambda inputs: inputs,
    augment: Callable[[jax.Array, Batch], Batch] = lambda keys, batch: batch,
    microbatch: int | None = None,
    axis_name: str | None = None,
    frozen: Callable[[Any], Any] | None = None,
) -> Callable[[TrainState, Batch], StepGradients]:
    """Builds the first half of a train step: gradients and metrics of a batch, summed over microbatches and devices.

    The loss is the weighted mean over the global batch: gradients of weighted sums are added up and divided once, so it
    is right where weights differ. Random keys go by row of the global batch, so that what is drawn for a row does not
    depend on microbatches and devices; the streams of Flax's own layers ("dropout") go by microbatch. Each microbatch
    has its own batch statistics, and new ones are the microbatches' weighted mean.

    Args:
      model: Linen module called as model(inputs, train).
      problem: its losses and metrics.
      augment_raw: random change of a batch as it comes, given (batch,) keys, one for each row.
      transform: preprocessing of the inputs.
      augment: likewise, of a transformed batch.
      microbatch: rows whose gradients are computed at once; None for all rows of a device.
      axis_name: name of the device axis that the step is mapped over, None on one device.
      frozen: params -> booleans like them, True for those whose gradient is not computed; None for none.

    Returns:
      (state, batch) -> StepGradients, the same on all devices.
    """

    def microbatch_gradients(state: TrainState, number: jax.Array, batch: Batch) -> StepGradients:
        rows = batch["targets"].shape[0]
        augment_key, dropout_key = jax.random.split(jax.random.fold_in(state.key, state.step))
        keys = keys_by_row(augment_key, number * rows, rows)
        batch = augment_raw(keys, batch)
        batch = augment(keys, batch | {"inputs": transform(batch["inputs"])})
        _check_rows(batch, rows)
        rngs = {STREAM: dropout_key, "dropout": jax.random.fold_in(dropout_key, number)}
        with rows_from(number * rows):
            return _differentiate(model, problem, state, rngs, batch, frozen)

    def gradient_step(state: TrainState, batch: Batch) -> StepGradients:
        rows = batch["targets"].shape[0]
        count = rows // (microbatch or rows)
        first = lax.axis_index(axis_name) * count if axis_name else jnp.int32(0)

        def one(number: jax.Array, part: Batch) -> StepGradients:
            return microbatch_gradients(state, first + number, part)

        sums = one(jnp.int32(0), batch) if count == 1 else _sum_over_microbatches(one, batch, count)
        return lax.psum(sums, axis_name) if axis_name else sums

    return gradient_step


def _differentiate(
    model: nn.Module,
    problem: Problem,
    state: TrainState,
    rngs: dict[str, jax.Array],
    batch: Batch,
    frozen: Callable[[Any], Any] | None,
) -> StepGradients:
    """Returns gradients and metrics of one microbatch, whose inputs are as the model takes them."""
    weights = loss_weights(batch)

    def weighted_loss(params: Any) -> tuple[jax.Array, Any]:
        if frozen is not None:
            params = jax.tree.map(lambda leaf, off: lax.stop_gradient(leaf) if off else leaf, params, frozen(params))
        outputs, model_state = model.apply(
            {"params": params, **state.model_state},
            batch["inputs"],
            train=True,
            rngs=rngs,
            mutable=[name for name in state.model_state if name != CONSTANTS],
        )
        losses = _mixed_losses(problem, outputs, batch)
        total = (losses * weights).sum()
        return total if state.loss_scale is None else total * state.loss_scale.scale, (outputs, losses, model_state)

    gradient, (outputs, losses, model_state) = jax.grad(weighted_loss, has_aux=True)(state.params)
    weight = weights.sum()
    old = {name: state.model_state[name] for name in model_state}
    scaled = jax.tree.map(
        lambda new, old: (new - old if jnp.issubdtype(new.dtype, jnp.integer) else new) * weight, model_state, old
    )
    metrics = problem.running_metrics(outputs, batch["targets"], losses, weights)
    return StepGradients(gradient, scaled, metrics, weight)


def _sum_over_microbatches(one: Callable[[jax.Array, Batch], StepGradients], batch: Batch, count: int) -> StepGradients:
    """Adds up `one` over the microbatches of a batch, one after the other."""
    # (batch, ...) -> (microbatch, row, ...)
    parts = jax.tree.map(lambda leaf: leaf.reshape(count, -1, *leaf.shape[1:]), batch)
    first = jax.tree.map(lambda leaf: leaf[0], parts)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(one, jnp.int32(0), first))
    sums, _ = lax.scan(
        lambda total, given: (jax.tree.map(jnp.add, total, one(*given)), None), zeros, (jnp.arange(count), parts)
    )
    return sums


def _check_rows(batch: Batch, rows: int) -> None:
    """Raises UserError, while a step is traced, if a batch has lost or gained rows: one would stand for all."""
    for name, leaf in jax.tree_util.tree_leaves_with_path({name: batch[name] for name in ("inputs", "targets")}):
        if leaf.shape[:1] != (rows,):
            raise UserError(
                f"augment or preprocess makes {jax.tree_util.keystr(name)} of shape {leaf.shape} of a batch of {rows} "
                "rows; each row must stay one"
            )


def loss_weights(batch: Batch) -> jax.Array:
    """Returns the weight of each loss of a batch.

    Args:
      batch: "targets" and, where some rows are padding, "weights".

    Returns:
      (batch,) float32, or for dense or several targets (batch, *loss_shape), 0 where they are ignored.
    """
    targets = batch["targets"]
    weights = batch.get("weights", jnp.ones(targets.shape[0], jnp.float32))
    if targets.ndim == 1 or not jnp.issubdtype(targets.dtype, jnp.integer):
        return weights
    return weights.reshape(-1, *(1,) * (targets.ndim - 1)) * (targets >= 0)


def _mixed_losses(problem: Problem, outputs: jax.Array, batch: Batch) -> jax.Array:
    """Returns the losses of a batch; where Mixup or CutMix joined examples, those of both targets, weighted."""
    losses = problem.losses(outputs, batch["targets"])
    if "mix_weight" not in batch:
        return losses
    return batch["mix_weight"] * losses + (1 - batch["mix_weight"]) * problem.losses(outputs, batch["mixed_targets"])
