"""The train state: all that a run needs to go on, as one immutable pytree."""

import logging
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax

from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")


@flax.struct.dataclass
class TrainState:
    """All that changes from step to step.

    Attributes:
      step: scalar int32, training steps taken.
      params: the model's parameters.
      model_state: its other collections, such as batch statistics; what is in "constants" never changes.
      opt_state: the optimizer's state.
      key: the run's random key; it never changes, steps fold their number into it.
      ema: moving average of the parameters, or None.
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

    def variables(self) -> dict[str, Any]:
        """Returns the variables for evaluation: EMA parameters if present."""
        return {"params": self.params if self.ema is None else self.ema, **self.model_state}


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
      ema: whether a moving average of the parameters is kept.
      params: trained parameters to start from, for fine-tuning, as another state's `params`. Each is taken where the
        model has one of the same path and shape; the others, such as a head of another width, are drawn anew, and
        logged by name.

    Returns:
      The state of step 0.
    """
    variables = model.init(jax.random.fold_in(key, 0), example, train=False)
    own = variables["params"] if params is None else _taken_over(variables["params"], params)
    model_state = {name: value for name, value in variables.items() if name != "params"}
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=own,
        model_state=model_state,
        opt_state=tx.init(own),
        key=key,
        # A copy: the step gives its input state's memory away, and one buffer cannot be given away twice.
        ema=jax.tree.map(jnp.copy, own) if ema else None,
        skipped=jnp.zeros((), jnp.int32),
        skipped_in_row=jnp.zeros((), jnp.int32),
    )


def _taken_over(initial: Any, trained: Any) -> Any:
    """Returns initial parameters with the trained ones in their places; what does not fit is logged by name.

    Raises:
      UserError: nothing fits.
    """
    given = {_name(path): leaf for path, leaf in jax.tree.leaves_with_path(trained)}
    anew: list[str] = []

    def choose(path: tuple[Any, ...], leaf: jax.Array) -> jax.Array:
        found = given.pop(_name(path), None)
        if found is not None and jnp.shape(found) == leaf.shape:
            return jnp.array(found, leaf.dtype)  # a copy: the step gives its memory away
        was = "" if found is None else f", {jnp.shape(found)} there"
        anew.append(f"{_name(path)} {leaf.shape}{was}")
        return leaf

    chosen = jax.tree.map_with_path(choose, initial)
    if len(anew) == len(jax.tree.leaves(initial)):
        raise UserError(
            f"none of the given parameters fits the model ({', '.join(anew[:3])}, ...); give those of the same model"
        )
    if anew:
        logger.info("initialised anew: %s", "; ".join(anew))
    if given:
        logger.info("given, and not in the model: %s", ", ".join(given))
    return chosen


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
