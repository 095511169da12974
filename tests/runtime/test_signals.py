"""Signals to a command: one line and the right status from its first lines to its last; steps that are done are kept.

Most moments are reached in processes that stop themselves there, by a hook in the experiment file.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from jaxflow.commands.verbs import NO_VERB, verbs
from jaxflow.runtime import signals
from jaxflow.runtime.preemption import preemption_flag
from jaxflow.training.checkpoints.checksums import checksums
from jaxflow.training.trained import read_trained
from tests.conftest import ROOT, launch

EXPERIMENT = """
import os, signal
from jaxflow import MLP, SGD, Classification, Digits, Experiment, Flip, Scale

def get_config():
    return Experiment(
        data=Digits(), preprocess=(Scale(),), augment=(Flip(),), model=MLP(hidden=(16,), dropout=0.1),
        problem=Classification(), optimizer=SGD(0.05), batch_size=32, epochs=3, log_every_steps=10,
    )
"""


@pytest.mark.parametrize(
    ("words", "number", "status", "line"),
    [
        (["train", "--config", "a"], signal.SIGTERM, 75, "stopped by SIGTERM; launch again to resume"),
        (["--config", "a"], signal.SIGINT, 75, "stopped by Ctrl-C; launch again to resume"),
        ([], signal.SIGINT, 75, "stopped by Ctrl-C; launch again to resume"),
        (["evaluate"], signal.SIGTERM, 75, "stopped by SIGTERM; launch again to resume"),
        (["train", "--config", "a", "--overwrite"], signal.SIGTERM, 143, "stopped by SIGTERM"),
        (["predict", "--input", "train"], signal.SIGINT, 130, "stopped by Ctrl-C"),
        (["explore"], signal.SIGTERM, 143, "stopped by SIGTERM"),
        (["generate"], signal.SIGTERM, 143, "stopped by SIGTERM"),
        (["replay"], signal.SIGINT, 130, "stopped by Ctrl-C"),
    ],
)
def test_what_a_signal_means_for_a_command(words, number, status, line):
    assert signals.exit_status(number, words) == status
    assert signals.describe(number, words) == line


def test_verbs_that_go_on_are_verbs():
    assert {verb or NO_VERB for verb in signals.RESUMED} <= set(verbs())


def test_a_signal_is_heard_at_once_by_the_innermost():
    heard = {"outer": [], "inner": []}

    def wait_for(name, count):
        deadline = time.monotonic() + 5
        while len(heard[name]) < count and time.monotonic() < deadline:
            time.sleep(0.001)

    before = signal.getsignal(signal.SIGTERM)
    with signals.heard_at_once(heard["outer"].append):
        os.kill(os.getpid(), signal.SIGINT)  # no KeyboardInterrupt
        wait_for("outer", 1)
        with signals.heard_at_once(heard["inner"].append):
            os.kill(os.getpid(), signal.SIGTERM)
            wait_for("inner", 1)
        os.kill(os.getpid(), signal.SIGTERM)
        wait_for("outer", 2)
        os.kill(os.getpid(), signal.SIGTERM)  # at once again, as timeout(1) sends it
        time.sleep(0.05)
    assert heard == {"outer": [signal.SIGINT, signal.SIGTERM], "inner": [signal.SIGTERM]}
    assert signals.last_signal() == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def poll(should_stop, step=0):
    deadline = time.monotonic() + 5
    while not should_stop(step) and time.monotonic() < deadline:
        time.sleep(0.001)
    return should_stop(step)


def test_a_loop_is_asked_to_stop_from_its_first_poll_on():
    with preemption_flag() as should_stop:
        assert not should_stop(0)
        os.kill(os.getpid(), signal.SIGTERM)
        assert poll(should_stop)


def test_a_signal_before_the_first_poll_interrupts():
    def train():
        with preemption_flag():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)  # to compile

    with pytest.raises(KeyboardInterrupt):
        train()


def test_a_signal_that_comes_after_the_last_poll_is_not_lost():
    done = []

    def train():
        with preemption_flag() as should_stop:
            assert not should_stop(0)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)  # to write the last checkpoint
            done.append("written")
        time.sleep(5)
        done.append("evaluated")

    with pytest.raises(KeyboardInterrupt):
        train()
    assert done == ["written"]


def test_threads_that_are_not_the_main_one_hear_nothing():
    answers = []

    def train():
        with preemption_flag() as should_stop:
            answers.append(should_stop(0))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert answers == [False]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the experiment, an unbroken run of it, and new data."""
    path = tmp_path_factory.mktemp("signals")
    (path / "toy.py").write_text(EXPERIMENT)
    np.save(path / "new.npy", np.random.RandomState(0).randint(0, 17, (3, 8, 8, 1)).astype(np.uint8))
    for words in (("--config", "toy.py"), ("predict", "--input", "new.npy", "--output", "unbroken.csv")):
        done = launch(*words, "--workdir", "unbroken", cwd=path, **caches(path))
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return path


def caches(path):
    return {"JAXFLOW_CACHE_DIR": str(path / "cache")}


def listens(process):
    """Returns whether the process has a handler of SIGTERM, or has ended: before it, Python itself still starts."""
    try:
        with open(f"/proc/{process.pid}/status") as file:
            caught = next(line for line in file if line.startswith("SigCgt"))
    except (OSError, StopIteration):
        return True
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def interrupted(folder, delay, number, *words):
    """Starts a command, signals it `delay` seconds after it began to listen, and returns its status and its errors."""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"} | caches(folder)
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "launch.py"), *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not listens(process):
        time.sleep(0.001)
    time.sleep(delay)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


linux = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="tells when a process listens by /proc")


@linux
@pytest.mark.parametrize(("words", "status"), [(("train", "--config", "toy.py"), 75), (("predict",), 143)])
def test_a_signal_while_python_imports_is_one_line(words, status, tmp_path):
    assert interrupted(tmp_path, 0.0, signal.SIGTERM, *words) == (
        status,
        f"stopped by SIGTERM{'; launch again to resume' if status == 75 else ''}\n",
    )


@linux
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("verb", ["train", "evaluate", "predict"])
def test_a_signal_at_any_moment_costs_nothing(verb, number, folder):
    """Every tenth of a second (JAXFLOW_SIGNALS=100), or at some moments, until the command ends before its signal."""
    run = folder / f"{verb}-{number.name}"
    words = {
        "train": ("train", "--config", "toy.py", "--workdir", run.name),
        "evaluate": ("evaluate", "--workdir", run.name),
        "predict": ("predict", "--workdir", "unbroken", "--input", "new.npy", "--output", f"{run.name}.csv"),
    }[verb]
    if verb == "evaluate":
        shutil.copytree(folder / "unbroken", run)
        shutil.rmtree(run / "predictions")
    chance, moments = random.Random(verb), int(os.environ.get("JAXFLOW_SIGNALS", "8"))
    allowed = {0, 75} if verb != "predict" else {0, 128 + number}
    seen, delay = set(), 0.0
    for _ in range(moments):
        status, errors = interrupted(folder, delay, number, *words)
        assert status in allowed, (delay, errors)
        assert "Traceback" not in errors
        assert len(errors.splitlines()) <= 2, errors
        assert (status == 0) == (errors == "")
        seen.add(status)
        if status == 0:
            break
        delay += 0.1 if moments > 50 else chance.uniform(0.2, 0.9)
    assert len(seen) == 2 or 0 not in seen
    assert not list(folder.glob(f".{run.name}*"))
    done = launch(*words, cwd=folder, **caches(folder))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    if verb == "predict":
        assert (folder / f"{run.name}.csv").read_text() == (folder / "unbroken.csv").read_text()
    else:
        assert checksums(read_trained(run).state) == checksums(read_trained(folder / "unbroken").state)
    if verb == "evaluate":
        tables = [(path / "predictions" / "test.csv").read_text() for path in (run, folder / "unbroken")]
        assert tables[0] == tables[1]
        names = {path.name for path in (run / "predictions").iterdir()}
        assert names == {"explanations.npz", "test.csv", "test.parquet"}


@pytest.mark.slow
def test_overwriting_is_stopped_with_the_signals_own_status(folder):
    (folder / "stops.py").write_text(EXPERIMENT + STOPS)
    words = ("train", "--config", "stops.py", "--workdir", "over", "--overwrite", "--epochs=1000")
    done = launch(*words, cwd=folder, **caches(folder))
    assert done.returncode == 143
    assert "which is saved; launch again to resume, without --overwrite, which would begin anew\n" in done.stderr


# A signal from within: as the loop writes its first line.
STOPS = """
from jaxflow.training import progress
log = progress.RunLog.interval

def stop(self, *arguments):
    progress.RunLog.interval = log
    os.kill(os.getpid(), signal.SIGTERM)
    return log(self, *arguments)

progress.RunLog.interval = stop
"""
