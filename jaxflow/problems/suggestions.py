"""Which problem fits which data: what an error says to use in place of a problem that does not."""

from jaxflow.errors import listed
from jaxflow.schema import Schema


def fitting(schema: Schema) -> str:
    """Returns what to do where a problem does not fit the data: "use problem=MultiLabel()"."""
    inputs, target = schema.inputs, schema.target
    if target.kind == "labels":
        return "use problem=MultiLabel()"
    if target.kind == "classes":
        return "name one of the targets, or use a problem of your own"
    if target.kind == "number":
        return "use problem=Regression()"
    if target.dense_shape and inputs.kind == "tokens":
        tags = inputs.vocab_size is not None and inputs.vocab_size != len(target.names)
        return f"use problem={'Tagging' if tags else 'LanguageModelling'}()"
    if target.dense_shape:
        return f"use problem={'Segmentation' if inputs.kind in ('image', 'volume') else 'Transcription'}()"
    if len(target.names) < 2:
        return "give examples of other classes"
    if len(target.names) == 2:
        return "use problem=BinaryClassification(), or Classification()"
    if all(map(is_number, target.names)):
        return "use problem=Classification(), or OrdinalClassification() where the order of the classes counts"
    return "use problem=Classification()"


def found(schema: Schema) -> str:
    """Returns what the data has to be predicted, for an error: "several labels at once (red, round)"."""
    target = schema.target
    if target.several:
        what = "labels" if target.kind == "labels" else "targets"
        return f"several {what} at once ({listed(target.names)})"
    if target.kind == "number":
        return f"numbers ({listed(target.names)})"
    if target.dense_shape:
        return f"a class for each of its {' x '.join(map(str, target.dense_shape))} positions"
    if len(target.names) == 1:
        return f"class {target.names[0]!r} alone"
    return f"one of {len(target.names)} classes for each example"


def is_number(name: str) -> bool:
    """Returns whether the name of a class is a number, NaN but for: these have an order."""
    try:
        return float(name) == float(name)
    except ValueError:
        return False
