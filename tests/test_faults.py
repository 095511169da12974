"""Real processes, real signals, real disks: what is saved survives, and what goes wrong is said."""

import contextlib
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxflow.training.checkpoints.checkpointer import saved_steps
from jaxflow.training.checkpoints.checksums import checksums
from jaxflow.training.trained import read_trained
from tests.conftest import ROOT, launch

# JAXFLOW_KILLS=100 pytest tests/test_faults.py -k killed: the long version.
KILLS = int(os.environ.get("JAXFLOW_KILLS", "20"))
EPOCHS = 25 * max(1, KILLS // 20)
EXPERIMENT = f"""
from jaxflow import MLP, SGD, Classification, Digits, Experiment, Scale, Flip

def get_config():
    return Experiment(
        data=Digits(), preprocess=(Scale(),), augment=(Flip(),), model=MLP(hidden=(16,), dropout=0.1),
        problem=Classification(), optimizer=SGD(0.05, momentum=0.9), batch_size=16, epochs={EPOCHS},
        log_every_steps=50, validate_every_epochs=5, checkpoint_every_steps=10,
    )
"""
TOTAL = math.ceil(EPOCHS * 1258 / 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the experiment and an unbroken run of it."""
    path = tmp_path_factory.mktemp("faults")
    (path / "digits_mlp.py").write_text(EXPERIMENT)
    done = launch("train", "--config", "digits_mlp.py", "--workdir", "unbroken", cwd=path, **caches(path))
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def unbroken(folder):
    return checksums(read_trained(folder / "unbroken").state)


def caches(path: Path) -> dict[str, str]:
    return {"JAXFLOW_CACHE_DIR": str(path / "cache")}


@contextlib.contextmanager
def training(folder: Path, workdir: str, *flags: str):
    """A process that trains; ended at the end, whatever happens."""
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"} | caches(folder)
    command = [sys.executable, str(ROOT / "launch.py"), "train", "--config", "digits_mlp.py", "--workdir", workdir]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*command, *flags], cwd=folder, env=environment, **pipes)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def newest(folder: Path) -> int:
    return max(saved_steps(folder / "checkpoints"), default=0)


def wait_past(folder: Path, step: int, process: subprocess.Popen) -> None:
    """Waits for a checkpoint past a step, or the process's end."""
    deadline = time.monotonic() + 120
    while newest(folder) <= step and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.slow
def test_a_run_killed_at_random_points_ends_as_the_unbroken_one(folder, unbroken):
    chance, run, killed = random.Random(0), folder / "killed", 0
    for _ in range(KILLS):
        before = newest(run)
        with training(folder, "killed") as process:
            wait_past(run, before, process)
            time.sleep(chance.uniform(0, 0.12))  # a save begins every 10 steps: some kills fall into one
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
            output, _ = process.communicate(timeout=60)
            assert process.returncode == -signal.SIGKILL
            killed += 1
            if before:
                resumed = int(re.search(r"resumed \S+ at step (\d+)", output)[1])
                assert resumed >= before > 0
    assert killed >= 0.75 * KILLS
    done = launch("train", "--workdir", "killed", cwd=folder, **caches(folder))
    assert done.returncode == 0, done.stderr
    assert "resumed" in done.stdout
    assert checksums(read_trained(run).state) == unbroken


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_saves_the_current_step_and_says_75(number, folder, unbroken):
    workdir = f"stopped-{number.name}"
    metrics = folder / workdir / "metrics.jsonl"
    # A line after each step: slow enough that the signal comes long before the last one.
    rhythm = ("--checkpoint_every_steps=100000", "--validate_every_epochs=100", "--log_every_steps=1")
    with training(folder, workdir, *rhythm) as process:
        deadline = time.monotonic() + 120
        while not (metrics.exists() and metrics.stat().st_size) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 75, errors
    step = int(re.search(rf"stopped at step (\d+) of {TOTAL}, which is saved; launch again to resume", errors)[1])
    assert saved_steps(folder / workdir / "checkpoints") == [step]
    assert json.loads(metrics.read_text().splitlines()[-1])["step"] == step
    assert not (folder / workdir / "results.json").exists()
    done = launch("train", "--workdir", workdir, cwd=folder, **caches(folder))
    assert f"at step {step} of {TOTAL}" in done.stdout
    assert checksums(read_trained(folder / workdir).state) == unbroken


SLOW = """
import time
from dataclasses import dataclass

import jax
from jaxflow import MLP, SGD, Classification, Digits, Experiment


@dataclass(frozen=True)
class Slow:
    def fit(self, inputs):
        return []

    def __call__(self, fitted, inputs):
        spec = jax.ShapeDtypeStruct(inputs.shape, "float32")
        return jax.pure_callback(slow, spec, inputs.astype("float32"))


def slow(inputs):
    with open("steps.txt", "a") as file:
        print(time.monotonic(), file=file)
    time.sleep(1.0)
    return jax.numpy.asarray(inputs) / 16


def get_config():
    return Experiment(
        data=Digits(validation=0), preprocess=(Slow(),), model=MLP(hidden=()), problem=Classification(),
        optimizer=SGD(), batch_size=16, epochs=10, log_every_steps=1000,
    )
"""


@pytest.mark.slow
def test_a_signal_is_answered_at_once_and_after_two_slow_steps(tmp_path):
    (tmp_path / "digits_mlp.py").write_text(SLOW)
    begun = tmp_path / "steps.txt"
    with training(tmp_path, "run") as process:
        deadline = time.monotonic() + 120
        while not begun.exists() or len(begun.read_text().splitlines()) < 4:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.3)
        signalled = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert "stopping" in process.stderr.readline()
        assert time.monotonic() - signalled < 0.6  # in the middle of a step of a second
        process.communicate(timeout=60)
        assert process.returncode == 75
    after = [line for line in begun.read_text().split() if float(line) > signalled]
    assert len(after) <= 2


@pytest.mark.slow
def test_a_second_signal_ends_at_once(folder):
    with training(folder, "impatient", "--epochs=10000") as process:
        wait_past(folder / "impatient", 0, process)
        process.send_signal(signal.SIGTERM)
        # The first line of standard error says that the first signal was seen.
        assert "stopping" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) in (75, 128 + signal.SIGTERM)


@pytest.mark.slow
def test_the_second_of_two_runs_in_one_folder_is_told_of_the_first(folder):
    with training(folder, "shared", "--epochs=10000") as process:
        wait_past(folder / "shared", 0, process)
        second = launch("train", "--workdir", "shared", cwd=folder, **caches(folder))
        assert second.returncode == 2
        assert re.search(rf"shared is in use by process {process.pid} on \S+; choose another", second.stderr)
        # Readers take no lock.
        reader = launch("evaluate", "--workdir", "shared", cwd=folder, **caches(folder))
        assert reader.returncode == 0, reader.stderr


@contextlib.contextmanager
def small_disk(path: Path, options: str):
    """A file system in memory of its own."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Fills a disk up to its last page."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    return filler


@pytest.mark.slow
@pytest.mark.parametrize("when", ["in mid-run", "on the last save"])
def test_a_full_disk_is_named_and_an_older_step_restores(when, folder, unbroken):
    with small_disk(folder / when.replace(" ", "-"), "size=64m") as disk:
        run = disk / "run"
        last = [
            "--checkpoint_every_steps=100000",
            "--validate_every_epochs=13",
        ]  # one save at step 1023, one at the end
        with training(folder, str(run), *(last if when == "on the last save" else [])) as process:
            wait_past(run, 0, process)
            filler = fill(disk)
            _, errors = process.communicate(timeout=120)
        assert process.returncode == 2, errors
        # One line, and nothing of what Orbax has to say.
        assert re.fullmatch(rf"error: disk full: cannot write {run}\S*; free space, and launch again[^\n]*\n", errors)
        filler.unlink()
        done = launch("train", "--workdir", str(run), cwd=folder, **caches(folder))
        assert done.returncode == 0, done.stderr
        assert int(re.search(r"at step (\d+) of", done.stdout)[1]) > 0
        assert checksums(read_trained(run).state) == unbroken


@pytest.mark.slow
def test_a_read_only_disk_stops_before_step_1(folder):
    with small_disk(folder / "readonly", "ro,size=1m") as disk:
        done = launch("train", "--config", "digits_mlp.py", "--workdir", str(disk / "run"), cwd=folder)
        assert done.returncode == 2
        assert re.fullmatch(r"error: cannot write to \S+: permission denied; choose another --workdir\n", done.stderr)
        assert not (disk / "run").exists()


@pytest.mark.slow
def test_a_stalled_step_ends_the_process(folder):
    stall = (
        "import sys, time, launch\n"
        "from jaxflow.training.program import Program\n"
        "real = Program.compile_train_steps\n"
        "def stalling(self, *given):\n"
        "    steps, calls = real(self, *given), []\n"
        "    def step(*arguments):\n"
        "        calls.append(1)\n"
        "        if len(calls) == 20: time.sleep(1000)\n"
        "        return steps(*arguments)\n"
        "    return step\n"
        "Program.compile_train_steps = stalling\n"
        "sys.exit(launch.main(sys.argv[1:]))\n"
    )
    command = [
        "train",
        "--config",
        "digits_mlp.py",
        "--workdir",
        "stalled",
        "--log_every_steps=1",
        "--watchdog_seconds=6",
    ]
    environment = os.environ | caches(folder) | {"PYTHONPATH": str(ROOT)}
    environment.pop("XLA_FLAGS", None)
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", stall, *command], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 75
    assert "no step was finished for 6 s (watchdog_seconds); launch again to resume" in done.stderr
    assert time.monotonic() - begun < 60
