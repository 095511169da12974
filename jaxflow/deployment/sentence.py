"""The answer for one example, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxflow.errors import listed

# Classes of a mask that are named, the largest first.
MAX_CLASSES = 3
FRACTION = "fraction_"


def sentence(name: str, columns: Mapping[str, Sequence[Any]]) -> str:
    """Returns one example's answer in words: "a.jpg: cat, 72%", "b.jpg: red 98%, round 71%".

    Args:
      name: of the example.
      columns: its columns as a problem's `prediction_table` returns them, (1,) each.
    """
    values = {column: cells[0] for column, cells in columns.items()}
    fractions = {key.removeprefix(FRACTION): float(cell) for key, cell in values.items() if key.startswith(FRACTION)}
    labels = {key[2:]: cell for key, cell in values.items() if f"prediction_{key[2:]}" in values and key[:2] == "p_"}
    if "probability" in values:
        answer = f"{values['prediction']}, {float(values['probability']):.0%}"
    elif labels:
        held = [f"{name} {float(p):.0%}" for name, p in labels.items() if int(values[f"prediction_{name}"])]
        answer = ", ".join(held) or f"none of {listed(labels)}"
    elif fractions:
        largest = sorted(fractions.items(), key=lambda item: -item[1])[:MAX_CLASSES]
        answer = ", ".join(f"{class_} {fraction:.0%}" for class_, fraction in largest if fraction)
    else:
        told = {key.removeprefix("prediction").removeprefix("_"): cell for key, cell in values.items()}
        answer = ", ".join(f"{key} {_text(cell)}".strip() for key, cell in told.items())
    return f"{name}: {answer or 'no text'}"


def _text(cell: Any) -> str:
    return str(cell) if isinstance(cell, str) else f"{float(cell):.6g}"
