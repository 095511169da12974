"""Weights that a run starts from: a run folder's best checkpoint, or a file. No code of the run is executed."""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.errors import DamagedError, UserError
from jaxflow.file_io import storage_error
from jaxflow.runs.folder import read_description
from jaxflow.runtime.distributed import on_main, run_on_all
from jaxflow.serialization import from_json, json_digest
from jaxflow.training.checkpoints.checkpointer import saved_steps
from jaxflow.training.checkpoints.checksums import checksums
from jaxflow.training.checkpoints.manager import open_checkpoints
from jaxflow.training.checkpoints.reading import Checkpoints, read_item, read_meta
from jaxflow.training.checkpoints.retention import best_step
from jaxflow.training.weights.torch_layouts import from_torch

logger = logging.getLogger("jaxflow")
# Where a train state has a model's variables; those it is evaluated with are the average's, where there is one.
PARAMS, EMA, MODEL_STATE = "params/", "ema/", "model_state/"


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Reads weights by path, such as "params/Dense_0/kernel".

    Args:
      path: a run folder, or a .safetensors file in jaxflow's or torch's names.

    Returns:
      The arrays; of a run folder those of the best checkpoint, averaged where the run does so.

    Raises:
      UserError: there are none, or they are damaged.
    """
    if not _is_folder(path):
        return _read_file(path)
    with _checkpoint(path) as (checkpoints, step, leaves):
        logger.info(f"weights: {path}, step {step}")
        return run_on_all(lambda: _read_leaves(checkpoints, step, leaves))


def digest_of_weights(path: Path) -> str | None:
    """Computes a digest of what `read_weights` reads, 16 hexadecimal digits; None where the path is gone."""

    def of_file() -> str | None:
        with storage_error(path):
            if not path.exists():
                return None
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()[:16]

    if not _is_folder(path):
        return on_main(of_file)
    with _checkpoint(path) as (_, _, leaves):
        return json_digest(leaves)[:16]


def check_unchanged_weights(workdir: Path, saved: str | None, now: str | None) -> None:
    """Raises if the weights that a run began with have changed; where they are gone, nothing can be said."""
    if saved is not None and now is not None and saved != now:
        raise UserError(
            f"the weights of init_from changed since {workdir} began with them (digest {saved} -> {now}); choose "
            "another --workdir, or --overwrite to start again with these; to go on, put back the old ones, or move "
            "these away: a run that is gone on with needs none"
        )


def _is_folder(path: Path) -> bool:
    def is_folder() -> bool:
        with storage_error(path):
            return path.is_dir()

    return on_main(is_folder)


def _read_file(path: Path) -> dict[str, np.ndarray]:
    """Reads a .safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if path.suffix in (".pt", ".pth", ".bin", ".ckpt"):
        raise UserError(
            f"init_from is {path}: a pickle, which may execute anything when it is read; convert it where torch is "
            f"installed: safetensors.torch.save_file(torch.load({path.name!r}, weights_only=True), "
            f"{path.with_suffix('.safetensors').name!r})"
        )
    with storage_error(path):
        if not path.is_file():
            raise UserError(f"init_from is {path}, and nothing is there; name a run folder or a .safetensors file")
        try:
            weights = load_file(path)
        except SafetensorError as error:
            raise UserError(f"init_from is {path}, which is no .safetensors file or is damaged ({error})") from error
        except (KeyError, TypeError) as error:  # NumPy has no such numbers
            raise UserError(f"{path} holds numbers that NumPy has not ({error}); convert them to float32") from error
    return from_torch(weights)


@contextmanager
def _checkpoint(workdir: Path) -> Iterator[tuple[Checkpoints, int, dict[str, list[Any]]]]:
    """Opens a run's checkpoints to read, and yields the best step and what is known of the leaves to read."""
    described = on_main(lambda: read_description(workdir))
    folder = workdir / "checkpoints"
    try:
        problem = from_json(described["problem"])
    except UserError:  # a class of the run's own files, which are not executed
        problem = None
    if problem is None:
        from jaxflow.problems.classes.classification import Classification

        logger.warning(f"the problem of {workdir} is a class of its own: its last checkpoint is taken, not the best")
    with open_checkpoints(folder, problem or Classification(), read_only=True) as checkpoints:
        steps = on_main(lambda: saved_steps(folder))
        if not steps:
            raise UserError(f"init_from is {workdir}, a run without checkpoints; train it first")
        best = None if problem is None else on_main(lambda: best_step(checkpoints))
        step = steps[-1] if best is None else best
        saved = run_on_all(lambda: read_meta(checkpoints, step))["leaves"]
        yield checkpoints, step, _evaluated(saved)


def _evaluated(saved: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Returns the leaves of a train state that its run is evaluated with: averages where there are."""
    variables = _variables(saved)
    chosen = {variables[name]: name for name in saved if name.startswith((PARAMS, MODEL_STATE))}
    chosen |= {variables[name]: name for name in saved if name.startswith(EMA)}
    return {name: saved[name] for name in chosen.values()}


def _variables(leaves: Iterable[str]) -> dict[str, str]:
    """Returns the paths of variables by those of leaves of the train state."""
    # Version 0.1 averaged the parameters alone, and left their collection out.
    collection = "" if any(name.startswith(EMA + PARAMS) for name in leaves) else PARAMS
    averages = {name: collection + name.removeprefix(EMA) for name in leaves if name.startswith(EMA)}
    return {name: averages.get(name, name.removeprefix(MODEL_STATE)) for name in leaves}


def _read_leaves(checkpoints: Checkpoints, step: int, leaves: dict[str, list[Any]]) -> dict[str, np.ndarray]:
    """Reads some leaves of a checkpoint as arrays of the host, and checks each."""
    import jax
    import jax.numpy as jnp
    import orbax.checkpoint as ocp

    wanted: dict[str, Any] = {}
    for name, (dtype, shape, _) in leaves.items():
        *parents, last = name.split("/")
        place = wanted
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = jax.ShapeDtypeStruct(tuple(shape), jnp.dtype(dtype))
    how = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted)
    read = read_item(checkpoints, step, "state", ocp.args.PyTreeRestore(wanted, how, partial_restore=True))
    for name, digest in checksums(jax.tree.map(jnp.asarray, read)).items():
        if digest != leaves[name][2]:
            raise DamagedError(
                f"checkpoint {checkpoints.folder / str(step)} is damaged: {name} does not match its digest"
            )
    variables = _variables(leaves)
    return {
        variables[jax.tree_util.keystr(path, simple=True, separator="/")]: np.asarray(leaf)
        for path, leaf in jax.tree.leaves_with_path(read)
    }
