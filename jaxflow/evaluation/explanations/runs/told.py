"""What is said of an example: the answer that is explained, and what is true."""

import numpy as np

from jaxflow.data.profiling.tokens import is_language_modelling, token_names
from jaxflow.evaluation.explanations.runs.subject import Subject
from jaxflow.problems.autoencoding import Autoencoding
from jaxflow.reports.wording import number, percent
from jaxflow.schema import IGNORE


def told(subject: Subject, indices: np.ndarray, choices: np.ndarray) -> tuple[tuple[str, str], ...]:
    """Returns the answer to each example, and what is true, in words.

    Args:
      subject: the model and its data.
      indices: of the examples.
      choices: what is explained of each, as `Explained.choose` returns it.
    """
    target, rows = subject.dataset.schema.target, subject.test.rows(indices)
    targets = rows["targets"]
    if isinstance(subject.problem, Autoencoding):
        return tuple(("reconstructed", "") for _ in indices)
    if target.kind == "number":
        values = subject.values(subject.outputs(rows["inputs"]), indices)
        return tuple((f"predicted {number(v[0])}", f"true {number(t[0])}") for v, t in zip(values, targets))
    if target.kind == "labels":
        held = ("" if t[c] == IGNORE else f"true {'yes' if t[c] else 'no'}" for c, t in zip(choices, targets))
        return tuple((f"likeliest {target.names[c]}", each) for c, each in zip(choices, held))
    if not target.dense_shape:
        return tuple((f"predicted {target.names[c]}", _true(target.names, t)) for c, t in zip(choices, targets))
    if subject.dataset.schema.inputs.kind == "tokens":
        language = is_language_modelling(subject.dataset)
        names = token_names(subject.dataset) if language else target.names
        where = "after" if language else "at"
        # A space alone would not be seen.
        written = [repr(name)[1:-1].strip() or repr(name) for name in names] if language else names
        return tuple(
            (f"predicted {written[c]} {where} token {at + 1}", _true(written, t[at]))
            for (at, c), t in zip(choices, targets)
        )
    known = targets >= 0
    right = [float((c == t)[k].mean()) if k.any() else 0.0 for c, t, k in zip(choices, targets, known)]
    return tuple((f"{percent(each, int(k.sum()))} right", "") for each, k in zip(right, known))


def _true(names: tuple[str, ...] | list[str], target: int) -> str:
    return f"true {names[target]}" if target >= 0 else ""
