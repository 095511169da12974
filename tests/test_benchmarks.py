import dataclasses
import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from scipy import stats

import jaxflow
from benchmarks.contender import ratio
from benchmarks.models import row
from benchmarks.photographs import photograph, photographs
from benchmarks.report import PEAK, lines
from benchmarks.speedrun import airbench_runs, measure, summary
from benchmarks.startup import first_steps
from benchmarks.workers.networks import NETWORKS, draw_batch
from tests.conftest import ROOT


def test_ratios_are_taken_round_by_round():
    ours = [{"examples": 10, "seconds": s} for s in (1, 2, 4)]
    theirs = [{"examples": 5, "seconds": s} for s in (1, 2, 8)]
    assert ratio({"a": ours, "b": theirs}, "a", "b") == 2


def test_a_row_of_models_has_steps_and_compilation_and_knows_who_is_missing():
    ours = [{"examples": 20, "seconds": s, "compile_seconds": 3.21} for s in (1, 2, 4)]
    theirs = [{"examples": 10, "seconds": s, "compile_seconds": 0.5} for s in (1, 2, 8)]
    assert row("GRU", {"jaxflow": ours, "PyTorch": theirs}, 10, 2.04) == (
        "| GRU | 1000.0 ms | 2000.0 ms | x2.00 | 3.2 s | 0.5 s | 2.0 |"
    )
    assert row("GRU", {"jaxflow": ours}, 10, 2.0) == "| GRU | 1000.0 ms | - | - | 3.2 s | - | 2.0 |"


def test_networks_of_the_benchmark_are_models_of_their_sizes():
    for name, network in NETWORKS.items():
        inputs, targets = draw_batch(network)
        assert inputs.shape == network.inputs, name
        assert targets.shape == (network.inputs[0], *network.positions), name
        assert targets.max() < network.classes, name


def test_the_share_of_the_peak_is_of_the_groups_own_network():
    turn = {"examples": 1e6, "seconds": 1.0, "cpu_seconds": 1.0, "memory_mb": 1}
    group = {"jaxflow": [turn], PEAK: [turn | {"examples": 3.33e15 * 2}]}
    assert lines("GPU training, ResNet-18, bfloat16", group)[-1].endswith(
        "bfloat16 matmul peak (6,660,000 GFLOP/s): 50%"
    )
    group[PEAK][0]["examples"] = 25.7e12 * 4
    assert lines("training, batch 32", group)[-1].endswith("float32 matmul peak (102,800 GFLOP/s): 25%")


def test_the_interval_is_students():
    values = [0.9, 0.94, 0.95, 0.93]
    sums = summary(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (sums["low"], sums["high"]) == pytest.approx((low, high))
    assert (sums["mean"], sums["min"], sums["max"]) == pytest.approx((0.93, 0.9, 0.95))


def test_airbenchs_table_is_read_without_its_warm_up():
    rows = [("warmup", "1", ""), ("", "eval", "0.1002"), ("0", "1", ""), ("", "eval", "0.9412"), ("", "eval", "0.9399")]
    table = "".join(f"|  {run:>6}  |  {epoch:>5}  |  0.5  |  0.6  |  {a:>6}  |  2.5914  |\n" for run, epoch, a in rows)
    assert airbench_runs(table) == [(0.9412, 2.5914), (0.9399, 2.5914)]


@pytest.mark.slow
def test_the_speed_record_in_miniature(monkeypatch, tmp_path):
    monkeypatch.setattr("jax.devices", lambda *a, real=jax.devices: real(*a)[:1])
    generator = np.random.RandomState(0)
    images, labels = generator.randint(0, 256, (24, 32, 32, 3)).astype(np.uint8), generator.randint(0, 10, 24)
    dataset = jaxflow.from_arrays(dict.fromkeys(("train", "test"), (images, labels)), classes="0123456789")
    experiment = jaxflow.load(ROOT / "experiments" / "cifar_speedrun.py")
    model = dataclasses.replace(experiment.model, widths=(4, 4), init_examples=8)
    small = dataclasses.replace(experiment, model=model, batch_size=12, epochs=1)
    compiled, *runs = measure(small, dataset, [3, 4, 3])
    assert compiled["compile_seconds"] > max(run["seconds"] for run in runs)
    first, second, again = ({k: v for k, v in run.items() if "seconds" not in k} for run in runs)
    assert first == again
    assert first["loss"] != second["loss"]
    # It is the run that launch.py makes of the same seed.
    jaxflow.train(dataclasses.replace(small, seed=4), tmp_path, dataset=dataset)
    assert jaxflow.evaluate(tmp_path, dataset=dataset)["test"]["loss"] == pytest.approx(second["loss"], rel=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_photographs_are_the_same_in_files_and_in_tfds(monkeypatch):
    folder = photographs(6)
    assert 20_000 < len(photograph(3)) < 45_000
    assert photograph(3) == photograph(3) != photograph(4)
    none = jaxflow.HoldOut(0.0, 0.0)
    files = jaxflow.ImageFolder(f"{folder}/jpeg", size=(20, 20), split=none).load().splits["train"]
    settings = {"validation": 0.0, "test": 0.0, "size": (20, 20)}
    stored = jaxflow.TFDS("photographs", f"{folder}/tfds", **settings).load().splits["train"]
    assert sorted(zip(map(bytes, files.inputs), files.targets)) == sorted(
        zip(map(bytes, stored.inputs), stored.targets)
    )
    monkeypatch.setattr("benchmarks.photographs.photograph", None)
    assert photographs(6) == folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loop, small MLP, batch 64", "input with flip and crop", "inference, batch 256"])
def test_a_short_benchmark_runs(tmp_path, name):
    command = [sys.executable, "-m", "benchmarks", "--no-peers", "--rounds=1", "--seconds=0.2", "--out", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    subprocess.run([*command, f"--only={name}"], cwd=ROOT, env=environment, check=True, capture_output=True)
    results = json.loads((tmp_path / "results.json").read_text())
    group = results["groups"][name]
    assert "jaxflow" in group
    assert all(turn["examples"] > 0 and turn["seconds"] > 0 for turns in group.values() for turn in turns)
    assert name in (tmp_path / "RESULTS.md").read_text()
    # Ratios, and so a picture, need two contenders.
    assert (tmp_path / "speed.png").exists() == (len(group) > 1)


@pytest.mark.slow
def test_first_steps_end_with_the_first_step(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    assert first_steps(None, 1).keys() == {"jaxflow, warm caches", "jaxflow, cold"}
