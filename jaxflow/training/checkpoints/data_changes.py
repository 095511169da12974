"""In what data differs from what a checkpoint was trained on, in words, by the JSON that both are described by."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jaxflow.errors import listed

# Entries that are described, the most telling first: what follows often only follows from them.
ORDER = ("schema", "train_size", "encoding", "train_ids", "problem", "fitted")
# What is said of entries that hold hashes or many numbers.
WHOLE = {"train_ids": "other training examples", "fitted": "what preprocess was fitted to"}
# What single values are called, by their path.
CALLED = {
    "schema.inputs.shape": "shape of the inputs",
    "schema.inputs.kind": "kind of the inputs",
    "schema.target.kind": "kind of the target",
    "schema.target.names": "names of the target",
    "train_size": "number of training examples",
}
MAX_LETTERS = 40


def describe_changes(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns a few words on each difference between the data of a checkpoint and that of today; [] where none is.

    Args:
      saved: by name, JSON that describes the data then.
      now: the same of today; names that it lacks are not compared.
    """
    names = sorted(now, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    changed = [name for name in names if saved.get(name) != now[name]]
    if "train_size" in changed and "train_ids" in changed:
        changed.remove("train_ids")  # says less
    return [
        words
        for name in changed
        for words in ((WHOLE[name],) if name in WHOLE else _differences(name, saved.get(name), now[name]))
    ]


def _differences(path: str, before: Any, after: Any) -> Iterator[str]:
    """Yields what differs between two JSON values, down to the single values of objects."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict) and before.get("class") == after.get("class"):
        for key in dict.fromkeys((*before, *after)):
            yield from _differences(f"{path}.{key}", before.get(key), after.get(key))
    elif path == "encoding.columns" and isinstance(before, list) and isinstance(after, list):
        yield from _columns(_by_name(before), _by_name(after))
    elif path == "schema.inputs.shape" and len(before) == len(after) == 1:
        yield f"number of inputs: {before[0]} -> {after[0]}"
    elif _are_texts(before) and _are_texts(after):
        yield f"{CALLED.get(path, path)}: {'; '.join(_members(before, after)) or 'another order'}"
    else:
        yield f"{CALLED.get(path, path)}: {_short(before)} -> {_short(after)}"


def _columns(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yields which columns of a table came or went, and what was fitted to the others."""
    told = list(_members(before, after))
    yield from (f"columns: {words}" for words in told)
    if not told and list(before) != list(after):
        yield "columns: another order"
    fitted = []
    for name in (name for name in before if name in after):
        found = [words.removeprefix(".") for words in _differences("", before[name], after[name])]
        kinds = [words for words in found if words.startswith(("categories", ":"))]
        yield from (f"column {name}{words if words[0] == ':' else f', {words}'}" for words in kinds)
        fitted += [f"{name}, {found[0]}"] if found and not kinds else []
    if fitted:  # numbers such as the mean: they follow from any other row
        of = "a column" if len(fitted) == 1 else f"{len(fitted)} columns"
        yield f"what was fitted to {of} ({min(fitted)}{', ...' if len(fitted) > 1 else ''})"


def _by_name(encoders: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns encoders by the column that they read; one of dates holds it in its number of days."""
    return {encoder.get("name") or encoder.get("days", {}).get("name", ""): encoder for encoder in encoders}


def _members(before: Any, after: Any) -> Iterator[str]:
    """Yields which names are new, and which are gone."""
    for words, names in (("new", [*after]), ("gone", [*before])):
        others = set(before if words == "new" else after)
        if found := [repr(name) for name in names if name not in others]:
            yield f"{words} {listed(found, 3)}"


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _short(value: Any) -> str:
    """Returns a JSON value in a few letters: of an object its class."""
    if isinstance(value, dict):
        return str(value.get("class", "other values")).removeprefix("jaxflow:")
    if isinstance(value, float):
        return f"{value:.6g}"
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value)
    return text if len(text) <= MAX_LETTERS else f"{text[:MAX_LETTERS]}..."
