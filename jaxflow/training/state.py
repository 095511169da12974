"""The train state: all that a run needs to go on, as one immutable pytree."""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax

from jaxflow.errors import UserError
from jaxflow.interfaces import CONSTANTS
from jaxflow.optimizers.schedule_free import averaged_params
from jaxflow.training.updates.loss_scale import LossScale, initial_loss_scale

logger = logging.getLogger("jaxflow")
# Share of a model's parameters that given ones must fit, to be of the same network but for its head.
LEAST_FITTING = 0.25
# What the paths of parameters begin with, among all variables.
PARAMS = "params/"


@flax.struct.dataclass
class TrainState:
    """All that changes from step to step.

    Attributes:
      step: scalar int32, training steps taken.
      params: the model's parameters.
      model_state: its other collections, such as batch statistics; what is in "constants" never changes.
      opt_state: the optimizer's state.
      key: the run's random key; it never changes, steps fold their number into it.
      ema: averages of all that changes, parameters and batch statistics, as variables of the model, or None.
      skipped: scalar int32, steps that changed nothing since something was not finite.
      skipped_in_row: scalar int32, how many of these were the last steps.
    """

    step: jax.Array
    params: Any
    model_state: Any
    opt_state: optax.OptState
    key: jax.Array
    ema: Any = None
    skipped: jax.Array | int = 0
    skipped_in_row: jax.Array | int = 0

    # A state that is not scaled has no such leaf: checkpoints of earlier versions fit.
    loss_scale: ClassVar[LossScale | None] = None

    def variables(self) -> dict[str, Any]:
        """Returns the variables for evaluation: averaged ones where an average is kept."""
        params = averaged_params(self.opt_state, self.params)
        return {"params": params, **self.model_state, **(self.ema or {})}


@flax.struct.dataclass
class ScaledTrainState(TrainState):
    """A train state whose loss is scaled, for float16.

    Attributes:
      loss_scale: what the loss is multiplied by before it is differentiated.
    """

    loss_scale: LossScale | None = None  # type: ignore[misc]


def init_state(
    model: nn.Module,
    tx: optax.GradientTransformation,
    key: jax.Array,
    example: jax.Array | Mapping[str, jax.Array],
    ema: bool = False,
    params: Mapping[str, Any] | None = None,
) -> TrainState:
    """Builds the state before the first step.

    Args:
      model: called as model(inputs, train).
      tx: the optimizer.
      key: typed random key; parameters are drawn from it, and the state keeps it.
      example: inputs of a batch, as the model takes them; only shape and dtype matter, unless the model looks at the
        values to initialise itself.
      ema: whether an average of the parameters, and of what else changes, is kept.
      params: trained parameters to start from, for fine-tuning, as another state's `params`. Each is taken where the
        model has one of the same path and shape; the others, such as a head of another width, are drawn anew, and
        logged by name.

    Returns:
      The state of step 0.
    """
    variables = initial_variables(model, key, example)
    if params is not None:
        given = weights_by_path({"params": params})
        check_fit(variables, given)
        variables = take_over(variables, given)
    return first_state(model, variables, tx, key, ema)


def initial_variables(model: nn.Module, key: jax.Array, example: Any) -> dict[str, Any]:
    """Draws a model's variables from a run's key; arguments are those of `init_state`."""
    return dict(model.init(jax.random.fold_in(key, 0), example, train=False))


def first_state(
    model: nn.Module, variables: Mapping[str, Any], tx: optax.GradientTransformation, key: jax.Array, ema: bool
) -> TrainState:
    """Builds the state before the first step around a model's variables; arguments are those of `init_state`."""
    params, loss_scale = variables["params"], initial_loss_scale(model)
    kind, more = (TrainState, {}) if loss_scale is None else (ScaledTrainState, {"loss_scale": loss_scale})
    model_state = {name: value for name, value in variables.items() if name != "params"}
    changing = {name: value for name, value in variables.items() if name != CONSTANTS}
    return kind(
        step=jnp.zeros((), jnp.int32),
        params=params,
        model_state=model_state,
        opt_state=tx.init(params),
        key=key,
        # A copy: the step gives its input state's memory away, and one buffer cannot be given away twice.
        ema=jax.tree.map(jnp.copy, changing) if ema else None,
        skipped=jnp.zeros((), jnp.int32),
        skipped_in_row=jnp.zeros((), jnp.int32),
        **more,
    )


def weights_by_path(variables: Any) -> dict[str, Any]:
    """Returns the leaves of variables by path, such as "params/Dense_0/kernel"."""
    leaves = jax.tree.leaves_with_path(variables)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def take_over(variables: Any, weights: Mapping[str, Any]) -> Any:
    """Returns variables with the weights of the same path and shape in their places."""
    leaves, structure = jax.tree.flatten(variables)
    pairs = zip(weights_by_path(variables), leaves)
    # A copy: the step gives their memory away.
    taken = [jnp.array(weights[name], leaf.dtype) if _fits(weights, name, leaf) else leaf for name, leaf in pairs]
    return jax.tree.unflatten(structure, taken)


def check_fit(variables: Any, weights: Mapping[str, Any]) -> None:
    """Logs by name which of a model's variables are drawn anew, and which weights it has no place for.

    Args:
      variables: the model's, which may be abstract; of other collections than the parameters all may be missing.
      weights: by path.

    Raises:
      UserError: no parameter fits, or so few that they are of another network.
    """
    own = {name: leaf for name, leaf in weights_by_path(variables).items() if name.startswith(PARAMS)}
    anew = [
        f"{name.removeprefix(PARAMS)} {leaf.shape}" + (f", {jnp.shape(weights[name])} there" if name in weights else "")
        for name, leaf in own.items()
        if not _fits(weights, name, leaf)
    ]
    fitting = len(own) - len(anew)
    if fitting < max(1, LEAST_FITTING * len(own)):
        which = f"only {fitting} of {len(own)}" if fitting else "none"
        raise UserError(
            f"{which} of the given parameters fits the model ({', '.join(anew[:3])}, ...); give those of the same model"
        )
    if anew:
        logger.info("initialised anew: %s", "; ".join(anew))
    unknown = [name.removeprefix(PARAMS) for name in weights if name not in weights_by_path(variables)]
    if unknown:
        logger.info("given, and not in the model: %s", ", ".join(unknown))


def _fits(weights: Mapping[str, Any], name: str, leaf: Any) -> bool:
    return name in weights and jnp.shape(weights[name]) == leaf.shape
