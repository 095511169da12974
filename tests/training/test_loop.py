import contextlib
import dataclasses
import gc
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.data.batching.order import indices
from jaxflow.errors import StoppedError, UserError
from jaxflow.runs.results import read_results
from jaxflow.training import loop
from jaxflow.training.events import next_due
from jaxflow.training.prepare import prepare_training
from jaxflow.training.program import Program
from jaxflow.training.trained import read_trained


def leaves(state):
    raw = [
        jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        for leaf in jax.tree.leaves(state)
    ]
    return [np.asarray(leaf) for leaf in raw]


def lines(folder):
    """What was logged, without how long it took."""
    read = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "examples_per_second"} for line in read]


class Stopped(Exception):
    pass


def train_until(step, monkeypatch, *arguments, **options):
    """Trains and dies right after the checkpoint of a step was asked for."""
    real = loop.save

    def save(kept, state, *rest):
        real(kept, state, *rest)
        kept.checkpointer.wait()
        if int(state.step) >= step:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save", save)
        with pytest.raises(Stopped):
            jaxflow.train(*arguments, **options)


@pytest.fixture
def resumable(experiment):
    return dataclasses.replace(experiment, checkpoint_every_steps=3)


@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
def test_resumed_is_unbroken_bit_for_bit(sampling, resumable, toy, tmp_path, monkeypatch):
    resumable = dataclasses.replace(resumable, sampling=sampling)
    jaxflow.train(resumable, tmp_path / "unbroken", dataset=toy)
    train_until(6, monkeypatch, resumable, tmp_path / "broken", dataset=toy)
    assert read_trained(tmp_path / "broken").step == 6
    jaxflow.train(resumable, tmp_path / "broken", dataset=toy)
    unbroken, resumed = read_trained(tmp_path / "unbroken"), read_trained(tmp_path / "broken")
    assert unbroken.step == resumed.step == 13  # ceil(2 * 50 / 8)
    for one, other in zip(leaves(unbroken.state), leaves(resumed.state)):
        np.testing.assert_array_equal(one, other)
    assert lines(tmp_path / "unbroken") == lines(tmp_path / "broken")


def test_what_was_logged_past_the_checkpoint_is_cut_back(resumable, toy, tmp_path, monkeypatch):
    train_until(6, monkeypatch, resumable, tmp_path, dataset=toy)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 8, "split": "train", "loss": 9.0}) + '\n{"step": 9, "spl')
    jaxflow.train(resumable, tmp_path, dataset=toy)
    steps = [line["step"] for line in lines(tmp_path) if line["split"] == "train"]
    assert steps == [3, 6, 7, 9, 12, 13]
    assert not any(line["loss"] == 9.0 for line in lines(tmp_path))


def test_a_finished_run_is_left_alone(resumable, toy, tmp_path):
    jaxflow.train(resumable, tmp_path, dataset=toy)
    before, results = (tmp_path / "metrics.jsonl").read_text(), read_results(tmp_path)
    jaxflow.train(resumable, tmp_path, dataset=toy)
    assert (tmp_path / "metrics.jsonl").read_text() == before
    assert read_results(tmp_path) == results


@pytest.mark.parametrize("step", [5, 13])
def test_a_replayed_step_gives_the_logged_loss(step, resumable, toy, tmp_path, monkeypatch):
    experiment = dataclasses.replace(resumable, log_every_steps=1, max_checkpoints=1)
    monkeypatch.setattr(jaxflow.Digits, "load", lambda self: toy)
    jaxflow.train(experiment, tmp_path)
    metrics, logged = jaxflow.replay(tmp_path, step)
    assert metrics["loss"] == logged
    assert logged is not None


@pytest.mark.parametrize("poll", [7, 8, 10, 17, 18, 21])
def test_a_signal_in_a_validation_ends_it_and_the_run_goes_on_with_it(poll, experiment, toy, tmp_path, monkeypatch):
    # 13 steps; the validations after steps 7 and 13 have four batches each.
    monkeypatch.setattr(Program, "evaluation_batch_size", lambda *_: 4)
    monkeypatch.setattr(loop, "_pace", lambda *_: 1)
    rare = dataclasses.replace(experiment, log_every_steps=100)
    expected = jaxflow.train(rare, tmp_path / "unbroken", dataset=toy)
    polls = itertools.count(1)

    @contextlib.contextmanager
    def signalled():
        yield lambda step: next(polls) >= poll

    with monkeypatch.context() as patch:
        patch.setattr(loop, "preemption_flag", signalled)
        with pytest.raises(StoppedError, match=f"at step {7 if poll < 12 else 13} of 13"):
            jaxflow.train(rare, tmp_path / "stopped", dataset=toy)
    assert next(polls) == poll + 1  # nothing was waited for
    results = jaxflow.train(rare, tmp_path / "stopped", dataset=toy)
    assert results["validation"] == expected["validation"]
    assert lines(tmp_path / "stopped") == lines(tmp_path / "unbroken")
    for one, other in zip(*(leaves(read_trained(tmp_path / run).state) for run in ("stopped", "unbroken"))):
        np.testing.assert_array_equal(one, other)
    best = [read_trained(tmp_path / run, "best").step for run in ("stopped", "unbroken")]
    assert best[0] == best[1]


def test_a_watchdog_hears_of_steps_and_of_batches_that_are_validated(experiment, toy, tmp_path, monkeypatch):
    heard = []

    @contextlib.contextmanager
    def watchdog(seconds):
        yield lambda: heard.append(seconds)

    monkeypatch.setattr(loop, "watchdog", watchdog)
    monkeypatch.setattr(Program, "evaluation_batch_size", lambda *_: 4)
    monkeypatch.setattr(loop, "_pace", lambda *_: 1)
    rare = dataclasses.replace(experiment, log_every_steps=1000, watchdog_seconds=5)
    jaxflow.train(rare, tmp_path, dataset=toy)
    assert len(heard) >= 13 + 2 * 4


@pytest.mark.slow
def test_the_state_is_gone_before_it_is_read_back(experiment, toy, tmp_path, monkeypatch):
    kept, real = [], loop.restore

    def restore(*arguments):
        gc.collect()
        kept.append(sum(leaf.nbytes for leaf in jax.live_arrays() if leaf.ndim == 4))
        return real(*arguments)

    monkeypatch.setattr(loop, "restore", restore)
    model = dataclasses.replace(experiment.model, widths=(16, 16))
    wide = dataclasses.replace(experiment, model=model, data_placement="host", epochs=1)
    gc.collect()
    before = sum(leaf.nbytes for leaf in jax.live_arrays() if leaf.ndim == 4)
    jaxflow.train(wide, tmp_path, dataset=toy)
    assert kept == [before]


def test_logged_means_are_those_of_the_interval(experiment, toy, tmp_path):
    every = dataclasses.replace(experiment, log_every_steps=1, validate_every_epochs=100)
    jaxflow.train(every, tmp_path / "every", dataset=toy)
    jaxflow.train(dataclasses.replace(every, log_every_steps=4), tmp_path / "fourth", dataset=toy)
    single = {line["step"]: line["step_loss"] for line in lines(tmp_path / "every") if line["split"] == "train"}
    for line in lines(tmp_path / "fourth"):
        if line["split"] == "train" and line["step"] % 4 == 0:
            mean = np.mean([single[step] for step in range(line["step"] - 3, line["step"] + 1)])
            assert line["loss"] == pytest.approx(mean, rel=1e-5)
            assert line["step_loss"] == single[line["step"]]


@pytest.mark.slow
def test_batches_from_host_and_device_are_the_same(experiment, toy, tmp_path):
    for feed in ("device", "host"):
        jaxflow.train(dataclasses.replace(experiment, data_placement=feed), tmp_path / feed, dataset=toy)
    for one, other in zip(*(leaves(read_trained(tmp_path / feed).state) for feed in ("device", "host"))):
        np.testing.assert_array_equal(one, other)


def test_the_resident_split_is_on_every_device(experiment, toy):
    feed = prepare_training(experiment, toy).pipeline
    assert len(feed.device_data["inputs"].addressable_shards) == len(jax.devices())
    assert prepare_training(dataclasses.replace(experiment, data_placement="host"), toy).pipeline.device_data == ()


def test_no_epochs_give_the_initial_model(experiment, toy, tmp_path):
    results = jaxflow.train(dataclasses.replace(experiment, epochs=0), tmp_path, dataset=toy)
    assert results["checkpoint_step"] == 0
    initial = prepare_training(experiment, toy).init()
    for one, other in zip(leaves(read_trained(tmp_path).state.params), leaves(initial.params)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_latest_and_best_checkpoints_are_kept(experiment, toy, tmp_path, monkeypatch):
    losses = iter([0.5, 0.1, 0.9, float("nan"), 0.8, 0.7])
    monkeypatch.setattr(loop, "evaluate_split", lambda *_, **__: {"loss": next(losses), "accuracy": 0.0})
    jaxflow.train(dataclasses.replace(experiment, epochs=6, max_checkpoints=2), tmp_path, dataset=toy)
    kept = sorted(int(path.name) for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit())
    assert kept == [13, 32, 38]  # the epoch of loss 0.1, and the last two
    assert read_trained(tmp_path, "best").step == 13
    assert read_trained(tmp_path, "32").step == 32


def test_changed_data_is_refused(experiment, toy, tmp_path):
    jaxflow.train(experiment, tmp_path, dataset=toy)
    fewer = dataclasses.replace(toy, splits={**toy.splits, "train": toy.splits["train"].take(np.arange(40))})
    with pytest.raises(jaxflow.UserError, match="number of training examples: 50 -> 40"):
        jaxflow.train(experiment, tmp_path, dataset=fewer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 64, "microbatch": None}, "larger than the training split of 50"),
        ({"batch_size": 6}, "not divisible by the 4 devices"),
        ({"model": jaxflow.CNN(widths=(4,) * 4)}, "does not fit into"),
        ({"model": jaxflow.MLP(outputs=7)}, "gives 7 outputs, but the problem needs 3"),
        ({"preprocess": ()}, "nothing scales them"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(change, message, experiment, toy, tmp_path):
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.train(dataclasses.replace(experiment, **change), tmp_path / "run", dataset=toy)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("every", "total", "steps"),
    [(3, 10, [3, 6, 9, 10]), (2.5, 10, [3, 5, 8, 10]), (0.1 * 30, 6, [3, 6]), (None, 4, [4]), (0.5, 3, [1, 2, 3])],
)
def test_due_steps(every, total, steps):
    found = [0]
    while found[-1] < total:
        found.append(next_due(found[-1], every, total))
    assert found[1:] == steps


def with_nans(toy, rows):
    """The toy's images as floats, some of them all NaN."""
    split = toy.splits["train"]
    images = split.inputs.astype(np.float32) / 255
    images[rows] = np.nan
    return jaxflow.from_arrays({"train": (images, split.targets), "test": (images, split.targets)})


@pytest.mark.slow
def test_a_bad_example_costs_its_own_steps_and_no_more(experiment, toy, tmp_path):
    steady = dataclasses.replace(experiment, preprocess=(jaxflow.Scale(),), log_every_steps=1)
    results = jaxflow.train(steady, tmp_path, dataset=with_nans(toy, [7]))
    bad = [step for step in range(13) if 7 in indices(step, 50, 8, steady.seed)]
    assert results["skipped_steps"] == len(bad) == 2
    trained = read_trained(tmp_path).state
    assert int(trained.step) == 13
    assert all(np.isfinite(leaf).all() for leaf in leaves(trained))
    logged = {line["step"]: line for line in lines(tmp_path) if line["split"] == "train"}
    assert [logged[step + 1]["skipped"] for step in bad] == [1, 2]
    assert all(np.isfinite(line["loss"]) == (step - 1 not in bad) for step, line in logged.items())


def test_bad_examples_for_ever_stop_the_run_and_name_the_step(experiment, toy, tmp_path):
    steady = dataclasses.replace(
        experiment, preprocess=(jaxflow.Scale(),), max_nonfinite_steps=5, checkpoint_every_steps=2
    )
    message = r"\d steps in a row were skipped, from step 1 on: .* replay --workdir \S+ --step 1, then clean"
    with pytest.raises(UserError, match=message):
        jaxflow.train(steady, tmp_path, dataset=with_nans(toy, slice(None)))
    assert all(np.isfinite(leaf).all() for leaf in leaves(read_trained(tmp_path).state))


def test_a_run_that_was_mostly_skipped_is_no_result(experiment, toy, tmp_path):
    """Whatever `max_nonfinite_steps` is: its last steps in a row, and most of all, learned nothing."""
    diverging = dataclasses.replace(
        experiment, preprocess=(jaxflow.Scale(),), optimizer=jaxflow.SGD(1e38), max_nonfinite_steps=10**6, epochs=2
    )
    with pytest.raises(UserError, match=r"\d+ steps in a row were skipped, .*lower the learning rate"):
        jaxflow.train(diverging, tmp_path, dataset=toy)
    assert "checkpoint_step" not in read_results(tmp_path)
    early = dataclasses.replace(diverging, early_stopping=jaxflow.EarlyStopping(1), epochs=50, log_every_steps=1000)
    with pytest.raises(UserError, match=r"\d+ steps in a row were skipped, .*lower the learning rate"):
        jaxflow.train(early, tmp_path / "early", dataset=toy)
    assert "checkpoint_step" not in read_results(tmp_path / "early")


def test_a_run_of_bad_steps_alone_is_no_result_however_short(experiment, toy, tmp_path):
    short = dataclasses.replace(experiment, preprocess=(jaxflow.Scale(),), epochs=0.5)
    with pytest.raises(UserError, match=r"4 steps in a row were skipped, from step 1 on"):
        jaxflow.train(short, tmp_path, dataset=with_nans(toy, slice(None)))
    assert not (tmp_path / "results.json").exists()
