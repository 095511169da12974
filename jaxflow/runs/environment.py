"""environment.json: the versions, platform and devices of a run."""

import importlib.metadata
import json
import math
import os
import platform
import re
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError
from jaxflow.runtime.regular_files import read_regular

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "clu", "tensorflow-datasets", "numpy", "jaxflow")
# Bytes of the file, at most.
MAX_BYTES = 1 << 20
HIDDEN = "..."
# The last part of a flag's name: --data.api_key, --password; but not --tokens, nor --secret-file, a path.
_SECRET = r"(?:token|bearer|secret|password|passphrase|passwd|pass|pwd|key|apikey|credentials?|auth|signature|sig)"
SECRET_NAME = re.compile(rf"(?:^|[-._]){_SECRET}$", re.IGNORECASE)
# user:password before an @; in URLs it may hold any other sign too.
PASSWORD = re.compile(r"(?<=://)[^\s/@:]*:\S+@|[^\s/@:=]*:[^\s/]+@")
PARAMETER = re.compile(rf"([?&;](?:[^=&;]*[-._])?{_SECRET}=)[^&;]*", re.IGNORECASE)
# Tokens of AWS, GitHub, GitLab, Hugging Face, OpenAI, Slack and Google, and of JSON Web Tokens.
KNOWN = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{16}|(?:gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-|AIza|eyJ)[\w.-]{16,}"
)
LONG_WORD = re.compile(r"[A-Za-z0-9+_~-]{32,}={0,2}")


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
        "devices": [_name_of(device.platform, device.device_kind) for device in jax.devices()],
        "processes": jax.process_count(),
        "cpus": os.cpu_count(),
        "command": without_secrets(sys.argv),
    }


def _name_of(platform_name: str, kind: str) -> str:
    """Returns a device's name: "cpu", or "gpu:NVIDIA H100"."""
    return platform_name if kind == platform_name else f"{platform_name}:{kind}"


def without_secrets(words: Sequence[str]) -> list[str]:
    """Returns a command line in which what looks like a password, a token or a key is replaced by "...".

    That is the value of a flag whose name says so, in URLs the password and such parameters, and long words that look
    random or begin as tokens of well-known services do.
    """
    shown, hide = [], False
    for word in words:
        name, assigned, value = word.partition("=")
        named = word.startswith("-") and bool(SECRET_NAME.search(name))
        if hide and not word.startswith("--"):
            shown.append(HIDDEN)
        elif named and assigned and value:
            shown.append(f"{name}={HIDDEN}")
        else:
            shown.append(_without_secrets(word))
        hide = named and not assigned
    return shown


def _without_secrets(word: str) -> str:
    word = PASSWORD.sub(HIDDEN + "@", word)
    word = PARAMETER.sub(rf"\g<1>{HIDDEN}", word)
    word = KNOWN.sub(HIDDEN, word)
    return LONG_WORD.sub(lambda found: HIDDEN if _looks_random(found[0]) else found[0], word)


def _looks_random(word: str) -> bool:
    """Returns whether letters and digits are mixed as in keys: 3.3 bits a character and more."""
    counts = Counter(word)
    entropy = -sum(count / len(word) * math.log2(count / len(word)) for count in counts.values())
    return entropy > 3.3 and any(c.isdigit() for c in word) and any(c.isalpha() for c in word)


def read_environment(workdir: Path) -> dict[str, Any]:
    """Reads environment.json of a run folder; {} where there is none or it is damaged: nothing depends on it."""
    try:
        described = json.loads(read_regular(workdir / "environment.json", MAX_BYTES))
    except (OSError, UserError, ValueError, RecursionError):
        return {}
    return described if isinstance(described, dict) else {}


def shell_command(described: Mapping[str, Any]) -> str:
    """Returns the command line of an environment, for a shell; "" where it has none."""
    words = described.get("command")
    if not isinstance(words, list) or not words:
        return ""
    script, *rest = map(str, words)
    start = "python launch.py" if Path(script).name == "launch.py" else shlex.quote(Path(script).name)
    return " ".join([start, *map(shlex.quote, rest)])
