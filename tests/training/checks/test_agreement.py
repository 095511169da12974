"""Processes that were launched with different experiments or data do not share a step."""

import dataclasses
import json

import jax
import pytest

import jaxflow
from jaxflow.experiment import dumps
from jaxflow.training.checks import agreement
from jaxflow.training.prepare import prepare_training


@pytest.fixture
def as_process_1(monkeypatch, experiment, toy):
    """Checks an experiment and its data beside those of a process 0."""
    first = prepare_training(experiment, toy).meta

    def check(own, dataset):
        def sent(value):
            return [json.loads(dumps(experiment)), json.loads(json.dumps({n: first[n] for n in agreement.OF_DATA}))]

        monkeypatch.setattr(jax.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(jax, "process_index", lambda: 1)
        monkeypatch.setattr(agreement, "broadcast", sent)
        monkeypatch.setattr(agreement, "run_on_all", lambda act: act())
        with monkeypatch.context() as alone:
            alone.setattr(jax.distributed, "is_initialized", lambda: False)
            meta = prepare_training(own, dataset).meta
        agreement.check_agreement(own, meta)

    return check


def test_the_same_passes_wherever_its_files_lie(experiment, toy, as_process_1):
    as_process_1(experiment, toy)
    as_process_1(dataclasses.replace(experiment, num_workers=0, log_every_steps=7), toy)


def test_another_experiment_is_named_by_its_fields(experiment, toy, as_process_1):
    other = dataclasses.replace(experiment, seed=7)
    with pytest.raises(jaxflow.UserError, match=r"process 1 has another experiment than process 0 \(seed: 0 -> 7\)"):
        as_process_1(other, toy)


def test_other_data_are_named(experiment, toy, as_process_1):
    fewer = dataclasses.replace(toy, splits={**toy.splits, "train": toy.splits["train"].take(range(40))})
    with pytest.raises(jaxflow.UserError, match="process 1 reads other data than process 0, of 40 training examples"):
        as_process_1(experiment, fewer)
