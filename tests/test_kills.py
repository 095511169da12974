"""A kill, or an error of the operating system, at every point where a command changes files: nothing is lost.

JAXFLOW_KILLS=all pytest tests/test_kills.py: at every point; without it at a few, evenly chosen.
"""

import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxflow.file_io import is_temporary
from tests.conftest import ROOT

ALL = os.environ.get("JAXFLOW_KILLS") == "all"
EXPERIMENT = """
from dataclasses import dataclass

from jaxflow import MLP, SGD, Classification, Experiment, ImageFolder


@dataclass(frozen=True)
class Half:
    def fit(self, inputs):
        return []

    def __call__(self, fitted, inputs):
        return inputs / 510


def get_config():
    return Experiment(
        data=ImageFolder("images", size=(4, 4), channels=1), preprocess=(Half(),), model=MLP(hidden=(4,)),
        problem=Classification(), optimizer=SGD(0.05), batch_size=16, epochs=2, log_every_steps=2, max_checkpoints=1,
    )
"""
# By name: what is done first, and the command that is broken.
CASES = {
    "train": ("", "train --config own.py --workdir run"),
    "overwrite": ("trained evaluated predicted", "train --config own.py --workdir run --seed=3 --overwrite"),
    "evaluate": ("trained", "evaluate --workdir run"),
    "explore": ("", "explore --config own.py --workdir run"),
    "predict": ("trained", "predict --workdir run --input new.npy"),
    "no verb": ("", "--config own.py --workdir run"),
    "train again": ("trained", "train --workdir run"),
}
PREPARED = {"trained": CASES["train"][1], "evaluated": CASES["evaluate"][1], "predicted": CASES["predict"][1]}
# Points in CI, and what they are chosen from.
CHOSEN = {"train": 9, "overwrite": 12, "evaluate": 5, "explore": 4, "predict": 3, "no verb": 4, "train again": 3}
SPEED = {"examples_per_second", "seconds", "cpu_seconds", "test_evaluations", "digest"}


class Server:
    """A process that forks one for each command, and the folders that these work in."""

    def __init__(self, base: Path):
        """Starts it, with compiled programs kept below `base`."""
        self.base = base
        environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"} | {
            "PYTHONPATH": str(ROOT),
            "JAX_COMPILATION_CACHE_DIR": str(base / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.breaking"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=ROOT, env=environment,
        )  # fmt: skip

    def run(self, folder: Path, words: str, number: int | None = None, refuse: int | None = None):
        """Runs a command in a folder, broken at a point; returns its status, what it said, and how many it passed."""
        out, err = self.base / "out", self.base / "err"
        command = {
            "cwd": str(folder), "argv": [*words.split(), "--no-cache"],
            "folders": [str(folder / "run"), str(folder / "cache")],
            "environment": {"JAXFLOW_CACHE_DIR": str(folder / "cache")}, "stdout": str(out), "stderr": str(err),
            "number": number, "refuse": refuse,
        }  # fmt: skip
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        status = json.loads(self.process.stdout.readline())
        passed = re.search(r"points: (\d+)", out.read_text())
        return status, err.read_text(), int(passed[1]) if passed else 0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("kills"))
    yield started
    started.process.communicate(timeout=60)


@pytest.fixture(scope="module")
def prepared(server):
    """By what was done: a folder with data, experiment, and a run where that was done."""
    folders = {}

    def prepare(done: str) -> Path:
        if done not in folders:
            folder = folders[done] = server.base / f"prepared-{done.replace(' ', '-')}"
            folder.mkdir()
            (folder / "own.py").write_text(EXPERIMENT)
            generator = np.random.RandomState(0)
            np.save(folder / "new.npy", generator.randint(0, 255, (3, 4, 4, 1)).astype(np.uint8))
            for number in range(40):
                path = folder / "images" / "ab"[number % 2] / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(generator.randint(0, 255, (4, 4)).astype(np.uint8)).save(path)
            for word in done.split():
                status, errors, _ = server.run(folder, PREPARED[word])
                assert status == 0, errors
        return folders[done]

    return prepare


def state(folder: Path) -> dict[str, object]:
    """What a run folder has come to, without speeds: a cut file is an error here."""
    run, found = folder / "run", {}
    for path in sorted(run.rglob("*.jsonl")) + sorted(run.glob("*.json")):
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        found[path.name] = [{k: v for k, v in json.loads(line).items() if k not in SPEED} for line in lines]
    found |= {path.name: path.read_bytes() for path in sorted((run / "predictions").rglob("*")) if path.is_file()}
    for path in sorted((run / "checkpoints").glob("*")):
        meta = json.loads((path / "meta" / "metadata").read_text())
        meta["loop"] = {k: v for k, v in (meta.get("loop") or {}).items() if k not in (*SPEED, "timed_steps")}
        found[f"checkpoint {path.name}"] = {k: v for k, v in meta.items() if k != "digest"}
    found |= {path.name: path.read_text() for path in run.glob("*.py")}
    leftovers = [path for path in folder.rglob(".*") if is_temporary(path.name)]
    leftovers += list(run.rglob("*.orbax-checkpoint-tmp*"))
    return found | {"leftovers": leftovers, "page": sorted(path.name for path in (run / "report").glob("*"))}


def copy(prepared: Path, base: Path) -> Path:
    """A fresh copy of a prepared folder, always in the same place: the cache's keys have the path in them."""
    folder = base / "work"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(prepared, folder)
    return folder


@pytest.fixture(scope="module")
def unbroken(server, prepared):
    """By case: what the unbroken command comes to, and how many points it passes, of kills and of errors."""
    ends = {}

    def end(case: str) -> tuple[dict[str, object], int, int]:
        if case not in ends:
            done, words = CASES[case]
            folder = copy(prepared(done), server.base)
            _, _, refusals = server.run(folder, words, refuse=errno.EIO)
            folder = copy(prepared(done), server.base)
            status, errors, kills = server.run(folder, words)
            assert status == 0, errors
            ends[case] = state(folder), kills, refusals
        return ends[case]

    return end


def points(case: str, count: int) -> list[int]:
    chosen = range(count) if ALL else np.unique(np.linspace(0, count - 1, CHOSEN[case]).astype(int)).tolist()
    stride = os.environ.get("JAXFLOW_KILLS_PART", "0/1").split("/")
    return list(chosen)[int(stride[0]) :: int(stride[1])]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_command_that_was_killed_anywhere_goes_on_to_the_same_end(case, server, prepared, unbroken):
    (done, words), (expected, count, _) = CASES[case], unbroken(case)
    other, killed, folder = {}, 0, copy(prepared(done), server.base)
    chosen = points(case, count)
    for number in chosen:
        status, errors, _ = server.run(folder, words, number)
        killed += status == -9
        if not ALL and number != chosen[-1]:
            continue  # the next is killed too, in what this one has left
        again, said, _ = server.run(folder, words)
        end = state(folder) if again == 0 else {}
        if again or end != expected:
            differ = [name for name in expected if end.get(name) != expected[name]]
            other[number] = (errors.strip(), again, said.strip()[-300:], differ)
        folder = copy(prepared(done), server.base)
    print(f"{case}: {killed} kills of {count} points, other ends: {other}")
    assert killed >= len(chosen) // 2  # what resumes passes fewer points, and threads pass them in any order
    assert not other


ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EMFILE, errno.EFBIG, errno.ESTALE, errno.ENOENT, errno.EROFS)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES if ALL else ("train",))
def test_an_error_of_the_system_anywhere_is_one_line_and_loses_nothing(case, server, prepared, unbroken):
    (done, words), (expected, _, count) = CASES[case], unbroken(case)
    chance, other, refused = random.Random(case), {}, 0
    for number in points(case, count):
        folder, error = copy(prepared(done), server.base), chance.choice(ERRORS)
        status, errors, _ = server.run(folder, words, number, error)
        lines = [line for line in errors.splitlines() if not line.startswith("broken at")]
        one_line = status == 2 and len(lines) == 1 and lines[0].startswith("error: ")
        refused += status == 2
        again, said, _ = server.run(folder, words)
        end = state(folder) if again == 0 else {}
        if not (one_line or (status == 0 and not lines)) or again or end != expected:
            differ = [name for name in expected if end.get(name) != expected[name]]
            other[number] = (errno.errorcode[error], status, errors[-600:], again, said[-300:], differ)
    print(f"{case}: {refused} refusals of {count} points, other ends: {json.dumps(other, indent=1)}")
    assert not other
