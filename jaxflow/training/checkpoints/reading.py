"""A folder of checkpoints, and what is read from one of them as it lies there."""

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax

from jaxflow.errors import DamagedError, UserError
from jaxflow.file_io import error_number
from jaxflow.legacy import modernize_meta
from jaxflow.runtime.distributed import on_main
from jaxflow.runtime.regular_files import open_regular, require_regular
from jaxflow.serialization import json_digest
from jaxflow.training.checkpoints.checkpointer import Checkpointer, saved_steps
from jaxflow.training.checkpoints.meta_forms import wrong_entry

# Errors of reading that say nothing of the checkpoint: it is not moved aside for them.
NOT_DAMAGE = frozenset(
    (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ENOSPC)
)


# Bytes of what lies beside a state, at most.
MAX_META_BYTES = 1 << 28


@dataclass(frozen=True)
class Checkpoints:
    """A folder of checkpoints.

    Attributes:
      folder: where they lie; made by the first that is written.
      selection_metric: the metric whose best value marks the best, which is retained beside the latest.
      higher_is_better: whether its best value is the highest.
      keep: how many of the latest are retained.
      read_only: changes nothing in the folder.
      checkpointer: reads and writes them.
      scores: the selection_metric of each step that is known to have one.
    """

    folder: Path
    selection_metric: str
    higher_is_better: bool
    keep: int
    read_only: bool
    checkpointer: Checkpointer
    scores: dict[int, float] = field(default_factory=dict)

    @property
    def quarantine(self) -> Path:
        """Folder that damaged checkpoints are moved to."""
        return self.folder.with_name("damaged")

    def any_saved(self) -> bool:
        """Returns whether there is, or was, any checkpoint."""
        return on_main(lambda: bool(saved_steps(self.folder)) or self.quarantine.exists())


def read_meta(checkpoints: Checkpoints, step: int) -> dict[str, Any]:
    """Reads the JSON values that were saved with a step.

    Raises:
      DamagedError: they are not what was written.
    """
    import orbax.checkpoint as ocp

    path = checkpoints.folder / str(step)
    meta = read_item(checkpoints, step, "meta", ocp.args.JsonRestore())
    meta = dict(meta) if isinstance(meta, dict) else {}
    digest = meta.pop("digest", None)
    if digest != json_digest(meta):
        raise DamagedError(f"checkpoint {path} is damaged: its meta does not match its digest")
    wrong = wrong_entry(meta)
    if wrong is not None:  # the digest is no secret
        raise DamagedError(f"checkpoint {path} is damaged: its meta has no {wrong} as jaxflow writes it")
    return modernize_meta(meta)


def read_item(checkpoints: Checkpoints, step: int, item: str, how: Any) -> Any:
    """Reads one item of a checkpoint.

    Args:
      checkpoints: from `open_checkpoints`.
      step: one of its steps.
      item: "state" or "meta".
      how: Orbax's arguments for it.

    Returns:
      The item, not verified yet.

    Raises:
      DamagedError: it cannot be read.
    """
    import orbax.checkpoint as ocp
    from etils import epath

    path = checkpoints.folder / str(step)
    jax.devices()  # that there are none says nothing of the checkpoint
    try:
        _require_files(path)
        # By the handler: the checkpointer itself would wait for all processes, also where only one of them reads.
        handler = checkpoints.checkpointer.start().handler
        return handler.restore(epath.Path(path.resolve()), args=ocp.args.Composite(**{item: how}))[item]
    except MemoryError:
        raise
    except Exception as error:
        number = error_number(error)
        if number in NOT_DAMAGE:
            raise UserError(f"checkpoint {path} cannot be read: {os.strerror(number).lower()}") from error
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise DamagedError(f"checkpoint {path} is damaged ({reason[:160]})") from error


def _require_files(path: Path) -> None:
    """Raises UserError if a checkpoint holds pipes or devices, or a meta that is far larger than any."""
    for at, _, names in os.walk(path):
        for name in names:
            require_regular(Path(at, name))
    open_regular(path / "meta" / "metadata", MAX_META_BYTES).close()
