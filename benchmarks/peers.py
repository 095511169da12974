"""The peers' own virtual environment: nothing of it is needed by jaxflow."""

import json
import subprocess
import sys
from pathlib import Path

from jaxflow.data.storage.cache import cache_folder

REQUIREMENTS = (
    "torch",
    "torchvision",
    "pillow",
    "tensorflow-cpu",
    "keras>=3",
    "jax",
    "flax",
    "optax",
    "onnxruntime",
    "onnx",
    "numpy",
)


def python() -> Path:
    """Names the interpreter that the peers run in, and makes its environment where it is missing (a few minutes)."""
    folder = cache_folder() / f"peers-{sys.version_info[0]}.{sys.version_info[1]}"
    interpreter = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"installing the peers into {folder}: {', '.join(REQUIREMENTS)}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(interpreter), "-m", "pip", "install", "-q", *REQUIREMENTS], check=True)
        (folder / "complete").write_text("")
    return interpreter


def versions(interpreter: Path) -> dict[str, str]:
    """Asks the environment for its packages' versions; None for what it does not have."""
    code = (
        "import importlib.metadata as m, json, sys\n"
        "found = {d.name.lower().replace('_', '-'): d.version for d in m.distributions()}\n"
        "print(json.dumps({n: found.get(n) for n in sys.argv[1:]}))"
    )
    names = [requirement.partition(">")[0] for requirement in REQUIREMENTS]
    done = subprocess.run([str(interpreter), "-c", code, *names], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
