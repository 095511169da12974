import dataclasses

import numpy as np
import pytest

import jaxflow
from jaxflow.optimizers.schedules import learning_rate


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (jaxflow.Constant(), [1, 1, 1, 1, 1]),
        (jaxflow.Constant(warmup_steps=4), [0.25, 0.5, 0.75, 1, 1]),
        (jaxflow.Linear(), [1, 0.9, 0.8, 0.7, 0.6]),
        (jaxflow.Linear(final=0.5), [1, 0.95, 0.9, 0.85, 0.8]),
        (jaxflow.Cosine(), [0.5 * (1 + np.cos(np.pi * t / 10)) for t in range(5)]),
        (jaxflow.Cosine(warmup_steps=2), [0.5, 1, 1, *[0.5 * (1 + np.cos(np.pi * t / 8)) for t in (1, 2)]]),
        (jaxflow.Step(boundaries=(0.2, 0.4), decay=0.5), [1, 1, 0.5, 0.5, 0.25]),
    ],
    ids=lambda value: str(value) if dataclasses.is_dataclass(value) else "expected",
)
def test_schedules_over_ten_steps(schedule, expected):
    optimizer = jaxflow.SGD(learning_rate=2.0, schedule=schedule)
    rates = [float(learning_rate(optimizer, 10, step)) for step in range(5)]
    np.testing.assert_allclose(rates, 2 * np.array(expected), rtol=1e-5)
