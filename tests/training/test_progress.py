"""What a run says of itself while it trains."""

import dataclasses

import pytest

import jaxflow
from jaxflow.console import format_rate
from jaxflow.data.batching.order import num_steps
from jaxflow.errors import UserError
from jaxflow.training import loop, progress
from jaxflow.training.prepare import prepare_training
from jaxflow.training.progress import ProgressReporter, format_epochs


@pytest.mark.parametrize(
    ("epochs", "text"), [(5, "5"), (5.0, "5"), (0.1, "0.1"), (0.05, "0.05"), (1.017, "1"), (2.54, "2.5"), (0.999, "1")]
)
def test_epochs_are_read_at_a_glance(epochs, text):
    assert format_epochs(epochs) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.26, "0.26 examples/s"), (3.14, "3.1 examples/s"), (9.7, "10 examples/s"), (3163.9, "3,164 examples/s")],
)
def test_rates_below_one_are_readable(rate, text):
    assert format_rate(rate) == text


def test_the_last_line_says_the_epochs_that_were_asked_for(experiment, toy, tmp_path, said):
    jaxflow.train(experiment, tmp_path, dataset=toy)
    assert num_steps(2, 50, 8) / (50 / 8) > 2
    lines = [line for line in said().splitlines() if line.startswith("epoch ")]
    assert lines[-1].startswith("epoch 2/2  step 13/13  validation loss")
    assert lines[0].startswith("epoch 0.48/2  step 3/13  loss")


def test_slow_steps_are_heard_of_within_ten_seconds_and_then_seldom(experiment, toy, monkeypatch, said):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    reporter = ProgressReporter(prepare_training(experiment, toy), 0, ["loss"])
    said()
    heard = []
    for step in range(1, 61):
        now[0] += 4.0
        reporter.advance(step)
        if text := said():
            heard.append((now[0], text))
    assert [at for at, _ in heard] == [8, 20, 44, 88, 172]
    assert heard[0][1] == "epoch 0.32/2  step 2/13"


def test_the_bar_s_numbers_fit_the_terminal(experiment, toy, monkeypatch):
    metrics = {"loss": 0.5, "accuracy": 0.25, "examples_per_second": 1234.0}
    session = prepare_training(experiment, toy)
    shown = {}
    for width in (40, 60, 80, 120):
        monkeypatch.setattr(progress, "console", type("Narrow", (), {"width": width}))
        reporter = ProgressReporter(session, 0, ["loss", "accuracy"])
        reporter._progress.disable = False
        reporter.training(3, metrics)
        shown[width] = reporter._progress.tasks[0].fields["numbers"]
    loss, both = "loss 0.5000", "loss 0.5000  accuracy 0.2500"
    assert shown == {40: "", 60: loss, 80: f"{both}  1,234 examples/s", 120: f"{both}  1,234 examples/s"}


def test_the_first_checkpoint_is_read_back_at_once(experiment, toy, tmp_path, monkeypatch):
    read, real = [], loop.restore

    def restore(checkpoints, step, template):
        read.append(step)
        if step == 7 and broken:
            (checkpoints.folder / "7" / "state" / "manifest.ocdbt").unlink()
        return real(checkpoints, step, template)

    monkeypatch.setattr(loop, "restore", restore)
    longer, broken = dataclasses.replace(experiment, epochs=3), False
    jaxflow.train(longer, tmp_path / "run", dataset=toy)
    assert read == [7, 19]
    broken = True
    with pytest.raises(UserError, match="the run's first checkpoint cannot be read back"):
        jaxflow.train(longer, tmp_path / "broken", dataset=toy)
