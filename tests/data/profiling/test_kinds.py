"""Every kind of inputs has an entry in each table."""

from typing import get_args, get_type_hints

import numpy as np
import pytest

from jaxflow.data.profiling.kinds import KINDS
from jaxflow.exploration.figures import BY_KIND
from jaxflow.schema import Feature

SHAPES = {
    "image": (30, 20, 3),
    "volume": (12, 10, 10, 1),
    "audio": (2000,),
    "tokens": (16,),
    "series": (9, 2),
    "vector": (5,),
}


def test_every_kind_is_profiled_and_drawn():
    kinds = set(get_args(get_type_hints(Feature)["kind"])) - {"several"}  # whose parts have kinds of their own
    assert set(KINDS) == set(BY_KIND) == set(SHAPES) == kinds


@pytest.mark.parametrize("kind", KINDS)
def test_reduced_inputs_are_few_floats_of_each_example(kind):
    inputs = np.random.RandomState(0).randint(0, 9, (4, *SHAPES[kind]))
    inputs = inputs if kind == "tokens" else inputs.astype(np.float32)
    reduced = KINDS[kind].reduce(inputs)
    assert reduced.shape[0] == 4
    assert np.issubdtype(reduced.dtype, np.floating)
    assert reduced[0].size <= 81
