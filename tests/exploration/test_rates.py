"""The learning-rate range test."""

import dataclasses

import numpy as np
import pytest

import jaxflow
from jaxflow.commands.main import main
from jaxflow.exploration import rates


def test_rates_rise_exponentially_and_the_test_ends_where_the_loss_diverges(experiment, toy):
    plain = dataclasses.replace(experiment, augment=(), ema_decay=None, optimizer=jaxflow.SGD(momentum=0.9))
    found = jaxflow.find_rate(plain, steps=60, minimum=1e-4, maximum=1e4, dataset=toy)
    steps = np.arange(len(found.rates))
    np.testing.assert_allclose(found.rates, 1e-4 * 1e8 ** (steps / 60), rtol=1e-4)
    assert len(steps) < 60
    assert np.isfinite(found.smoothed).all()
    assert found.suggestion == pytest.approx(0.1 * found.rates[found.smoothed.argmin()])


def test_a_steps_loss_is_that_of_training_with_its_rate(experiment, toy):
    """At a constant rate the losses are those of a training run, so a ramp of no width gives them."""
    plain = dataclasses.replace(experiment, optimizer=jaxflow.SGD(learning_rate=0.1))
    found = jaxflow.find_rate(plain, steps=10, minimum=0.1 * (1 - 1e-7), maximum=0.1, dataset=toy)
    again = jaxflow.find_rate(
        dataclasses.replace(plain, epochs=99), steps=10, minimum=0.1 * (1 - 1e-7), maximum=0.1, dataset=toy
    )
    np.testing.assert_array_equal(found.losses, again.losses)


def test_the_average_of_equal_losses_is_their_value():
    np.testing.assert_allclose(rates.smooth(np.full(7, 2.5)), 2.5, rtol=1e-12)


def test_a_bowl_gives_a_tenth_of_the_rate_at_its_bottom():
    ramp = np.geomspace(1e-4, 1, 400)
    losses = 1 + (np.log10(ramp) + 2) ** 2
    found = rates._judged(ramp, losses)
    assert found.suggestion == pytest.approx(0.1 * ramp[rates.smooth(losses).argmin()])


def test_a_range_that_is_none_is_refused(experiment, toy):
    with pytest.raises(jaxflow.UserError, match="0 < minimum < maximum"):
        jaxflow.find_rate(experiment, minimum=1.0, maximum=0.1, dataset=toy)


def test_the_command_leaves_a_figure_and_nothing_else(tmp_path):
    words = ["find-rate", "--config", "experiments/digits_cnn.py", "--workdir", str(tmp_path / "run"), "--steps", "12"]
    assert main([*words, "--quiet"]) == 0
    left = [path.name for path in (tmp_path / "run").rglob("*") if path.is_file() and path.name != ".lock"]
    assert left == ["find-rate.png"]
