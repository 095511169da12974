"""Parts of the user's own that break their contract: one line, before the run folder is made."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import optax
import pytest

import jaxflow
from jaxflow.user_code import calling


@dataclasses.dataclass(frozen=True)
class Own(jaxflow.Optimizer):
    """An optimizer whose direction is anything."""

    given: Any = None

    def direction(self):
        return self.given()


@dataclasses.dataclass(frozen=True)
class Warmed:
    """A schedule that is checked by nobody else."""

    warmup_steps: Any

    def factor(self, progress):
        return jnp.ones_like(progress)


def nothing():
    return None


def number():
    return 0.1


def texts():
    return optax.GradientTransformation(lambda params: "state", lambda updates, state, params=None: (updates, state))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": Own(given=nothing)}, r"direction\(\) of Own returns None; return one of optax"),
        ({"optimizer": Own(given=number)}, r"direction\(\) of Own returns 0\.1; return one of optax"),
        ({"optimizer": Own(given=texts)}, "optimizer Own fails: "),
        ({"optimizer": jaxflow.SGD(schedule=Warmed(-3))}, "schedule.warmup_steps is -3; it must be an int, 0 or more"),
        ({"optimizer": jaxflow.SGD(schedule=Warmed(0.5))}, r"schedule.warmup_steps is 0\.5; it must be an int"),
    ],
)
def test_optimizers_that_are_none_are_refused(change, message, experiment, toy, tmp_path, monkeypatch):
    monkeypatch.setattr("jaxflow.training.prepare.to_json", lambda value: {})
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.train(dataclasses.replace(experiment, **change), tmp_path / "run", dataset=toy)
    assert not (tmp_path / "run").exists()


def test_a_class_that_asks_for_the_end_of_anything_is_blamed(experiment):
    def ask(error):
        with calling("data Own", Warmed(1)):
            exec("raise error", {"error": error, "__name__": "jaxflow_experiment_own"})

    for error, said in ((GeneratorExit(), "GeneratorExit"), (SystemExit(), "exit"), (ValueError(), "ValueError")):
        with pytest.raises(jaxflow.UserError, match=said):
            ask(error)
    with pytest.raises(KeyboardInterrupt):
        ask(KeyboardInterrupt())


def test_a_generator_that_is_left_early_blames_nobody():
    def numbers():
        with calling("data Own", Warmed(1)):
            yield from range(3)

    left = numbers()
    next(left)
    left.close()
