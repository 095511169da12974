"""Every number that a user may write has a range, and what lies outside is refused."""

import dataclasses
import importlib
import math
from typing import get_args

import flax.linen as nn
import pytest

import jaxflow
from jaxflow.ranges import Range, annotation_of, violation

# What is measured or computed, and that nobody writes.
MEASURED = {"RateTest", "Run", "ArraySplit", "Dataset", "Feature", "Features", "Mean", "Schema", "Target", "TrainState"}


def public():
    homes = [jaxflow, *map(importlib.import_module, jaxflow.FAMILIES.values())]
    values = [getattr(home, name) for home in homes for name in home.__all__]
    kinds = {value for value in values if isinstance(value, type)}
    return [
        kind
        for kind in sorted(kinds, key=lambda kind: kind.__name__)
        if dataclasses.is_dataclass(kind)
        and kind.__name__ not in MEASURED
        and not kind.__name__.endswith(("Encoder", "Encoding", "Tokenizer"))
    ]


def plain_numbers(annotation):
    """Lists the numbers in an annotation without a range."""
    if any(isinstance(mark, Range) for mark in getattr(annotation, "__metadata__", ())):
        return []
    return [annotation] * (annotation in (int, float)) + [
        n for part in get_args(annotation) for n in plain_numbers(part)
    ]


def ranges(annotation):
    own = [mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Range)]
    return own or [found for part in get_args(annotation) for found in ranges(part)]


FIELDS = [(kind, field) for kind in public() for field in dataclasses.fields(kind) if field.init]


def test_every_number_has_a_range():
    assert len(FIELDS) > 150
    lacking = [f"{k.__name__}.{f.name}" for k, f in FIELDS if plain_numbers(annotation_of(k, f))]
    # Pairs of a text and a number: factors of groups are checked by Groups itself, values by the optimizer they are of.
    # Columns are names or places of them, which files are compared with.
    of_files = {f"{kind}.{name}" for kind in ("SentenceColumns", "TaggedText") for name in ("token", "tag")}
    assert set(lacking) == {"Groups.groups", "Optax.values"} | of_files


@pytest.mark.parametrize(
    ("kind", "field"),
    [pytest.param(k, f, id=f"{k.__name__}.{f.name}") for k, f in FIELDS if ranges(annotation_of(k, f))],
)
def test_what_lies_outside_is_refused(kind, field):
    annotation = annotation_of(kind, field)
    for range_ in ranges(annotation):
        for number in (range_.low - abs(range_.low) - 1, range_.high * 2 + 1, math.nan, math.inf, *range_.without):
            in_tuple = "tuple[" in str(annotation)
            value = (number,) if in_tuple else number
            assert violation(value, annotation)
            required = {f.name: "x" for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING and f.init}
            if not issubclass(kind, nn.Module | jaxflow.Experiment) and not required:  # those an Experiment checks
                with pytest.raises(jaxflow.UserError, match=rf"{kind.__name__}\.{field.name} is "):
                    kind(**{field.name: value})
