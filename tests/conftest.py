"""Strict: warnings are errors, ranks are not promoted silently, and there are four virtual CPU devices."""

import dataclasses
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np
import pytest

import jaxflow
from jaxflow.commands import main
from jaxflow.data.dataset import Dataset
from jaxflow.runtime.startup import quiet_libraries, relax_gc

ROOT = Path(__file__).parents[1]
PREPARED = ROOT.parent / "shared" / "data" / "tensorflow_datasets"


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory):
    """One compilation cache for all workers of a test run: the same small programs serve many tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    jax.config.update("jax_compilation_cache_dir", str(shared / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


@pytest.fixture(scope="session", autouse=True)
def ranks_are_explicit():
    """A broadcast between arrays of different ranks is an error: it hides a mistake in a shape."""
    jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session", autouse=True)
def prepared_as_a_command():
    """What a damaged checkpoint leaves behind in Orbax's threads fails no later test; tracing is not slowed down."""
    quiet_libraries()
    relax_gc()


@pytest.fixture(autouse=True)
def private_folders(tmp_path, monkeypatch):
    """Nothing a test does reaches the user's caches, and nothing in the environment reaches a test."""
    monkeypatch.setenv("JAXFLOW_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("JAXFLOW_TRUST", raising=False)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)


def toy_images(size: int, seed: int = 0, classes: int = 3, side: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a bright stripe whose row is the class: learnable, uint8."""
    generator = np.random.RandomState(seed)
    labels = generator.randint(0, classes, size)
    images = generator.randint(0, 100, (size, side, side, 1))
    images[np.arange(size), labels] += 120
    return images.astype(np.uint8), labels


@dataclasses.dataclass(frozen=True)
class Holding:
    """An augmentation that changes nothing and holds anything."""

    value: Any

    def __call__(self, key: jax.Array, batch: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return batch


def assert_same_splits(one: Dataset, other: Dataset) -> None:
    """Two ways to hold a dataset give the same rows, in any order, under the same names."""
    assert one.splits.keys() == other.splits.keys()
    for name, split in one.splits.items():
        chosen = np.random.RandomState(1).permutation(len(split))
        expected = other.splits[name].rows(chosen)
        for key, leaf in split.rows(chosen).items():
            np.testing.assert_array_equal(leaf, expected[key])
            assert leaf.dtype == expected[key].dtype
        np.testing.assert_array_equal(split.targets, other.splits[name].targets)
        assert [split.id(i) for i in range(len(split))] == [other.splits[name].id(i) for i in range(len(split))]
        assert split.nbytes == other.splits[name].nbytes
        assert len(split.rows(np.arange(0))["inputs"]) == 0


def sent_to_a_worker(value: Any) -> tuple[Any, int]:
    """Returns a value as a worker process gets it from this one, and how many bytes travel."""
    data = bytes(ForkingPickler.dumps(value))
    return ForkingPickler.loads(data), len(data)


@pytest.fixture
def said(caplog) -> Callable[[], str]:
    """Returns the messages that jaxflow has logged since it was asked last, one a line."""
    caplog.set_level(logging.INFO, "jaxflow")

    def messages() -> str:
        lines = [record.getMessage() for record in caplog.records if record.name == "jaxflow"]
        caplog.clear()
        return "\n".join(lines)

    return messages


def joined(blocks) -> tuple[np.ndarray, list[str]]:
    """All inputs, and all ids, of the blocks of new data."""
    inputs, ids = zip(*blocks)
    return np.concatenate(inputs), [id_ for part in ids for id_ in part]


@pytest.fixture(scope="session")
def toy() -> Dataset:
    return jaxflow.from_arrays({"train": toy_images(50, 0), "validation": toy_images(13, 1), "test": toy_images(11, 2)})


@pytest.fixture(scope="session")
def experiment() -> jaxflow.Experiment:
    """A small experiment with everything that a run's numbers can depend on."""
    return jaxflow.Experiment(
        data=jaxflow.Digits(),
        preprocess=(jaxflow.Standardize(),),
        augment=(jaxflow.Flip(), jaxflow.Crop(pad=1)),
        model=jaxflow.CNN(widths=(4, 4), pools=1, hidden=(8,), padding="SAME", dropout=0.2, norm="batch"),
        problem=jaxflow.Classification(loss=jaxflow.losses.CrossEntropy(label_smoothing=0.1)),
        optimizer=jaxflow.AdamW(learning_rate=1e-2, schedule=jaxflow.Cosine(warmup_steps=2), clip_norm=1.0),
        batch_size=8,
        epochs=2,
        microbatch=2,
        ema_decay=0.9,
        log_every_steps=3,
    )


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[..., subprocess.CompletedProcess]:
    """Runs launch.py's command lines in this process, on one device: for what needs no process of its own."""
    monkeypatch.setattr(sys, "argv", ["launch.py"])
    monkeypatch.setattr(main, "_prepare_process", lambda arguments: None)  # the tests' process has its settings
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
        monkeypatch.chdir(cwd)
        capsys.readouterr()
        status = main.main(arguments)
        return subprocess.CompletedProcess(arguments, status, *capsys.readouterr())

    return run


def launch(*arguments: str, cwd: Path, **environment: str):
    """Runs launch.py as a user does, on one device."""
    settings = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"} | {"PYTHONWARNINGS": "default"} | environment
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *arguments],
        cwd=cwd,
        env=settings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
