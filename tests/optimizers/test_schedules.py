import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow import hyperparameters
from jaxflow.optimizers.base import fixed_warmup, make_optimizer
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
        (jaxflow.Constant(warmup_fraction=0.4), [0.25, 0.5, 0.75, 1, 1]),
        (jaxflow.Constant(warmup_epochs=2.0), [0.25, 0.5, 0.75, 1, 1]),
        (jaxflow.Linear(warmup_epochs=0.5), [1, 1, *[1 - t / 9 for t in (1, 2, 3)]]),
        (jaxflow.Exponential(final=0.5), [0.5 ** (t / 10) for t in range(5)]),
        (jaxflow.WSD(decay_fraction=0.8, final=0.5), [1, 1, 1, 1 - 0.5 / 8, 1 - 1 / 8]),
        (jaxflow.WSD(2, decay_fraction=0.75), [0.5, 1, 1, 1, 1]),
        (jaxflow.Step(boundaries=(0.2, 0.4), decay=0.5), [1, 1, 0.5, 0.5, 0.25]),
    ],
    ids=lambda value: str(value) if dataclasses.is_dataclass(value) else "expected",
)
def test_schedules_over_ten_steps(schedule, expected):
    optimizer = jaxflow.SGD(learning_rate=2.0, schedule=schedule)
    optimizer = fixed_warmup(optimizer, 10, steps_per_epoch=2)
    rates = [float(learning_rate(optimizer, 10, step)) for step in range(5)]
    np.testing.assert_allclose(rates, 2 * np.array(expected), rtol=1e-5)


@pytest.mark.parametrize(
    ("schedule", "reference"),
    [
        (jaxflow.OneCycle(), optax.cosine_onecycle_schedule(100, 2.0)),
        (jaxflow.OneCycle(0.4, 0.1, 0.001), optax.cosine_onecycle_schedule(100, 2.0, 0.4, 10, 100)),
        (jaxflow.Exponential(final=0.1), optax.exponential_decay(2.0, 100, 0.1)),
        (jaxflow.Cosine(final=0.1), optax.cosine_decay_schedule(2.0, 100, 0.1)),
        (jaxflow.Linear(final=0.1), optax.linear_schedule(2.0, 0.2, 100)),
        (
            jaxflow.WSD(decay_fraction=0.25, final=0.1),
            optax.join_schedules([optax.constant_schedule(2.0), optax.linear_schedule(2.0, 0.2, 25)], [75]),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_schedules_are_optax_over_a_hundred_steps(schedule, reference):
    optimizer = jaxflow.SGD(learning_rate=2.0, schedule=schedule)
    ours = [float(learning_rate(optimizer, 100, step)) for step in range(100)]
    np.testing.assert_allclose(ours, [float(reference(step)) for step in range(100)], rtol=1e-4, atol=1e-6)


def cycle(step, own, low, total=10, rise=0.4):
    """A momentum by hand: along half a cosine from its own to the low one, and back."""
    progress = step / total
    far = progress / rise if progress < rise else (1 - progress) / (1 - rise)
    return own + (low - own) * 0.5 * (1 - np.cos(np.pi * far))


def test_momentum_falls_as_the_learning_rate_rises():
    values = [cycle(step, 0.95, 0.85) for step in range(11)]
    assert (values[0], values[4], values[10]) == pytest.approx((0.95, 0.85, 0.95))
    ours = [float(jaxflow.OneCycle(0.4, low_momentum=0.85).momentum(0.95, step / 10)) for step in range(11)]
    np.testing.assert_allclose(ours, values, rtol=1e-6)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_step_has_the_momentum_of_the_cycle(kind):
    """As in PyTorch's OneCycleLR: the momentum of this step, and in Adam the correction of its bias too."""
    schedule = jaxflow.OneCycle(0.4, low_momentum=0.5)
    optimizer = jaxflow.SGD(0.1, schedule, momentum=0.9) if kind == "SGD" else jaxflow.Adam(0.1, schedule)
    w, trace, square = np.float64(1.0), 0.0, 0.0
    tx = make_optimizer(optimizer, 10)
    ours, state = jnp.float32(1.0), tx.init(jnp.float32(1.0))
    for step in range(10):
        momentum, gradient = cycle(step, 0.9, 0.5), 2 * w
        rate = float(learning_rate(optimizer, 10, step))
        if kind == "SGD":
            trace = momentum * trace + gradient
            w -= rate * trace
        else:
            trace, square = momentum * trace + (1 - momentum) * gradient, 0.999 * square + 0.001 * gradient**2
            mean = trace / (1 - momentum ** (step + 1))
            w -= rate * mean / (np.sqrt(square / (1 - 0.999 ** (step + 1))) + 1e-8)
        updates, state = tx.update(2 * ours, state, ours)
        ours = ours + updates
        assert float(ours) == pytest.approx(w, rel=1e-4, abs=1e-5)


def test_momenta_are_arguments_of_one_program():
    def updates(optimizer):
        tx, params = make_optimizer(optimizer, 4), {"kernel": jnp.ones((2, 2))}
        first, state = tx.update(params, tx.init(params), params)
        return first, tx.update(jax.tree.map(jnp.negative, params), state, params)[0]

    both = [jaxflow.AdamW(0.1, jaxflow.OneCycle(low_momentum=low), b1=own) for low, own in ((0.8, 0.9), (0.5, 0.95))]
    (structure, first), (other, second) = map(hyperparameters.split, both)
    assert structure == other
    compiled = jax.jit(lambda numbers: updates(hyperparameters.join(structure, numbers)))
    for optimizer, numbers in zip(both, (first, second)):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4), compiled(numbers), updates(optimizer))
    assert structure != hyperparameters.split(jaxflow.AdamW(0.1, jaxflow.OneCycle()))[0]


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (jaxflow.SGD(schedule=jaxflow.OneCycle(low_momentum=0.85)), "and SGD has momentum=0; leave low_momentum=None"),
        (jaxflow.Adagrad(schedule=jaxflow.OneCycle(low_momentum=0.85)), "and Adagrad has no momentum"),
        (jaxflow.ScheduleFreeSGD(schedule=jaxflow.OneCycle(low_momentum=0.85)), "and ScheduleFreeSGD has no momentum"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_momentum_that_is_not_there_does_not_cycle(optimizer, message):
    with pytest.raises(jaxflow.UserError, match=message):
        make_optimizer(optimizer, 10)
    with pytest.raises(jaxflow.UserError, match=r"low_momentum=None with Optax\('radam'\)"):
        jaxflow.Optax("radam", schedule=optimizer.schedule)


def test_warm_ups_of_the_same_length_are_the_same_program():
    given = (jaxflow.Cosine(4), jaxflow.Cosine(warmup_fraction=0.4), jaxflow.Cosine(warmup_epochs=2.0))
    muon = [jaxflow.Muon(schedule=s, default_optimizer=jaxflow.SGD(schedule=s)) for s in given]
    first, *others = [fixed_warmup(optimizer, 10, steps_per_epoch=2) for optimizer in muon]
    assert others == [first, first]
    assert fixed_warmup(jaxflow.Groups((("a", 0.1),), muon[2]), 10, 2).optimizer == first


def test_two_warm_ups_are_refused():
    with pytest.raises(jaxflow.UserError, match=r"Cosine has warmup_steps=3 and warmup_epochs=2\.0; give one of them"):
        jaxflow.Cosine(3, warmup_epochs=2.0)
    with pytest.raises(jaxflow.UserError, match="hand over steps_per_epoch"):
        jaxflow.make_optimizer(jaxflow.SGD(schedule=jaxflow.Linear(warmup_epochs=1.0)), 10)
