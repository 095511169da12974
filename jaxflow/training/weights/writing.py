"""Weights of a trained run as a file that other programs read."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.file_io import replacing, storage_error
from jaxflow.training.state import weights_by_path

if TYPE_CHECKING:
    from jaxflow.deployment.run import Run


def save_weights(run: "Run", path: str | Path) -> None:
    """Writes a run's variables as .safetensors, by path, such as "params/Dense_0/kernel".

    Args:
      run: from `load_run`; its variables are averaged where the run does so, and batch statistics are among them.
      path: the file; `init_from` reads it.

    Raises:
      UserError: it cannot be written.
    """
    from safetensors.numpy import save

    path = Path(path)
    # Of transposed arrays, safetensors would write the memory as it lies.
    arrays = {name: np.ascontiguousarray(leaf) for name, leaf in weights_by_path(run.variables).items()}
    with storage_error(path), replacing(path) as fresh:
        fresh.write_bytes(save(arrays))
