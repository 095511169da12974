"""Early stopping and learning rates that fall on plateaus: when, and the same after a kill."""

import dataclasses
import json
import math
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.runs.metrics_log import read_metrics
from jaxflow.training.events import TIMES, LoopState
from jaxflow.training.prepare import prepare_training
from jaxflow.training.trained import read_trained
from tests.test_hyperparameters import compilations

VALUES = [1.0, 0.9, 0.95, 0.91, 0.9, 0.89, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5, 0.6, 0.7, 0.8, 0.9]


@pytest.mark.parametrize(("patience", "least", "floor"), [(1, 0.0, 0.0), (2, 0.0, 0.0), (3, 0.02, 0.01)])
def test_plateaus_are_those_of_optax(patience, least, floor):
    rule = jaxflow.ReduceOnPlateau(0.5, patience, least, floor)
    tx = optax.contrib.reduce_on_plateau(0.5, patience, rtol=0.0, atol=max(least, 1e-9), min_scale=floor)
    loop, state = LoopState(0), tx.init({})
    for value in VALUES:
        loop = loop.validated(value, False, plateau=rule)
        _, state = tx.update({}, state, value=jnp.float32(value))
        assert loop.factor == pytest.approx(float(state.scale))


@pytest.mark.parametrize("higher", [False, True])
def test_a_run_is_over_after_so_many_validations_without_an_improvement(higher):
    rule, loop, sign = jaxflow.EarlyStopping(3, 0.015), LoopState(0, total=100), -1 if higher else 1
    waited = []
    for value in [*VALUES[:7], math.nan]:
        loop = loop.validated(sign * value, higher, rule)
        waited.append(loop.stop_waited)
    assert waited == [0, 0, 1, 2, 3, 4, 5, 6]
    assert loop.is_over(rule)
    assert not loop.is_over(None)
    assert loop.best == sign * 0.89


def hopeless(experiment, **changes):
    """An experiment whose validation soon gets worse: its learning rate is far too large."""
    return dataclasses.replace(
        experiment,
        optimizer=jaxflow.SGD(1.0, momentum=0.9),
        model=dataclasses.replace(experiment.model, norm="none"),
        **{"epochs": 8, "log_every_steps": 3, "max_nonfinite_steps": 10_000} | changes,
    )


def memory(folder, step):
    meta = json.loads((folder / "checkpoints" / str(step) / "meta" / "metadata").read_text())
    return {name: value for name, value in meta["loop"].items() if name not in TIMES}


def test_a_run_stops_early_and_its_best_checkpoint_is_the_result(experiment, toy, tmp_path, said):
    early = hopeless(experiment, early_stopping=jaxflow.EarlyStopping(2))
    results = jaxflow.train(early, tmp_path / "run", dataset=toy)
    lines = [line for line in read_metrics(tmp_path / "run") if line["split"] == "validation"]
    losses = [line["loss"] for line in lines]
    best = int(np.nanargmin(losses))
    assert len(lines) == best + 3 < 8
    assert results["steps"] == lines[-1]["step"]
    assert results["checkpoint_step"] == lines[best]["step"]
    assert results["validation"]["loss"] == losses[best]
    assert "validation loss was lowest at epoch" in said()
    assert read_trained(tmp_path / "run").step == lines[best]["step"]
    assert read_trained(tmp_path / "run", "last").step == lines[-1]["step"]
    assert jaxflow.evaluate(tmp_path / "run", dataset=toy)["test_step"] == lines[best]["step"]
    again = jaxflow.train(early, tmp_path / "run", dataset=toy)
    assert again["steps"] == results["steps"]
    assert again["checkpoint_step"] == again["test_step"]
    more = jaxflow.train(dataclasses.replace(early, early_stopping=None), tmp_path / "run", dataset=toy)
    assert more["checkpoint_step"] == more["steps"] > results["steps"]


def test_a_run_that_was_best_long_ago_says_so(experiment, toy, tmp_path, said):
    jaxflow.train(hopeless(experiment), tmp_path / "run", dataset=toy)
    assert "overfitting; evaluate --checkpoint best, or train with early_stopping" in said()


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_both_resume_to_the_bit(experiment, toy, tmp_path, killed_after, monkeypatch):
    rules = {"early_stopping": jaxflow.EarlyStopping(3), "reduce_on_plateau": jaxflow.ReduceOnPlateau(0.1, 1)}
    run, whole, broken = hopeless(experiment, max_checkpoints=20, **rules), tmp_path / "whole", tmp_path / "broken"
    end = jaxflow.train(run, whole, dataset=toy)["steps"]
    shutil.copytree(whole, broken)
    saved = sorted(int(path.name) for path in (broken / "checkpoints").iterdir())
    for step in saved[killed_after:]:
        shutil.rmtree(broken / "checkpoints" / str(step))
    assert jaxflow.train(run, broken, dataset=toy)["steps"] == end
    for step in saved:
        assert memory(broken, step) == memory(whole, step)
    one, other = (read_trained(folder, "last").state for folder in (whole, broken))
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(one.params), jax.device_get(other.params))
    assert memory(whole, end)["factor"] < 1
    rates = {line["step"]: line["learning_rate"] for line in read_metrics(whole) if line["split"] == "train"}
    assert min(rates.values()) < 1
    step = max(rates)
    for later in saved[1:]:
        shutil.rmtree(whole / "checkpoints" / str(later))
    monkeypatch.setattr("jaxflow.training.replay.load_data", lambda experiment: toy)
    metrics, logged = jaxflow.replay(whole, step, experiment=run)  # past the plateaus
    assert metrics["loss"] == logged


def test_a_lower_learning_rate_compiles_nothing_and_is_the_same_on_any_number_of_devices(experiment, toy, monkeypatch):
    plateau = dataclasses.replace(
        experiment,
        optimizer=jaxflow.Muon(1, default_optimizer=jaxflow.SGD(1)),
        reduce_on_plateau=jaxflow.ReduceOnPlateau(),
    )
    after = {}
    for devices in (4, 1):
        with monkeypatch.context() as patch:
            patch.setattr(jax, "devices", lambda *a, n=devices, real=jax.devices: real(*a)[:n])
            session = prepare_training(plateau, toy)
            steps = session.program.compile_train_steps(session.pipeline)
            state, totals, items = session.init(), session.program.empty_metrics(), session.pipeline.step_inputs(0, 1)
            before = jax.device_get(state.params)

            def step(factor, state=state, session=session, steps=steps, totals=totals, items=items):
                copy = jax.tree.map(lambda leaf: leaf.copy(), state)
                return steps(copy, totals, session.pipeline.device_data, items, 1, factor)[0]

            whole = jax.device_get(step(1.0).params)
            half, compiled = compilations(lambda step=step: step(0.5))
            assert not [name for name in compiled if "step" in name]
            after[devices] = jax.device_get(half.params)
            moved = jax.tree.map(lambda b, w, h: (b - w, 2 * (b - h)), before, whole, after[devices])
            for one, other in (pair for pair in jax.tree.leaves(moved, is_leaf=lambda x: isinstance(x, tuple))):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), after[1], after[4])


def test_without_a_validation_split_both_are_refused(experiment, toy, tmp_path):
    splits = {name: split for name, split in toy.splits.items() if name != "validation"}
    alone = dataclasses.replace(toy, splits=splits)
    for rule in ({"early_stopping": jaxflow.EarlyStopping()}, {"reduce_on_plateau": jaxflow.ReduceOnPlateau()}):
        with pytest.raises(jaxflow.UserError, match="goes by the validation split, and the data has train, test alone"):
            jaxflow.train(dataclasses.replace(experiment, **rule), tmp_path / "run", dataset=alone)
    assert not (tmp_path / "run").exists()
    with pytest.raises(jaxflow.UserError, match="selection_metric is 'top_5'; it is one of loss, accuracy"):
        dataclasses.replace(experiment, problem=jaxflow.Classification(selection_metric="top_5"))
