"""Reading states back: every leaf is checked against its digest, and what is damaged is never used."""

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxflow.errors import DamagedError, UserError
from jaxflow.runtime.distributed import on_main, run_on_all
from jaxflow.training.checkpoints.checkpointer import saved_steps
from jaxflow.training.checkpoints.checksums import checksums, leaf_specs
from jaxflow.training.checkpoints.reading import Checkpoints, read_item, read_meta
from jaxflow.training.state import TrainState

logger = logging.getLogger("jaxflow")


def restore(
    checkpoints: Checkpoints, step: int, template: TrainState, check: Callable[[dict[str, Any]], None] | None = None
) -> TrainState:
    """Reads the state of a step, and checks every leaf.

    Args:
      checkpoints: from `open_checkpoints`.
      step: one of its steps.
      template: a state of the same shapes, with the sharding that is wanted; its values do not matter.
      check: raises if the step's meta does not fit, before the state is compared with the template: other data often
        make another model.

    Returns:
      The state.

    Raises:
      DamagedError: what is read is not what was written.
      UserError: the checkpoint is of another model, optimizer or dtype.
    """
    # Each process reads its part; where one cannot, all look for another checkpoint.
    saved, state = run_on_all(lambda: _read(checkpoints, step, template, check))
    for name, digest in checksums(state).items():
        if digest != saved[name][2]:
            raise DamagedError(
                f"checkpoint {checkpoints.folder / str(step)} is damaged: {name} does not match its digest"
            )
    if int(state.step) != step:  # as of a folder that was renamed
        raise DamagedError(
            f"checkpoint {checkpoints.folder / str(step)} is damaged: it holds the state of step {int(state.step)}"
        )
    return _as_wanted(state, template)


def _read(
    checkpoints: Checkpoints, step: int, template: TrainState, check: Callable[[dict[str, Any]], None] | None
) -> tuple[dict[str, Any], TrainState]:
    """Reads a state, not verified yet, and what was written down of its leaves."""
    import orbax.checkpoint as ocp

    meta = read_meta(checkpoints, step)
    if check is not None:
        check(meta)
    saved = meta["leaves"]
    template = _as_saved(template, saved)
    needed = leaf_specs(template)
    for name in [*needed, *saved]:
        before, now = saved.get(name, ["absent", ""])[:2], needed.get(name, ["absent", ""])
        if before != now:
            raise UserError(
                f"checkpoint {checkpoints.folder / str(step)} does not fit: {name} is {before[0]}{before[1]} there and "
                f"{now[0]}{now[1]} in this program; the model, the optimizer or jaxflow changed: choose another "
                "--workdir, or --overwrite to start again"
            )
    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
    return saved, read_item(checkpoints, step, "state", ocp.args.StandardRestore(abstract))


def _as_saved(template: TrainState, saved: dict[str, Any]) -> TrainState:
    """Returns the template of a saved state; version 0.1 averaged the parameters alone."""
    averages = [name for name in saved if name.startswith("ema/")]
    if template.ema is None or not averages or any(name.startswith("ema/params/") for name in averages):
        return template
    return replace(template, ema=template.ema["params"])


def _as_wanted(state: TrainState, template: TrainState) -> TrainState:
    """Returns a state with all averages that the template has: of what was not averaged, the last values."""
    if template.ema is None or "params" in state.ema:
        return state
    # Copies: the step gives their memory away.
    others = {name: jax.tree.map(jnp.copy, state.model_state[name]) for name in template.ema if name != "params"}
    return replace(state, ema={"params": state.ema, **others})


def restore_newest(
    checkpoints: Checkpoints,
    template: TrainState,
    before: float = math.inf,
    check: Callable[[dict[str, Any]], None] | None = None,
) -> TrainState | None:
    """Reads the newest state that is intact; damaged ones are named, and moved aside unless the folder is only read.

    Args:
      checkpoints: from `open_checkpoints`.
      template: as for `restore`.
      before: steps from here on are left alone.
      check: as for `restore`.

    Returns:
      The state; None where there is none.

    Raises:
      UserError: there is no intact one, but there are or were damaged ones: a run never starts again by itself.
    """
    steps, damaged = on_main(
        lambda: (saved_steps(checkpoints.folder), sorted(path.name for path in checkpoints.quarantine.glob("*")))
    )
    for step in reversed(steps):
        if step >= before:
            continue
        try:
            return _restore_twice(checkpoints, step, template, check)
        except DamagedError as error:
            damaged.append(str(step))
            if checkpoints.read_only:
                logger.warning(f"{error}; looking for an older one")
            else:
                on_main(partial(_quarantine, checkpoints, step))
                logger.warning(f"{error}; it was moved to {checkpoints.quarantine}, and an older one is looked for")
    if damaged and before == math.inf:
        raise UserError(
            f"no checkpoint in {checkpoints.folder} is intact (damaged: {', '.join(sorted(damaged))}); "
            "restore one from a backup, or --overwrite to start again from step 0"
        )
    return None


def _restore_twice(
    checkpoints: Checkpoints, step: int, template: TrainState, check: Callable[[dict[str, Any]], None] | None
) -> TrainState:
    """Reads a state; if it seems damaged, once more: errors of a disk or a network pass, and look the same to Orbax."""
    try:
        return restore(checkpoints, step, template, check)
    except DamagedError:
        return restore(checkpoints, step, template, check)


def _quarantine(checkpoints: Checkpoints, step: int) -> None:
    checkpoints.quarantine.mkdir(exist_ok=True)
    names = (f"{step}{suffix}" for suffix in ("", *(f"-{number}" for number in range(2, 1000))))
    (checkpoints.folder / str(step)).rename(
        next(checkpoints.quarantine / name for name in names if not (checkpoints.quarantine / name).exists())
    )
