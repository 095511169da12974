"""Predictions as the columns of a table, in NumPy alone: a server writes them without JAX."""

from collections.abc import Mapping

import numpy as np

from jaxflow.schema import Schema


def class_table(
    schema: Schema, probabilities: np.ndarray, targets: np.ndarray | None = None, answered: np.ndarray | None = None
) -> Mapping[str, np.ndarray]:
    """Returns the columns for one of several classes.

    Args:
      schema: what the data holds.
      probabilities: (examples, classes) float.
      targets: (examples,) class indices to compare with; None where nobody knows them.
      answered: (examples,) class indices that are predicted; None for the most likely.

    Returns:
      Columns by name, (examples,) each: with targets "target", then "prediction", its "probability", and the
      probability "p_<name>" of each class.
    """
    names = np.array(schema.target.names)
    known = {} if targets is None else {"target": names[targets]}
    chosen = probabilities.argmax(-1) if answered is None else answered
    probability = np.take_along_axis(probabilities, chosen[:, None], axis=1)[:, 0]
    best = {"prediction": names[chosen], "probability": _decimal(probability)}
    return known | best | {f"p_{name}": _decimal(probabilities[:, label]) for label, name in enumerate(names)}


def value_table(schema: Schema, values: np.ndarray, targets: np.ndarray | None = None) -> Mapping[str, np.ndarray]:
    """Returns the columns for regression targets.

    Args:
      schema: what the data holds.
      values: (examples, outputs) predicted values.
      targets: (examples, outputs) to compare with; None where nobody knows them.

    Returns:
      Columns by name, (examples,) each: with targets "target", then "prediction"; those of several targets end in
      their names.
    """
    names = schema.target.names
    suffixes = [""] if len(names) == 1 else [f"_{name}" for name in names]
    known = {} if targets is None else {f"target{end}": targets[:, i] for i, end in enumerate(suffixes)}
    return known | {f"prediction{end}": values[:, i] for i, end in enumerate(suffixes)}


def interval_table(
    schema: Schema, values: np.ndarray, levels: Mapping[str, np.ndarray], targets: np.ndarray | None = None
) -> Mapping[str, np.ndarray]:
    """Returns the columns for values with their uncertainty.

    Args:
      schema: what the data holds.
      values: (examples, values) predicted values.
      levels: what else is known of each value by the name of its column, such as "q10", (examples, values) each.
      targets: (examples, values) to compare with; None where nobody knows them.

    Returns:
      Columns by name, (examples,) each: those of `value_table`, then the others; those of several targets end in their
      names.
    """
    names = schema.target.names
    suffixes = [""] if len(names) == 1 else [f"_{name}" for name in names]
    more = {f"{name}{end}": part[:, i] for i, end in enumerate(suffixes) for name, part in levels.items()}
    return {**value_table(schema, values, targets), **more}


def mask_table(schema: Schema, masks: np.ndarray, targets: np.ndarray | None = None) -> Mapping[str, np.ndarray]:
    """Returns the columns for masks.

    Args:
      schema: what the data holds.
      masks: (examples, *spatial) predicted class indices, negative where there is padding.
      targets: (examples, *spatial) to compare with; None where nobody knows them.

    Returns:
      Columns by name, (examples,) each: with targets the "accuracy" of each example's known pixels, "" where there are
      none, and always the
      fraction "fraction_<name>" of its pixels that has each class: of a volume's voxels those that are no padding.
    """
    flat = masks.reshape(len(masks), -1)  # (example, pixel)
    if targets is not None and schema.inputs.kind == "volume":
        flat = np.where(targets.reshape(len(targets), -1) < 0, -1, flat)
    counted = np.maximum((flat >= 0).sum(1), 1)
    fractions = {
        f"fraction_{name}": ((flat == i).sum(1) / counted).round(6) for i, name in enumerate(schema.target.names)
    }
    if targets is None:
        return fractions
    true = targets.reshape(len(targets), -1)  # (example, pixel)
    known = true >= 0
    return {"accuracy": _right(flat == true, known)} | fractions


def token_table(schema: Schema, tokens: np.ndarray, targets: np.ndarray | None = None) -> Mapping[str, np.ndarray]:
    """Returns the columns for the next token at each position of a text.

    Args:
      schema: what the data holds.
      tokens: (examples, time) predicted tokens.
      targets: (examples, time) to compare with; None where nobody knows them.

    Returns:
      Columns by name, (examples,) each: the "prediction" after the last position; with targets the "target" of the last
      known position before it and the "accuracy" over all known positions after it.
    """
    names = np.array(schema.target.names)
    if targets is None:
        return {"prediction": names[tokens[:, -1]]}
    known = targets >= 0
    last = targets.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    rows = np.arange(len(targets))
    return {
        "target": names[targets[rows, last]],
        "prediction": names[tokens[rows, last]],
        "accuracy": _right(tokens == targets, known),
    }


def tag_table(schema: Schema, tags: np.ndarray, targets: np.ndarray | None = None) -> Mapping[str, np.ndarray]:
    """Returns the columns for a tag at each token.

    Args:
      schema: what the data holds.
      tags: (examples, time) predicted class indices.
      targets: (examples, time) to compare with; None where nobody knows them.

    Returns:
      Columns by name, (examples,) each: with targets "target", the "accuracy" over the tokens that have one, and the
      "prediction" at these; else that at all tokens. Tags are divided by spaces.
    """
    known = np.ones(tags.shape, bool) if targets is None else targets >= 0
    predicted = {"prediction": _joined(schema, tags, known, " ")}
    if targets is None:
        return predicted
    return {"target": _joined(schema, targets, known, " "), **predicted, "accuracy": _right(tags == targets, known)}


def text_table(schema: Schema, texts: np.ndarray, targets: np.ndarray | None = None) -> Mapping[str, np.ndarray]:
    """Returns the columns for a text: with targets "target", then the "prediction".

    Args:
      schema: what the data holds.
      texts: (examples, any) predicted characters, below 0 after the last one.
      targets: (examples, length) to compare with; None where nobody knows them.
    """
    known = {} if targets is None else {"target": _joined(schema, targets, targets >= 0, "")}
    return {**known, "prediction": _joined(schema, texts, texts >= 0, "")}


def error_table(schema: Schema, errors: np.ndarray, targets: np.ndarray | None = None) -> Mapping[str, np.ndarray]:
    """Returns the columns for how far an example is from its reconstruction.

    Args:
      schema: what the data holds.
      errors: (examples,) float.
      targets: (examples,) class indices or (examples, values), which nothing was learned of; None where unknown.

    Returns:
      Columns by name, (examples,) each: with targets "target", as `class_table` and `value_table` have it, and "error".
    """
    if targets is None:
        return {"error": errors}
    if schema.target.kind == "class":
        return {"target": np.array(schema.target.names)[targets], "error": errors}
    return {name: part for name, part in value_table(schema, targets, targets).items() if "target" in name[:6]} | {
        "error": errors
    }


def _right(equal: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Returns the share of each row's known positions that is right, with six decimals, "" where none is known."""
    right, count = (equal & known).sum(1), known.sum(1)
    return np.array([f"{hits / of:.6f}" if of else "" for hits, of in zip(right.tolist(), count.tolist())])


def _joined(schema: Schema, indices: np.ndarray, known: np.ndarray, between: str) -> np.ndarray:
    """Returns the names of each row's known indices as one string, (examples,)."""
    names = schema.target.names
    return np.array([between.join(names[i] for i in row[here]) for row, here in zip(indices, known)], dtype=object)


def _decimal(probabilities: np.ndarray) -> np.ndarray:
    return np.char.mod("%.6f", probabilities)
