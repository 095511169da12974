"""environment.json: the versions, platform and devices of a run."""

import importlib.metadata
import os
import platform
import sys
from typing import Any

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "clu", "tensorflow-datasets", "numpy", "jaxflow")


def environment() -> dict[str, Any]:
    """Describes the environment of a run: versions, platform, devices, command."""
    import jax

    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
        "devices": [f"{device.platform}:{device.device_kind}" for device in jax.devices()],
        "processes": jax.process_count(),
        "cpus": os.cpu_count(),
        "command": sys.argv,
    }
