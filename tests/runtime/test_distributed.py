"""Several processes on this machine, started as a user starts them: the same numbers as one, and none left behind."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxflow
from jaxflow.runtime import joining
from jaxflow.runtime.cluster import detect_cluster, explicit_arguments
from jaxflow.runtime.distributed import broadcast, is_main, main_process_first, on_main, run_on_all
from jaxflow.runtime.local_processes import run_here
from jaxflow.training.checkpoints.checkpointer import saved_steps
from jaxflow.training.trained import read_trained
from tests.conftest import ROOT, launch
from tests.test_faults import fill, small_disk

TWO_DEVICES = "--xla_force_host_platform_device_count=2"
EXPERIMENT = """
from jaxflow import MLP, SGD, Classification, Digits, Experiment, Flip, Scale

def get_config():
    return Experiment(
        data=Digits(), preprocess=(Scale(),), augment=(Flip(),), model=MLP(hidden=(64,), dropout=0.1),
        problem=Classification(), optimizer=SGD(0.05), batch_size=32, microbatch=8, epochs=0.05, log_every_steps=1,
    )
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the experiment and a run of two steps on one process and one device."""
    path = tmp_path_factory.mktemp("processes")
    (path / "toy.py").write_text(EXPERIMENT)
    done = launch("--config", "toy.py", "--workdir", "one", cwd=path, **caches(path))
    assert done.returncode == 0, done.stderr
    return path


def caches(path):
    return {"JAXFLOW_CACHE_DIR": str(path / "cache")}


def on_two(folder, *arguments):
    return launch(
        *arguments, "--config", "toy.py", "--local-processes=2", cwd=folder, XLA_FLAGS=TWO_DEVICES, **caches(folder)
    )


def logged(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def assert_same_run(one, other, atol):
    for left, right in zip(logged(one), logged(other), strict=True):
        assert left.keys() == right.keys()
        for name in left.keys() - {"examples_per_second"}:
            assert left[name] == pytest.approx(right[name], abs=1e-5) if name != "split" else left[name] == right[name]
    states = read_trained(one).state, read_trained(other).state
    assert states[0].step == states[1].step
    for left, right in zip(*(jax.tree.leaves(state.params) for state in states), strict=True):
        np.testing.assert_allclose(left, right, atol=atol)


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "feed"), [("pmap", "auto"), ("shard_map", "host"), ("fsdp", "auto")])
def test_two_processes_do_what_one_does(strategy, feed, folder):
    run = folder / strategy
    done = on_two(folder, "--workdir", strategy, f"--strategy={strategy}", f"--data_placement={feed}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test: loss") == 1
    environment = json.loads((run / "environment.json").read_text())
    assert (environment["processes"], len(environment["devices"])) == (2, 4)
    assert_same_run(folder / "one", run, 1e-6)
    results = [json.loads((path / "results.json").read_text()) for path in (folder / "one", run)]
    for split in ("validation", "test"):
        assert results[0][split].keys() == results[1][split].keys()
        for name, value in results[0][split].items():  # an interval is a list
            np.testing.assert_allclose(value, results[1][split][name], atol=1e-5, err_msg=name)
    assert results[0]["baseline"] == results[1]["baseline"]
    assert (results[1]["state_bytes_per_device"] < 0.6 * results[0]["state_bytes_per_device"]) == (strategy == "fsdp")
    tables = []
    for path in (folder / "one", run):
        with (path / "predictions" / "test.csv").open() as file:
            tables.append(list(csv.DictReader(file)))
    for left, right in zip(*tables, strict=True):
        assert [left[name] for name in ("id", "target", "prediction")] == [
            right[name] for name in ("id", "target", "prediction")
        ]
        assert float(left["probability"]) == pytest.approx(float(right["probability"]), abs=2e-6)


def alive(workdir):
    """Lists the processes of a run that are there."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(workdir).encode() in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return found


@contextlib.contextmanager
def training(folder, run, *flags, past=10):
    """Two processes that train for long, as soon as they have a checkpoint of a step past `past`."""
    environment = os.environ | caches(folder) | {"XLA_FLAGS": TWO_DEVICES}
    command = [sys.executable, str(ROOT / "launch.py"), "train", "--config", "toy.py", "--workdir", str(run)]
    command += ["--epochs=60", "--log_every_steps=10", "--checkpoint_every_steps=10", "--validate_every_epochs=100"]
    command += ["--local-processes=2", *flags]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 120
        while newest(run) <= past:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def newest(run):
    return max(saved_steps(run / "checkpoints"), default=0)


def goes_on_until_stopped(folder, run):
    """Launches a run again, and stops it when it has gone on."""
    assert alive(run) == []
    kept = newest(run)
    with training(folder, run, past=kept) as parent:
        # What the parent is told, all are told, and they agree on a step.
        parent.send_signal(signal.SIGTERM)
        _, errors = parent.communicate(timeout=60)
        assert parent.returncode == 75, errors
    assert alive(run) == []
    stopped = newest(run)
    assert stopped > kept >= 20
    assert [line["step"] for line in logged(run)][: kept // 10] == list(range(10, kept + 1, 10))
    assert f"stopped at step {stopped} of" in errors
    assert errors.count("stopped at") == 1


@pytest.mark.slow
def test_a_lost_process_ends_the_run_and_it_goes_on_from_the_last_checkpoint(folder):
    run = folder / "lost"
    with training(folder, run) as parent:
        children = [pid for pid in alive(run) if pid != parent.pid]
        assert len(children) == 2
        begun = time.monotonic()
        os.kill(max(children), signal.SIGKILL)
        _, errors = parent.communicate(timeout=60)
        assert parent.returncode == 1
        assert time.monotonic() - begun < 30
        assert "was ended by SIGKILL, so all were; launch again to resume" in errors
    goes_on_until_stopped(folder, run)


@pytest.mark.slow
def test_a_stalled_process_ends_the_run_and_it_goes_on_from_the_last_checkpoint(folder):
    run = folder / "stalled"
    with training(folder, run, "--watchdog_seconds=15") as parent:
        children = [pid for pid in alive(run) if pid != parent.pid]
        begun = time.monotonic()
        os.kill(max(children), signal.SIGSTOP)
        _, errors = parent.communicate(timeout=120)
        assert parent.returncode != 0
        assert time.monotonic() - begun < 15 + 60
        assert "no step was finished for 15 s (watchdog_seconds); launch again to resume" in errors
    goes_on_until_stopped(folder, run)


@pytest.mark.slow
def test_a_full_disk_ends_the_run_and_it_goes_on_from_the_last_checkpoint(folder):
    with small_disk(folder / "disk", "size=24m") as disk:
        run = disk / "run"
        with training(folder, run) as parent:
            filler = fill(disk)
            _, errors = parent.communicate(timeout=90)
            assert parent.returncode == 2
        assert "error: disk full: cannot write" in errors
        assert "Traceback" not in errors
        filler.unlink()
        goes_on_until_stopped(folder, run)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_before_training_is_one_line(number, folder):
    command = [sys.executable, str(ROOT / "launch.py"), "--config", "toy.py", "--workdir", f"early-{number.name}"]
    process = subprocess.Popen(
        [*command, "--local-processes=2"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while len(alive(f"early-{number.name}")) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 75, errors
    assert re.fullmatch("stopped by (SIGTERM|Ctrl-C); launch again to resume\n", errors)
    assert alive(f"early-{number.name}") == []
    assert not (folder / f"early-{number.name}").exists()


# Gloo connects devices at the first collective, and waits for 30 seconds.
LATE = """
import sys, time
from jaxflow.training.program import Program

compile_train_steps = Program.compile_train_steps

def late(self, pipeline):
    time.sleep(40 * ("--process-id=1" in sys.argv))
    return compile_train_steps(self, pipeline)

Program.compile_train_steps = late
"""


@pytest.mark.slow
def test_a_process_may_be_late_for_the_first_step(folder):
    (folder / "late.py").write_text(EXPERIMENT + LATE)
    begun = time.monotonic()
    done = launch(
        "--config", "late.py", "--workdir", "late", "--local-processes=2", cwd=folder, **caches(folder),
        XLA_FLAGS=TWO_DEVICES,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - begun > 40
    assert "Gloo" not in done.stdout
    assert_same_run(folder / "one", folder / "late", 1e-6)


@pytest.mark.slow
def test_processes_that_start_late_are_waited_for_and_it_is_said(folder):
    address = f"unix:{folder}/c"  # short: an address has room for 107 bytes
    command = [sys.executable, str(ROOT / "launch.py"), "train", "--config", "toy.py", "--workdir", "waited"]
    command += [f"--coordinator={address}", "--num-processes=2", "--batch_size=32"]
    settings = {"JAX_COORDINATOR_BIND_ADDRESS": address, "JAXFLOW_RUN_SECRET": "s" * 16}
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"} | caches(folder) | settings
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = []
    for process in (0, 1):
        processes.append(subprocess.Popen([*command, f"--process-id={process}"], cwd=folder, env=environment, **pipes))
        time.sleep(13 * (1 - process))
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert outputs[0][0].startswith("waiting for the other processes of this run to start\n")
    assert (outputs[0][1], outputs[1]) == ("", ("", ""))


@pytest.mark.slow
def test_nothing_outlives_the_parent(folder):
    run = folder / "orphans"
    with training(folder, run) as parent:
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 20
        while alive(run) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert alive(run) == []


@pytest.mark.slow
def test_a_mistake_of_one_process_ends_all(folder):
    text = EXPERIMENT + "import sys, jaxflow\nif '--process-id=1' in sys.argv: raise jaxflow.UserError('only here')\n"
    (folder / "one_fails.py").write_text(text)
    begun = time.monotonic()
    done = launch("--config", "one_fails.py", "--local-processes", "2", "--workdir", "no", cwd=folder, **caches(folder))
    assert done.returncode == 2
    assert "process 1: error: one_fails.py: only here" in done.stderr
    assert time.monotonic() - begun < 60
    assert not (folder / "no").exists()


@pytest.mark.slow
def test_a_mistake_of_all_is_said_once(folder):
    done = on_two(folder, "--batch_size=30", "--microbatch=None", "--workdir", "no")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    assert lines == [
        "error: batch_size 30 is not divisible by the 4 devices; use a multiple of 4, or show JAX fewer devices"
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("host:1", None, None), "--num-processes and --process-id missing"),
        ((None, "2", None), "--coordinator and --process-id missing"),
        (("auto", "2", None), "--process-id missing"),
        (("host", "2", "0"), "--coordinator is host; it must be HOST:PORT"),
        (("host:port", "2", "0"), "--coordinator is host:port"),
        (("host:1", "many", "0"), "--num-processes is many"),
        (("host:1", "2", "2"), "--process-id is 2; it must be in 0..1"),
        (("host:1", "2", "-1"), "--process-id is -1"),
        (("host:" + "9" * 5000, "2", "0"), "it must be HOST:PORT"),
        (("host:1", "9" * 5000, "0"), "--num-processes is 9{40}; it must be 1 or more"),
        (("host:1", "1000000000000", "0"), "--num-processes is 1000000000000; .* at most 2,147,483,647"),
        (("host:1", "2", "9" * 5000), r"--process-id is 9{40}; it must be in 0\.\.1"),
        (("a b\n:1", "2", "1"), "it must be HOST:PORT"),
        (("unix:", "2", "1"), "the path of a socket has 1 to 107 bytes"),
        (("unix:/tmp/" + 200 * "x", "2", "1"), "the path of a socket has 1 to 107 bytes"),
    ],
)
def test_flags_that_do_not_fit_together(flags, message):
    with pytest.raises(jaxflow.UserError, match=message):
        explicit_arguments(*flags)


def test_flags_become_arguments():
    assert explicit_arguments("auto", None, None) is None
    assert explicit_arguments(None, None, None) is None
    assert explicit_arguments("host:1", "1", "0") == {}
    assert explicit_arguments("[::1]:80", "4", "3") == {
        "coordinator_address": "[::1]:80",
        "num_processes": 4,
        "process_id": 3,
        "cluster_detection_method": "deactivate",
    }


def test_a_coordinator_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(joining, "START_TIMEOUT_S", 0.3)
    with pytest.raises(jaxflow.UserError, match=r"cannot reach process 0 at 127\.0\.0\.1:9 for 0\.3 s: .*refused"):
        joining.join("127.0.0.1:9", "2", "1")


@pytest.mark.parametrize(
    ("environment", "cluster"),
    [
        ({}, None),
        ({"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1"}, "SLURM"),
        ({"SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, None),  # a shell in a job of four
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "Open MPI"),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, None),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, "TPU pod"),
        ({"TPU_WORKER_HOSTNAMES": "localhost"}, None),
        ({"MEGASCALE_NUM_SLICES": "2"}, "TPU pod"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "1"}, None),  # its jobs may be runs each
    ],
)
def test_only_a_cluster_that_says_so_has_several_processes(environment, cluster):
    assert detect_cluster(environment) == cluster


def test_one_process_agrees_with_itself():
    assert is_main()
    assert (on_main(lambda: 1), run_on_all(lambda: 2), main_process_first(lambda: 3), broadcast(4)) == (1, 2, 3, 4)
    with pytest.raises(jaxflow.UserError, match="no"):
        on_main(raising)


def raising():
    raise jaxflow.UserError("no")


@pytest.mark.parametrize("count", ["0", "two", "1000000000000", "9" * 5000])
def test_a_number_of_processes_that_no_machine_runs_starts_none(count):
    with pytest.raises(jaxflow.UserError, match=r"--local-processes is \w{1,40}; it must be 1 or more, and at most"):
        run_here([], count)


def test_a_host_that_can_have_no_address_is_not_waited_for():
    with pytest.raises(jaxflow.UserError, match=r"--coordinator is a\.\.b:9"):
        joining.join("a..b:9", "2", "1")
