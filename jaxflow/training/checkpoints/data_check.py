"""Whether the data is what a checkpoint was trained on, by what its meta says of it."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError, listed
from jaxflow.schema import Split
from jaxflow.training.checkpoints.data_changes import describe_changes

AFRESH = "choose another --workdir, or --overwrite to start again there"
logger = logging.getLogger("jaxflow")


def digest_of_names(split: Split) -> str:
    """Computes a digest of the names of a split's examples, in order."""
    return hashlib.sha256("\n".join(split.id(index) for index in range(len(split))).encode()).hexdigest()[:16]


def check_unchanged(workdir: Path, saved: Mapping[str, Any], now: Mapping[str, Any], advice: str = AFRESH) -> None:
    """Raises if the data is not what a run was trained on.

    Args:
      workdir: the run folder.
      saved: what its checkpoint carries of the data.
      now: what the data holds today; of entries that it lacks nothing is compared.
      advice: what to do where it changed.

    Raises:
      UserError: it changed; the message says how.
    """
    changed = describe_changes(saved, {name: value for name, value in now.items() if name != "contents"})
    changed += [] if changed else _changed_contents(workdir, saved.get("contents"), now.get("contents"))
    if changed:
        raise UserError(f"the data changed since {workdir} was trained ({listed(changed, 5, '; ')}); {advice}")


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
