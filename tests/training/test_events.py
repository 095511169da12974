"""What is due when, and what the loop remembers."""

import math

import jaxflow
from jaxflow.runs.metrics_log import read_metrics
from jaxflow.training.checkpoints.manager import open_checkpoints
from jaxflow.training.checkpoints.reading import read_meta
from jaxflow.training.events import LoopState, Rhythm, next_events, read_loop_state


def test_what_is_due_follows_from_the_step_alone():
    rhythm = Rhythm(total=20, log=3, validate=7.5, save=4)
    due = [next_events(step, rhythm) for step in range(20)]
    assert [events.validate for events in due] == [8] * 8 + [15] * 7 + [20] * 5
    assert {events.save for events in due} == {4, 8, 12, 15, 16, 20}
    assert {events.log for events in due} == {3, 4, 6, 8, 9, 12, 15, 16, 18, 20}


def test_the_loop_remembers_the_best_validation_of_either_direction():
    low, high = LoopState(0), LoopState(0)
    for step, value in enumerate((0.5, math.nan, 0.3, 0.4, 0.3, 0.6), 1):
        low = LoopState(step, low.best, low.best_step).validated(value, higher_is_better=False)
        high = LoopState(step, high.best, high.best_step).validated(value, higher_is_better=True)
    assert (low.best, low.best_step) == (0.3, 5)  # the later one of two that are equal
    assert (high.best, high.best_step) == (0.6, 6)
    assert read_loop_state({"loop": low.to_json()}, 9) == LoopState(9, 0.3, 5)
    assert read_loop_state({}, 9) == LoopState(9)


def test_time_of_which_only_part_was_noted_is_measured_anew():
    timed = LoopState(9, 0.3, 5, timed_steps=8, seconds=2.0, cpu_seconds=3.5)
    assert read_loop_state({"loop": timed.to_json()}, 9) == timed
    earlier = {name: value for name, value in timed.to_json().items() if name != "cpu_seconds"}
    assert read_loop_state({"loop": earlier}, 9) == LoopState(9, 0.3, 5)


def test_every_checkpoint_holds_what_the_loop_remembers(experiment, toy, tmp_path):
    results = jaxflow.train(experiment, tmp_path, dataset=toy)
    with open_checkpoints(tmp_path / "checkpoints", experiment.problem, read_only=True) as checkpoints:
        meta = read_meta(checkpoints, results["checkpoint_step"])
    losses = {line["step"]: line["loss"] for line in validations(tmp_path)}
    best = min(losses, key=lambda step: (losses[step], -step))
    kept = meta["loop"]
    assert (kept["best"], kept["best_step"], kept["validation_due"]) == (losses[best], best, False)
    assert (kept["total"], kept["timed_steps"]) == (13, 12)  # the first compiles
    assert (kept["seconds"], kept["cpu_seconds"]) == (results["seconds"], results["cpu_seconds"])
    assert kept["cpu_seconds"] > 0


def validations(folder):
    return [line for line in read_metrics(folder) if line["split"] == "validation"]
