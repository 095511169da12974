"""results.json: what a run came to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError, program_name
from jaxflow.file_io import write_atomically


def read_results(workdir: Path) -> dict[str, Any]:
    """Reads results.json; empty where there is none yet."""
    path = workdir / "results.json"
    try:
        results = json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        results = None
    if not isinstance(results, dict):
        raise UserError(f"{path} is damaged; remove it, and {program_name()} train and evaluate write it again")
    return results


def update_results(workdir: Path, results: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces entries of results.json, all at once.

    Returns:
      All results.
    """
    merged = read_results(workdir) | dict(results)
    write_atomically(workdir / "results.json", json.dumps(merged, indent=2) + "\n")
    return merged
