import contextlib
import dataclasses
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxflow
from jaxflow.data.batching.order import balanced_indices, class_index, indices, permutation
from jaxflow.experiment_files import execute
from jaxflow.training.parallel.layout import Layout, make_layout
from jaxflow.training.prepare import build_pipeline
from tests.conftest import ROOT


@pytest.mark.parametrize("kind", ["device", "host"])
@pytest.mark.parametrize("step", [0, 6])  # of 50 examples in batches of 8: the seventh batch spans two epochs
def test_a_batch_says_which_examples_it_holds_and_in_which_epoch(kind, step, experiment, toy):
    feed = build_pipeline(
        toy.splits["train"], dataclasses.replace(experiment, data_placement=kind), make_layout("pmap")
    )
    item = jax.tree.map(lambda leaf: leaf[0], feed.step_inputs(step, 1))
    batch = jax.device_get(feed.get_batch(feed.device_data, item))
    rows = indices(step, 50, 8, experiment.seed)
    np.testing.assert_array_equal(batch["index"], rows)
    np.testing.assert_array_equal(batch["inputs"], toy.splits["train"].inputs[rows])
    np.testing.assert_array_equal(batch["targets"], toy.splits["train"].targets[rows])
    np.testing.assert_array_equal(batch["epoch"], [0] * 8 if step == 0 else [0, 0, 1, 1, 1, 1, 1, 1])
    assert {batch[name].dtype for name in ("index", "epoch")} == {np.dtype("int32")}
    assert permutation(50, 0, 1)[0] == rows[2] or step == 0


def test_the_next_batch_is_made_while_the_device_is_busy(experiment, toy):
    seen, split = [], toy.splits["train"]

    class Watched:
        nbytes = split.nbytes

        def __len__(self):
            return len(split)

        def rows(self, chosen):
            seen.append((tuple(chosen), threading.current_thread() is threading.main_thread()))
            return split.rows(chosen)

    feed = build_pipeline(Watched(), dataclasses.replace(experiment, data_placement="host"), make_layout("pmap"))
    feed.step_inputs(5, 1)  # the first batch only shows what batches look like
    time.sleep(0.1)
    assert len(seen) == 1
    seen.clear()
    first = feed.step_inputs(0, 1)
    deadline = time.monotonic() + 20
    while len(seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    expected = [tuple(indices(step, len(split), experiment.batch_size, experiment.seed)) for step in (0, 1)]
    assert seen == [(expected[0], True), (expected[1], False)]
    second, again = feed.step_inputs(1, 1), feed.step_inputs(0, 1)
    np.testing.assert_array_equal(second["index"][0], expected[1])
    np.testing.assert_array_equal(again["inputs"], first["inputs"])


def batch_of(feed, step):
    item = jax.tree.map(lambda leaf: leaf[0], feed.step_inputs(step, 1))
    return jax.device_get(feed.get_batch(feed.device_data, item))


def run_through(feed, steps):
    for step in steps:
        feed.step_inputs(step, 1)


@pytest.fixture
def feeds():
    """Makes feeds and closes them."""
    with contextlib.ExitStack() as stack:

        def make(split, experiment, layout=None, **changes):
            changed = dataclasses.replace(experiment, **{"data_placement": "host"} | changes)
            feed = build_pipeline(split, changed, layout or make_layout("pmap"))
            stack.callback(feed.close)
            return feed

        yield make
    assert not multiprocessing.active_children()


# Of 50 examples in batches of 8, two epochs: 13 steps, of which 6 and 12 span two epochs. Forwards, back and past the
# end, and over what the workers have made ahead.
STEPS = [0, 5, 6, 7, 8, 9, 2, 3, 4, 11, 12, 13, 0]


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_every_way_gives_the_batches_that_arrays_in_memory_give(workers, experiment, toy, feeds):
    split = toy.splits["train"]
    feed, resident = feeds(split, experiment, num_workers=workers), feeds(split, experiment, data_placement="device")
    for step in STEPS:
        batch, expected = batch_of(feed, step), batch_of(resident, step)
        assert batch.keys() == expected.keys() == {"inputs", "targets", "index", "epoch"}
        for name, leaf in batch.items():
            np.testing.assert_array_equal(leaf, expected[name])
            assert leaf.dtype == expected[name].dtype
        np.testing.assert_array_equal(batch["index"], indices(step, 50, 8, experiment.seed))


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_every_way_gives_the_same_balanced_batches(workers, experiment, toy, feeds):
    split, changes = toy.splits["train"], {"sampling": "balanced"}
    feed = feeds(split, experiment, num_workers=workers, **changes)
    resident = feeds(split, experiment, data_placement="device", **changes)
    for step in STEPS:
        batch, expected = batch_of(feed, step), batch_of(resident, step)
        for name, leaf in batch.items():
            np.testing.assert_array_equal(leaf, expected[name])
            assert leaf.dtype == expected[name].dtype
        index, epoch = balanced_indices(step * 8, 8, class_index(split.targets), experiment.seed)
        np.testing.assert_array_equal(batch["index"], index)
        np.testing.assert_array_equal(batch["epoch"], epoch)
        assert np.bincount(batch["targets"]).min() >= 2  # of three classes in a batch of 8
    many = resident.step_inputs(4, 5)  # what is sent for five steps at once
    np.testing.assert_array_equal(many["index"][2], batch_of(feed, 6)["index"])


@dataclasses.dataclass(frozen=True)
class OneOfTwo(Layout):
    """What one of two processes sees."""

    process: int = 0
    processes: int = 2


@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
@pytest.mark.parametrize(("kind", "workers"), [("device", 0), ("host", 0), ("host", 1)])
def test_each_process_of_a_run_is_fed_its_own_part(kind, workers, sampling, experiment, toy, feeds):
    split, experiment = toy.splits["train"], dataclasses.replace(experiment, sampling=sampling)
    whole = feeds(split, experiment, data_placement=kind)
    layouts = [OneOfTwo(make_layout("pmap").devices, process=process) for process in range(2)]
    parts = [feeds(split, experiment, layout, data_placement=kind, num_workers=workers) for layout in layouts]
    for step in (5, 6, 7):
        expected, got = batch_of(whole, step), [batch_of(part, step) for part in parts]
        for name, leaf in expected.items():
            assert len(got[0][name]) == 4
            np.testing.assert_array_equal(np.concatenate([part[name] for part in got]), leaf)


@dataclasses.dataclass(frozen=True)
class Made:
    """A split that lies nowhere: rows are made from their indices, in a process that it tells of."""

    bad: int | None = None
    side: int = 2
    size: int = 50

    def __len__(self):
        return self.size

    def rows(self, chosen):
        if multiprocessing.parent_process() and self.bad in chosen:
            raise jaxflow.UserError(f"some.file, record {self.bad}: example {self.bad} (cat_{self.bad}) cannot be read")
        devices = sys.modules["jax._src.xla_bridge"].backends_are_initialized()
        inputs = np.zeros((len(chosen), self.side, self.side), np.uint8) + chosen[:, None, None].astype(np.uint8)
        told = np.array([[os.getpid(), devices]] * len(chosen))
        return {"inputs": inputs, "targets": chosen, "told": told}


def test_workers_take_turns_and_touch_no_device(experiment, feeds):
    feed = feeds(Made(), experiment, num_workers=2)
    batches = [batch_of(feed, step) for step in (4, 5, 6, 7)]
    pids = [batch["told"][0, 0] for batch in batches]
    assert pids[0] == os.getpid()
    assert len({*pids}) == 3
    assert pids[1] == pids[3]
    assert [batch["told"][0, 1] for batch in batches] == [1, 0, 0, 0]


def test_what_goes_wrong_in_a_worker_is_said_here(experiment, feeds):
    bad = int(indices(3, 50, 8, experiment.seed)[5])
    feed = feeds(Made(bad), experiment, num_workers=2)
    named = rf"some\.file, record {bad}: example {bad} \(cat_{bad}\) cannot be read"
    with pytest.raises(jaxflow.UserError, match=named):
        run_through(feed, range(8))
    assert not multiprocessing.active_children()


def test_a_worker_that_is_killed_is_missed(experiment, feeds):
    feed = feeds(Made(), experiment, num_workers=1, epochs=50)
    for step in range(3):
        batch_of(feed, step)
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
    with pytest.raises(
        jaxflow.UserError, match=r"exit code -9.*; if memory or /dev/shm ran out, use fewer --num_workers"
    ):
        run_through(feed, range(3, 50))


def test_workers_outlive_the_signals_that_a_whole_job_gets(experiment, feeds):
    feed = feeds(Made(), experiment, num_workers=1, epochs=50)
    for step in range(3):
        batch_of(feed, step)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(multiprocessing.active_children()[0].pid, number)
    for step in range(3, 20):
        np.testing.assert_array_equal(batch_of(feed, step)["targets"], indices(step, 50, 8, experiment.seed))


def test_a_feed_that_is_dropped_leaves_no_processes(experiment):
    feed = build_pipeline(
        Made(), dataclasses.replace(experiment, data_placement="host", num_workers=1), make_layout("pmap")
    )
    for step in range(3):
        batch_of(feed, step)
    assert len(multiprocessing.active_children()) == 1
    del feed
    deadline = time.monotonic() + 20  # the thread may be at the next batch
    while multiprocessing.active_children() and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.1)
    assert not multiprocessing.active_children()


SCRIPT = """
import multiprocessing, os, signal, sys
import numpy as np
sys.path.insert(0, {root!r})
from jaxflow.data.batching.batches import Batches
from jaxflow.training.workers import by_workers


class Own:
    def __len__(self): return 50
    def rows(self, chosen):
        if multiprocessing.parent_process():
            heavy = {{"flax", "optax", "tensorflow_datasets", "jaxflow.training.input_pipeline"}} & {{*sys.modules}}
            assert not heavy, heavy
        return {{"inputs": chosen}}


if __name__ == "__main__":
    make, close = by_workers(Batches(Own(), 8, 0, slice(None)), 1000, 2)
    for step in range(4):
        make(step)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    {end}
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [("pass", 0), ("sys.exit(3)", 3), ("close(); raise ValueError", 1), ("os.kill(os.getpid(), signal.SIGKILL)", -9)],
)
@pytest.mark.slow
def test_workers_end_with_the_process_however_it_ends(end, status, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT.format(root=str(ROOT), end=end))
    done = subprocess.run([sys.executable, "-W", "error", tmp_path / "script.py"], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
    if status in (0, 3):
        assert done.stderr == ""


def test_splits_of_an_experiment_file_reach_the_workers(experiment, feeds, tmp_path):
    (tmp_path / "own_split.py").write_text(
        "import numpy as np\n"
        "class Own:\n"
        "    def __len__(self): return 50\n"
        "    def rows(self, chosen): return {'inputs': np.asarray(chosen) * FACTOR}\n"
        "FACTOR = 3\n"
    )
    feed = feeds(execute(tmp_path / "own_split.py").Own(), experiment, num_workers=1)
    for step in range(3):
        np.testing.assert_array_equal(batch_of(feed, step)["inputs"], 3 * indices(step, 50, 8, experiment.seed))


def test_without_grain_workers_are_refused_in_one_line(experiment, toy, monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(jaxflow.UserError, match=r"workers is 2, which takes Grain: pip install -e '\.\[stream\]', or"):
        build_pipeline(toy.splits["train"], dataclasses.replace(experiment, num_workers=2), make_layout("pmap"))


def test_auto_puts_on_the_device_what_is_in_memory_and_fits(experiment, toy, feeds, monkeypatch):
    split = toy.splits["train"]
    assert feeds(split, experiment, data_placement="auto").max_steps > 1
    assert feeds(Made(), experiment, data_placement="auto").max_steps == 1
    assert feeds(split, experiment, data_placement="auto", num_workers=1).max_steps == 1
    monkeypatch.setattr("jaxflow.training.input_pipeline.free_bytes", lambda device: 8 * split.nbytes - 1)
    assert feeds(split, experiment, data_placement="auto").max_steps == 1


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.slow
def test_memory_stays_bounded(workers, experiment, feeds):
    # 300 MB go through: 800 examples of 384 KiB, 64 batches of 8 and more. In flight: a few batches of 3 MiB.
    split = Made(side=620, size=800)
    feed = feeds(split, experiment, num_workers=workers, epochs=1)
    for step in range(100):
        batch = feed.step_inputs(step, 1)
        assert int(batch["inputs"][0, 3, 5, 5]) == int(batch["targets"][0, 3]) % 256
        if step == 10:
            before = peak = resident_bytes()
        elif step > 10:
            peak = max(peak, resident_bytes())
    assert peak - before < 60e6
