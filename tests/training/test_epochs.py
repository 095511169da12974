"""More epochs go on from where a run ended; fewer are another experiment."""

import dataclasses
import json

import numpy as np
import pytest

import jaxflow
from jaxflow.experiment import dumps
from jaxflow.runs.folder import default_workdir, read_experiment, sealed
from jaxflow.runs.results import read_results
from jaxflow.training.trained import read_trained
from tests.training.test_loop import leaves, lines


@pytest.fixture
def constant(experiment):
    optimizer = jaxflow.Adam(1e-2, schedule=jaxflow.Constant(warmup_steps=2))
    return dataclasses.replace(experiment, optimizer=optimizer, epochs=1)


def test_a_run_that_grows_is_the_longer_run_bit_for_bit(constant, toy, tmp_path, said):
    longer = dataclasses.replace(constant, epochs=3)
    jaxflow.train(longer, tmp_path / "at once", dataset=toy)
    first = jaxflow.train(constant, tmp_path / "grown", dataset=toy)
    said()
    results = jaxflow.train(longer, tmp_path / "grown", dataset=toy)
    assert "it was to have 7 steps, and continues to 19" in said()
    one, other = (read_trained(tmp_path / name) for name in ("grown", "at once"))
    assert one.step == other.step == results["steps"] == 19
    for left, right in zip(leaves(one.state), leaves(other.state)):
        np.testing.assert_array_equal(left, right)
    assert lines(tmp_path / "grown") == lines(tmp_path / "at once")
    assert results["seconds"] > first["seconds"]  # of both lives
    assert read_experiment(tmp_path / "grown").epochs == 3


def test_a_schedule_that_spreads_over_more_steps_is_said(experiment, toy, tmp_path, said):
    jaxflow.train(dataclasses.replace(experiment, epochs=1), tmp_path, dataset=toy)
    said()
    jaxflow.train(experiment, tmp_path, dataset=toy)
    assert "Cosine is spread over all of them now, so the learning rate, which had come to" in said()


def test_fewer_epochs_are_another_experiment(constant, toy, tmp_path):
    longer = dataclasses.replace(constant, epochs=2)
    jaxflow.train(longer, tmp_path, dataset=toy)
    with pytest.raises(jaxflow.UserError, match=r"a different experiment \(epochs: 2 -> 1\); choose another"):
        jaxflow.train(constant, tmp_path, dataset=toy)


def test_a_run_is_evaluated_as_long_as_it_was_trained(constant, toy, tmp_path):
    jaxflow.train(constant, tmp_path, dataset=toy)
    for epochs in (0.5, 5):
        other = dataclasses.replace(constant, epochs=epochs)
        assert jaxflow.evaluate(tmp_path, dataset=toy, experiment=other)["test_step"] == 7
    assert read_results(tmp_path)["steps"] == 7


def test_epochs_are_no_part_of_a_folder_s_name(constant):
    assert str(default_workdir("e/a.py", constant, dataclasses.replace(constant, epochs=7))) == "runs/a"


def test_a_validation_s_line_has_the_epoch(constant, toy, tmp_path):
    jaxflow.train(dataclasses.replace(constant, epochs=2), tmp_path, dataset=toy)
    found = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in found if line["split"] == "validation"] == [7 * 8 / 50, 13 * 8 / 50]


def test_a_refused_launch_with_more_epochs_changes_nothing(constant, toy, tmp_path):
    jaxflow.train(constant, tmp_path, dataset=toy)
    before = (tmp_path / "experiment.json").read_bytes()
    train = toy.splits["train"]
    other = dataclasses.replace(toy, splits={**toy.splits, "train": train.take(np.arange(len(train))[::-1])})
    with pytest.raises(jaxflow.UserError, match="the data changed"):
        jaxflow.train(dataclasses.replace(constant, epochs=3), tmp_path, dataset=other)
    assert (tmp_path / "experiment.json").read_bytes() == before
    jaxflow.train(constant, tmp_path, dataset=toy)


def test_a_run_that_was_killed_before_its_first_checkpoint_has_the_epochs_of_the_next_launch(constant, toy, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / ".lock").touch()
    (tmp_path / "experiment.json").write_text(sealed(dumps(constant)))
    jaxflow.train(dataclasses.replace(constant, epochs=2), tmp_path, dataset=toy)
    assert read_experiment(tmp_path).epochs == 2
    assert jaxflow.evaluate(tmp_path, dataset=toy)["test_step"] == read_results(tmp_path)["steps"]
