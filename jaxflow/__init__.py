"""Deep learning in JAX from data to a trained, tested, resumable model: pure functions, one file per experiment.

The public names are imported when they are first asked for (PEP 562), so `import jaxflow` imports nothing heavy. Each
is a line of `__init__.pyi`, which editors and type checkers read too.
"""

import importlib
import logging
import re
from pathlib import Path
from typing import Any

# Messages reach whoever configures logging; without it, nobody: Python would print warnings on standard error.
logging.getLogger("jaxflow").addHandler(logging.NullHandler())

# Families that grow lie one dot down: jaxflow.losses.Huber, or `from jaxflow.losses import Huber`. Here is where the
# classes of each are; its public names are that module's __all__.
FAMILIES = {
    "layers": "jaxflow.models.sequential.layers",
    "losses": "jaxflow.problems.losses",
    "metrics": "jaxflow.problems.metrics",
}

_STUB = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
PUBLIC = {name: module for module, name in re.findall(r"^from (\S+) import (\w+) as \w+$", _STUB, re.MULTILINE)}

__all__ = sorted(PUBLIC)


def __getattr__(name: str) -> Any:
    if name in FAMILIES:
        return importlib.import_module(f"jaxflow.{name}")
    if name not in PUBLIC:
        raise AttributeError(f"module 'jaxflow' has no attribute {name!r}")
    value = getattr(importlib.import_module(PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
