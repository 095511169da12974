"""A run goes on with other devices than it began with."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest

import jaxflow
from jaxflow.training.checkpoints.checksums import checksums
from jaxflow.training.trained import read_trained
from tests.training.test_loop import lines, train_until

DEVICES = jax.devices()


def on(devices, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda: DEVICES[:devices])


@pytest.mark.slow
def test_a_run_of_two_devices_goes_on_with_one_or_four(experiment, toy, tmp_path, monkeypatch):
    # Dropout, augmentation and a moving average; fsdp divides the widest kernel. Batch statistics of two rows would
    # make much of the last bits, in which the devices' sums differ.
    lasting = dataclasses.replace(
        experiment,
        model=dataclasses.replace(experiment.model, hidden=(64,), norm="none"),
        optimizer=jaxflow.SGD(0.02, momentum=0.9),
        epochs=5,
        log_every_steps=1,
        checkpoint_every_steps=6,
        max_checkpoints=9,
    )
    with monkeypatch.context() as patch:
        on(2, patch)
        train_until(6, monkeypatch, lasting, tmp_path / "begun", dataset=toy)
        saved = checksums(read_trained(tmp_path / "begun").state)
        shutil.copytree(tmp_path / "begun", tmp_path / "2-pmap")
        jaxflow.train(lasting, tmp_path / "2-pmap", dataset=toy)
    expected = lines(tmp_path / "2-pmap")
    assert [line["step"] for line in expected if line["split"] == "train"] == list(range(1, 33))
    for devices, strategy in ((1, "pmap"), (4, "pmap"), (4, "fsdp")):
        run = tmp_path / f"{devices}-{strategy}"
        shutil.copytree(tmp_path / "begun", run)
        with monkeypatch.context() as patch:
            on(devices, patch)
            elsewhere = dataclasses.replace(lasting, strategy=strategy)
            restored = read_trained(run, experiment=elsewhere).state
            assert int(restored.step) == 6
            assert checksums(restored) == saved
            jaxflow.train(elsewhere, run, dataset=toy)
            divided = read_trained(run).state.params["Dense_0"]["kernel"]
            assert divided.sharding.is_fully_replicated == (strategy != "fsdp")
        logged = lines(run)
        assert [line["step"] for line in logged] == [line["step"] for line in expected]
        losses = [[line["loss"] for line in each if 6 < line["step"] <= 26] for each in (expected, logged)]
        np.testing.assert_allclose(*losses, atol=1e-5)
