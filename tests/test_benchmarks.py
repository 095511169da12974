import json
import os
import subprocess
import sys

import pytest

from benchmarks.contender import ratio
from tests.conftest import ROOT


def test_ratios_are_taken_round_by_round():
    ours = [{"examples": 10, "seconds": s} for s in (1, 2, 4)]
    theirs = [{"examples": 5, "seconds": s} for s in (1, 2, 8)]
    assert ratio({"a": ours, "b": theirs}, "a", "b") == 2


@pytest.mark.slow
def test_a_short_benchmark_runs(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--no-peers", "--rounds=1", "--seconds=0.2", "--out", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    subprocess.run([*command, "--only=small MLP"], cwd=ROOT, env=environment, check=True, capture_output=True)
    results = json.loads((tmp_path / "results.json").read_text())
    group = results["groups"]["loop, small MLP, batch 64"]
    assert all(turn["examples"] > 0 and turn["seconds"] > 0 for turns in group.values() for turn in turns)
    assert "bare Flax" in (tmp_path / "RESULTS.md").read_text()
    assert (tmp_path / "speed.png").stat().st_size > 5000
