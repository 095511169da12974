"""Another user of this machine against a run of two processes: nothing of his is executed, and no value is changed."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import launch
from tests.runtime.test_distributed import EXPERIMENT, alive, caches, training

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root may"),
]

# It imports JAX before it becomes nobody, who may not read this Python.
STRANGER = """
import json, os, socket, sys, time
import jax

address, mode, marker = sys.argv[1:]
PICKLE = f"cposix\\nsystem\\n(S'touch {marker}'\\ntR.".encode()

def attack():
    jax.distributed.initialize(address, 2, 1, cluster_detection_method="deactivate")
    from jax._src.distributed import global_state
    client = global_state.client
    if mode == "pickle":
        for number in range(3):
            client.key_value_set_bytes(f"jaxflow/{number}/1", PICKLE)
    jax.devices()
    sent = client.blocking_key_value_get_bytes("jaxflow/0/0", 30_000)
    if mode == "echo":
        client.key_value_set_bytes("jaxflow/0/1", sent)
    held = client.key_value_dir_get_bytes("jaxflow/")
    return [os.getuid(), len(held), b"".join(value for _, value in held).decode("latin1")]

def look():
    found = [os.getuid()]
    for act in (lambda: socket.socket(socket.AF_UNIX).connect(address), lambda: os.listdir(os.path.dirname(address)),
                lambda: open(f"/proc/{marker}/environ").read()):
        try:
            found.append(str(act()))
        except OSError as error:
            found.append(type(error).__name__)
    return found + [open(f"/proc/{marker}/cmdline").read()]

if os.fork() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    try:
        print(json.dumps(look() if mode == "look" else attack()), flush=True)
        time.sleep(0 if mode == "look" else 20)
    finally:
        os._exit(0)
os.wait()
"""
SECRET = "known to processes of this run alone"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("strangers")
    (path / "toy.py").write_text(EXPERIMENT)
    (path / "stranger.py").write_text(STRANGER)
    return path


@contextlib.contextmanager
def stranger(folder, *arguments):
    process = subprocess.Popen(
        [sys.executable, "stranger.py", *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("mode", ["pickle", "echo"])
def test_who_takes_the_place_of_a_process_is_not_believed(mode, folder):
    marker, address = folder / "executed", f"127.0.0.1:{free_port()}"
    (folder / "secret").write_text(SECRET)
    (folder / "secret").chmod(0o600)
    flags = ("--coordinator", address, "--num-processes=2", "--process-id=0", "--secret-file=secret")
    with stranger(folder, address, mode, str(marker)) as attacking:
        done = launch("train", "--config", "toy.py", "--workdir", f"run-{mode}", *flags, cwd=folder, **caches(folder))
        uid, held, text = json.loads(attacking.stdout.readline())
    assert (uid, held) == (65534, {"pickle": 4, "echo": 2}[mode])
    assert SECRET not in text
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "error: what stands for process 1 on the coordinator does not verify: someone else" in done.stderr
    assert not marker.exists()
    assert not (folder / f"run-{mode}").exists()


def test_local_processes_cannot_be_reached(folder):
    run = folder / "local"
    with training(folder, run) as parent:
        children = [pid for pid in alive(run) if pid != parent.pid]
        environment = Path(f"/proc/{children[0]}/environ").read_bytes().decode()
        settings = dict(line.split("=", 1) for line in environment.split("\0") if "=" in line)
        address = settings["JAX_COORDINATOR_BIND_ADDRESS"].removeprefix("unix:")
        with stranger(folder, address, "look", str(children[0])) as looking:
            *found, command = json.loads(looking.stdout.readline())
        assert found == [65534, *["PermissionError"] * 3]
        assert address in command
        assert settings["JAXFLOW_RUN_SECRET"] not in command
        parent.send_signal(signal.SIGTERM)
        _, errors = parent.communicate(timeout=60)
        assert parent.returncode == 75, errors
    assert not Path(address).parent.exists()
