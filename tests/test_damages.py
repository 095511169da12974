"""Damaged files of a run and of the cache: each is noticed and said, or changes no number.

JAXFLOW_DAMAGES=150 pytest tests/test_damages.py: more of them.
"""

import dataclasses
import json
import logging
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxflow
from jaxflow.evaluation.evaluate import evaluate
from jaxflow.runs.folder import read_experiment
from jaxflow.runs.metrics_log import digest_metrics
from jaxflow.runs.results import read_results
from jaxflow.training.checkpoints.checksums import checksums
from jaxflow.training.loop import train
from jaxflow.training.trained import read_trained

COUNT = int(os.environ.get("JAXFLOW_DAMAGES", "12"))
SPEED = {"examples_per_second", "seconds", "cpu_seconds", "test_evaluations"}


def flip(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) * 8)
    return data[: at // 8] + bytes([data[at // 8] ^ (1 << at % 8)]) + data[at // 8 + 1 :]


def digit(data: bytes, chance: random.Random) -> bytes:
    """Another digit: JSON that is as good as before, and says something else."""
    digits = [at for at, byte in enumerate(data) if chr(byte).isdigit()]
    if not digits:
        return flip(data, chance)
    at = chance.choice(digits)
    return data[:at] + bytes([48 + (data[at] - 48 + chance.randrange(1, 10)) % 10]) + data[at + 1 :]


def swap(data: bytes, chance: random.Random) -> bytes:
    half = len(data) // 2
    return data[half:] + data[:half]


HOW = {
    "flip": flip,
    "digit": digit,
    "truncate": lambda data, chance: data[: chance.randrange(len(data))],
    "zero": lambda data, chance: bytes(len(data)),
    "swap": swap,
    "delete": None,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of images in a folder, evaluated, with the cache that it filled."""
    base = tmp_path_factory.mktemp("damages")
    generator = np.random.RandomState(0)
    for number in range(40):
        path = base / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.randint(0, 255, (4, 4)).astype(np.uint8)).save(path)
    experiment = jaxflow.Experiment(
        data=jaxflow.ImageFolder(str(base / "images"), size=(4, 4), channels=1),
        preprocess=(jaxflow.Scale(),), model=jaxflow.MLP(hidden=(4,)), problem=jaxflow.Classification(),
        optimizer=jaxflow.SGD(0.05), batch_size=16, epochs=2, log_every_steps=2,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXFLOW_CACHE_DIR", str(base / "cache"))
        train(experiment, base / "run")
        evaluate(base / "run")
    return base


def outcome(base: Path) -> dict[str, object]:
    """Goes on with the run, evaluates it, and returns every number that comes of it."""
    before = {k: v for k, v in read_results(base / "run").items() if k not in SPEED}
    experiment = read_experiment(base / "run")
    train(experiment, base / "run")
    results = {k: v for k, v in evaluate(base / "run").items() if k not in SPEED}
    table = (base / "run" / "predictions" / "test.csv").read_bytes()
    state, log = checksums(read_trained(base / "run").state), digest_metrics(base / "run")
    return {"before": before, "results": results, "state": state, "table": table, "log": log}


@pytest.mark.slow
def test_a_damaged_file_never_changes_a_number_without_a_word(whole, tmp_path_factory, monkeypatch, caplog):
    base = tmp_path_factory.mktemp("work")
    caplog.set_level(logging.WARNING, "jaxflow")

    def attempt(how: str = "", name: str = "", seed: int = 0) -> tuple[dict[str, object] | None, str]:
        for part in ("run", "cache"):
            shutil.rmtree(base / part, ignore_errors=True)
            shutil.copytree(whole / part, base / part)
        monkeypatch.setenv("JAXFLOW_CACHE_DIR", str(base / "cache"))
        path, act = base / name, HOW.get(how)
        if act:
            path.write_bytes(act(path.read_bytes(), random.Random(seed)))
        elif how:
            path.unlink()
        caplog.clear()
        try:
            found = outcome(base)
        except jaxflow.UserError as error:
            return None, str(error)
        return found, caplog.text

    expected, said = attempt()
    assert "damaged" not in said
    files = [path for part in ("run", "cache") for path in sorted((whole / part).rglob("*")) if path.is_file()]
    names = [str(p.relative_to(whole)) for p in files if p.stat().st_size and "report" not in p.parts]
    names = [name for name in names if "tensorboard" not in name and ".lock" not in name and "predictions" not in name]
    chance, silent, noticed = random.Random(7), [], 0
    chance.shuffle(names)
    for seed in range(COUNT):
        name, how = names[seed % len(names)] if seed < len(names) else chance.choice(names), chance.choice(list(HOW))
        found, said = attempt(how, name, seed)
        noticed += found is None or bool(said)
        parts = ("results", "state", "table", "log")
        differs = found is not None and any(found[part] != expected[part] for part in parts)
        # What was read at first may be missing: then it was said, or the file is gone.
        differs |= found is not None and found["before"] not in (expected["before"], {})
        if differs and not (said and found and found["before"] in (expected["before"], {})):
            silent.append((name, how, seed, said[-200:]))
    print(f"{COUNT} damages of {len(names)} files, {noticed} noticed, wrong without a word: {silent}")
    assert not silent


def test_results_that_were_edited_are_made_again(whole, tmp_path, monkeypatch, said):
    monkeypatch.setenv("JAXFLOW_CACHE_DIR", str(whole / "cache"))
    run = tmp_path / "run"
    shutil.copytree(whole / "run", run)
    path = run / "results.json"
    true = json.loads(path.read_text())
    path.write_text(path.read_text().replace(f'"steps": {true["steps"]}', '"steps": 7'))
    again = train(read_experiment(run), run)
    assert "results.json is damaged and not used" in said()
    unsealed = {name: value for name, value in json.loads(path.read_text()).items() if name != "digest"}
    path.write_text(json.dumps(unsealed | {"steps": 7}))
    assert read_results(run) == {}
    assert "results.json is damaged and not used" in said()
    assert again["validation"] == true["validation"]
    assert again["steps"] == true["steps"]
    path.unlink()
    (run / "metrics.jsonl").write_text('{"step": 1, "split": "validation", "loss": 9.0, "accuracy": 0.5}\n')
    results = evaluate(run)
    assert "metrics.jsonl is not what training wrote" in said()
    assert results["validation"] == true["validation"]
    assert results["test"] == true["test"]
    assert json.loads(path.read_text())["checkpoint_step"] == true["checkpoint_step"]


@pytest.mark.parametrize("what", ["images", "labels", "in files"])
def test_data_that_changed_under_its_names_is_noticed(what, whole, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXFLOW_CACHE_DIR", str(tmp_path / "cache"))
    shutil.copytree(whole / "images", tmp_path / "images")
    experiment = read_experiment(whole / "run")
    data = dataclasses.replace(experiment.data, path=str(tmp_path / "images"), in_memory=what != "in files")
    experiment = dataclasses.replace(experiment, data=data)
    train(experiment, tmp_path / "run")
    train(experiment, tmp_path / "run")  # another run of the same files is the same run
    moved = dataclasses.replace(data, path=str(tmp_path / "moved"))
    shutil.copytree(tmp_path / "images", tmp_path / "moved", copy_function=shutil.copyfile)  # with other times
    experiment = dataclasses.replace(experiment, data=moved)
    train(experiment, tmp_path / "run")
    dataset = moved.load()
    if what == "labels":
        split = dataset.splits["train"]
        split.targets[3] = 1 - split.targets[3]
    else:
        number = dataset.splits["train"].id(3)
        Image.new("L", (4, 4), 77).save(tmp_path / "moved" / number)
        dataset = moved.load()
    for act in (
        lambda: train(experiment, tmp_path / "run", dataset=dataset),
        lambda: evaluate(tmp_path / "run", experiment=experiment, dataset=dataset),
    ):
        with pytest.raises(jaxflow.UserError, match=r"the data changed since .* of examples with the same names"):
            act()
