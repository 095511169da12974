"""Whether the data is what a checkpoint was trained on, by what its meta says of it."""

import hashlib
import itertools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError
from jaxflow.schema import Split

logger = logging.getLogger("jaxflow")


def digest_of_names(split: Split) -> str:
    """Computes a digest of the names of a split's examples, in order."""
    return hashlib.sha256("\n".join(split.id(index) for index in range(len(split))).encode()).hexdigest()[:16]


def check_unchanged(workdir: Path, saved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises if the data is not what a run was trained on, by what its checkpoint carries and the data holds now."""
    differ = [name for name in now if name != "contents" and saved.get(name) != now[name]]
    changed = [_described(name, str(saved.get(name)), str(now[name])) for name in differ]
    changed += [] if changed else _changed_contents(workdir, saved.get("contents"), now.get("contents"))
    if changed:
        raise UserError(
            f"the data changed since {workdir} was trained ({'; '.join(changed)}); choose another --workdir, or "
            "--overwrite to start again there"
        )


def _changed_contents(workdir: Path, saved: Mapping[str, str] | None, now: Mapping[str, str] | None) -> list[str]:
    """Returns what differs in examples that have the names they had; runs of earlier versions noted nothing of it."""
    if not saved or not now:
        return []
    changed = [part for part in ("inputs", "targets") if saved.get(part) != now.get(part)]
    exact = [noted.get("exact_targets") for noted in (saved, now)]  # earlier versions noted none
    if "targets" not in changed and None not in exact and exact[0] != exact[1]:
        changed.append("targets")
    if not changed or saved.get("computed_by") == now.get("computed_by"):
        return [f"the {part} of examples with the same names" for part in changed]
    logger.warning(
        f"the {' and '.join(changed)} of the training data of {workdir} are not what they were, to the last bit; they "
        f"were computed by {saved.get('computed_by')} then and by {now.get('computed_by')} now, which may be all"
    )
    return []


def _described(name: str, before: str, after: str) -> str:
    """Returns what differs between two texts, with a little of what stands around it."""
    if max(len(before), len(after)) <= 60:
        return f"{name}: {before} -> {after}"
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(before, after))
    first = max(0, sum(1 for _ in alike) - 20)
    return f"{name}: ...{before[first : first + 57]}... -> ...{after[first : first + 57]}..."
