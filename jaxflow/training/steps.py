"""The steps: pure functions of a state and a batch, reusable without an experiment or a run folder.

A batch is a dict, batch axis first: "inputs", "targets", and where some rows are padding "weights", 0 for these. The
input pipeline adds "index" and "epoch", which augmentations may look at. Where each position of an example has a
target, targets below 0 are ignored.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxflow.interfaces import Problem
from jaxflow.schema import Batch
from jaxflow.training.gradients import GradientStep, Metrics, StepGradients, loss_weights, make_gradient_step
from jaxflow.training.state import TrainState
from jaxflow.training.updates.averaging import ema_fraction, toward, uniform_fraction
from jaxflow.training.updates.norms import norms_of
from jaxflow.transforms.tta import identity_views


def make_train_step(
    model: nn.Module,
    problem: Problem,
    tx: optax.GradientTransformation,
    *,
    augment_raw: Callable[[jax.Array, Batch], Batch] = lambda keys, batch: batch,
    transform: Callable[[jax.Array], jax.Array] = lambda inputs: inputs,
    augment: Callable[[jax.Array, Batch], Batch] = lambda keys, batch: batch,
    microbatch: int | None = None,
    ema_decay: float | None = None,
    average_from: float | None = None,
    axis_name: str | None = None,
    frozen: Callable[[Any], Any] | None = None,
    norms: bool = False,
    map_gradients: Callable[[GradientStep], GradientStep] = lambda gradient_step: gradient_step,
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """Builds the function that takes one train step: `make_gradient_step`, then `make_update_step`.

    On several devices a step is mapped over their axis, for example
    `jax.pmap(step, axis_name="devices", in_axes=(None, 0), out_axes=(None, None))` with `axis_name="devices"` here;
    `parallelize` does that, takes whole batches, and waits for each step where devices are virtual and starve else.

    Args:
      model: Linen module called as model(inputs, train).
      problem: its losses and metrics, for example Classification().
      tx: the optimizer.
      augment_raw: random change of a batch as it comes, given (batch,) keys, one for each row.
      transform: preprocessing of the inputs.
      augment: likewise, of a transformed batch.
      microbatch: rows whose gradients are computed at once; None for all rows of a device.
      ema_decay: decay of the parameters' moving average; None where the state has none.
      average_from: step from which on they are averaged alike; None where the state has no such average.
      axis_name: name of the device axis that the step is mapped over, None on one device.
      frozen: params -> booleans like them, True for those whose gradient is not computed (`Groups.frozen`).
      norms: whether the metrics hold the norms of gradient, update and parameters, and the fraction of dead units.
      map_gradients: changes the first half, for example to map it alone over the devices; as it is by default.

    Returns:
      step(state, batch) -> (state, metrics), pure and ready for jit, pmap, shard_map or scan.
    """
    gradient_step = make_gradient_step(
        model,
        problem,
        augment_raw=augment_raw,
        transform=transform,
        augment=augment,
        microbatch=microbatch,
        axis_name=axis_name,
        frozen=frozen,
    )
    mapped = map_gradients(gradient_step)
    update_step = make_update_step(tx, ema_decay=ema_decay, average_from=average_from)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        gradients = mapped(state, batch)
        after = update_step(state, gradients)
        more = norms_of(mean_gradient(state, gradients), state.params, after.params, frozen) if norms else {}
        return after, {**gradients.metrics, **more}

    return step


def make_update_step(
    tx: optax.GradientTransformation, *, ema_decay: float | None = None, average_from: float | None = None
) -> Callable[[TrainState, StepGradients], TrainState]:
    """Builds the second half of a train step: the optimizer's.

    A step whose gradient or new state is not finite changes nothing but `step` and the counts of skipped steps, so that
    the batch is not met again and the state remains finite. Where the loss is scaled, its scale is halved first, and a
    step counts among those in a row only when that no longer helps.

    Args:
      tx: the optimizer.
      ema_decay: decay of the parameters' moving average; None where the state has none.
      average_from: step from which on the parameters are averaged; None where the state has no such average.

    Returns:
      (state, gradients) -> state of the next step.
    """

    def update_step(state: TrainState, gradients: StepGradients) -> TrainState:
        gradient = mean_gradient(state, gradients)
        updates, opt_state = tx.update(gradient, state.opt_state, state.params)
        new: dict[str, Any] = {"params": optax.apply_updates(state.params, updates), "opt_state": opt_state}
        new["model_state"] = state.model_state | {
            name: jax.tree.map(partial(_mean_state, gradients.weight_sum), values, state.model_state[name])
            for name, values in gradients.model_state.items()
        }
        if state.ema is not None:
            if average_from is None:
                fraction = ema_fraction(ema_decay, state.step + 1 - state.skipped)
            else:
                fraction = uniform_fraction(average_from, state.step + 1)
            changed = {"params": new["params"], **new["model_state"]}
            new["ema"] = toward(state.ema, {name: changed[name] for name in state.ema}, fraction)
        finite = _is_finite((gradient, new))
        retained = {
            name: jax.tree.map(partial(lax.select, finite), leaves, getattr(state, name))
            for name, leaves in new.items()
        }
        skipped = (~finite).astype(jnp.int32)
        failed = skipped
        if state.loss_scale is not None:
            failed = skipped * (state.loss_scale.scale <= 1)
            retained["loss_scale"] = state.loss_scale.adjusted(finite)
        return replace(
            state,
            step=state.step + 1,
            skipped=state.skipped + skipped,
            skipped_in_row=(state.skipped_in_row + failed) * skipped,
            **retained,
        )

    return update_step


def mean_gradient(state: TrainState, gradients: StepGradients) -> Any:
    """Returns the gradient of the mean loss, like the parameters: without the sum of weights and the loss's scale."""
    scale = gradients.weight_sum if state.loss_scale is None else gradients.weight_sum * state.loss_scale.scale
    return jax.tree.map(lambda leaf: leaf / scale, gradients.gradient_sum)


def _mean_state(weight_sum: jax.Array, weighted: jax.Array, old: jax.Array) -> jax.Array:
    """Returns a leaf of the model's new state from what `StepGradients.model_state` has of it."""
    if jnp.issubdtype(old.dtype, jnp.integer):
        return old + jnp.round(weighted / weight_sum).astype(old.dtype)
    return (weighted / weight_sum).astype(old.dtype)


def _is_finite(tree: Any) -> jax.Array:
    """Returns whether no number of a tree is NaN or infinite: times zero, it would be NaN.

    Leaves of one shape (a kernel, its gradient, its moments) are added up before they are summed: one pass over memory.
    """
    zeros: dict[tuple[int, ...], jax.Array] = {}
    for leaf in jax.tree.leaves(tree):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            zeros[leaf.shape] = zeros.get(leaf.shape, 0.0) + (leaf * 0).astype(jnp.float32)
    return jnp.isfinite(sum(leaf.sum() for leaf in zeros.values()))


def make_eval_step(
    model: nn.Module,
    problem: Problem,
    *,
    transform: Callable[[jax.Array], jax.Array] = lambda inputs: inputs,
    tta: Callable[[jax.Array], Sequence[tuple[float, jax.Array]]] = identity_views,
    axis_name: str | None = None,
) -> Callable[[Any, Batch], tuple[Metrics, dict[str, jax.Array]]]:
    """Builds the function that evaluates one batch.

    Args:
      model: Linen module called as model(inputs, train).
      problem: computes losses, metrics and predictions.
      transform: preprocessing of the inputs.
      tta: test-time augmentation, as for `make_predict_step`.
      axis_name: name of the device axis that the step is mapped over, None on one device.

    Returns:
      step(variables, batch) -> (metrics of the global batch, this device's rows). Rows are (batch, ...) arrays by name:
      "predictions"; "loss" and "weight" of each example, (batch,) float32, whose weighted mean over a split is its
      loss; and where each position of an example has a target, a whole distribution would be too large for the host,
      and the "confidence", the probability of the predicted class, and the "log_likelihood" of the target stand for
      it, (batch, *spatial) float32.
    """
    predict = make_predict_step(model, problem, transform=transform, tta=tta)

    def step(variables: Any, batch: Batch) -> tuple[Metrics, dict[str, jax.Array]]:
        outputs, predictions = predict(variables, batch["inputs"])
        targets, weights = batch["targets"], loss_weights(batch)
        metrics = dict(problem.running_metrics(outputs, targets, problem.losses(outputs, targets), weights))
        # Apart from the metrics: fused with them, rows would change their last digit.
        outputs = lax.optimization_barrier(outputs)
        rows = {"predictions": predictions, **_per_example(problem.losses(outputs, targets), weights)}
        log_likelihoods = getattr(problem, "log_likelihoods", None)
        if log_likelihoods is not None and outputs.ndim > 2:  # an answer for each position
            rows["confidence"] = problem.distribution(outputs).max(axis=-1).astype(jnp.float32)
            rows["log_likelihood"] = log_likelihoods(outputs, targets)
        return (lax.psum(metrics, axis_name) if axis_name else metrics), rows

    return step


def _per_example(losses: jax.Array, weights: jax.Array) -> dict[str, jax.Array]:
    """Returns each example's weighted mean loss and its weight, (batch,) float32; a loss of weight 0 is 0."""
    positions = tuple(range(1, weights.ndim))
    weight = weights.sum(positions)
    # A row of weight 0 is padding and may hold anything, NaN included.
    total = jnp.where(weights > 0, losses * weights, 0.0).sum(positions)
    return {"loss": total / jnp.where(weight > 0, weight, 1.0), "weight": weight}


def make_predict_step(
    model: nn.Module,
    problem: Problem,
    *,
    transform: Callable[[jax.Array], jax.Array] = lambda inputs: inputs,
    tta: Callable[[jax.Array], Sequence[tuple[float, jax.Array]]] = identity_views,
) -> Callable[[Any, jax.Array], tuple[jax.Array, jax.Array]]:
    """Builds the function that predicts one batch.

    Args:
      model: Linen module called as model(inputs, train).
      problem: turns raw outputs into predictions.
      transform: preprocessing of the inputs.
      tta: (weight, inputs) pairs from transformed inputs; the raw outputs are the weighted sum over them.

    Returns:
      step(variables, inputs) -> (raw outputs, predictions: the problem's distribution, or the answer where it has one
      for each position).
    """

    def step(variables: Any, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        weights, copies = zip(*tta(transform(inputs)))
        inputs = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *copies)
        every: Any = model.apply(variables, inputs, train=False)  # (view * batch, outputs)
        outputs: Any = sum(weight * part for weight, part in zip(weights, jnp.split(every, len(weights))))
        return outputs, problem.predictions(outputs)

    return step
