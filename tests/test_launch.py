"""The front door, as a user opens it. Real processes where a process is the point, else the same lines in this one."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.conftest import PREPARED, ROOT, launch

EXPERIMENTS = sorted((ROOT / "experiments").glob("*.py"))
DIGITS = str(ROOT / "experiments" / "digits_cnn.py")
PLAYS = str(ROOT / "experiments" / "shakespeare.py")
PHOTOS = str(ROOT / "experiments" / "dogs_vs_cats.py")
TINY = ("--epochs=0.05", "--batch_size=32")  # two steps


@pytest.fixture(autouse=True)
def one_cache(private_folders, tmp_path_factory, monkeypatch):
    """What one launch decodes and compiles serves the next."""
    monkeypatch.setenv("JAXFLOW_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "launched"))


@pytest.mark.slow
def test_train_evaluate_predict_and_replay(tmp_path):
    done = launch("--config", DIGITS, "--workdir", "run", "--epochs=2", "--log_every_steps=10", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for expected in (
        "Conv_0/kernel",
        "validation loss",
        "test: loss",
        "baseline, majority: accuracy",
        "baseline, logistic regression on small images: accuracy",
        "run folder: run",
        "next: ",
    ):
        assert expected in done.stdout
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert {"validation", "test", "steps", "checkpoint_step", "test_evaluations", "seconds"} <= set(results)
    assert results["test"]["accuracy"] > 0.8

    again = launch("--workdir", "run", cwd=tmp_path)
    assert "resumed run at step 79 of 79" in again.stdout
    assert json.loads((tmp_path / "run" / "results.json").read_text()) == results

    evaluated = launch("evaluate", "--workdir", "run", "--checkpoint", "best", cwd=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "the test split has been used once before" in evaluated.stdout

    np.save(tmp_path / "new.npy", np.zeros((3, 8, 8, 1), np.uint8))
    predicted = launch("predict", "--workdir", "run", "--input", "new.npy", "--output", "new.csv", cwd=tmp_path)
    assert predicted.returncode == 0, predicted.stderr
    assert len((tmp_path / "new.csv").read_text().splitlines()) == 4

    replayed = launch("replay", "--workdir", "run", "--step", "50", cwd=tmp_path)
    lines = replayed.stdout.splitlines()
    assert lines[-2].split("loss ")[1] == lines[-1].split("loss ")[1]


# What is made small enough for a test on a CPU, or trains on another number of examples: flags, and about that number.
SMALLER = {
    "camvid": (("--model.widths", "4", "4", "--batch_size=32"), 60),
    "camvid_unet": (("--model.widths", "4", "4", "--batch_size=32"), 60),
    "cifar_resnet": (("--model.widths", "4", "4", "4", "4", "--batch_size=32"), 45_000),
    "cifar_speedrun": (("--model.widths", "8", "8", "--model.init_examples=100", "--batch_size=32"), 50_000),
    "daily_temperatures": ((), 2833),
    "dogs_vs_cats": (("--model.widths", "4", "4", "--model.pools=2", "--data.split.stratify=True"), 42),
    "dogs_vs_cats_finetuned": (
        ("--model.widths", "4", "4", "4", "4", "--batch_size=32", "--data.split.stratify=True", "--init_from=None"),
        42,
    ),
    "hippocampus": (("--model.widths", "4", "4", "--batch_size=8"), 52),  # 13 in batches of 8
    "hippocampus_unet": (("--model.widths", "4", "4", "--batch_size=8"), 52),
    "playground": ((), 455),
    "playground_bumps": ((), 1389),
    "shakespeare": ((), 7843),
    "shakespeare_lstm": (("--model.width=16",), 7843),
    "shakespeare_transformer": (("--batch_size=32",), 15_686),
    "spoken_digits": (("--model.widths", "4", "4", "--model.pools=2", "--data.split.stratify=True"), 42),
    "titanic": ((), 712),
    "unheard_speaker": (("--model.widths", "4", "4", "--model.pools=2", "--batch_size=16"), 60),  # 30 in batches of 16
}
SHARED = {
    "camvid": "camvid",
    "camvid_unet": "camvid",
    "daily_temperatures": "daily_min_temperatures.csv",
    "hippocampus": "hippocampus",
    "hippocampus_unet": "hippocampus",
    "shakespeare": "tinyshakespeare.txt",
    "shakespeare_lstm": "tinyshakespeare.txt",
    "shakespeare_transformer": "tinyshakespeare.txt",
    "titanic": "titanic.csv",
}


@pytest.mark.slow
@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_trains_two_steps(path, command, monkeypatch, tmp_path):
    flags = ["train", "--config", str(path), "--workdir", "run"]
    if "TFDS" in path.read_text():
        if not PREPARED.exists():
            pytest.skip("no prepared TFDS data beside the checkout")
        monkeypatch.setenv("TFDS_DATA_DIR", str(PREPARED))
    if "ImageFolder" in path.read_text():
        for number in range(60):
            image = tmp_path / "images" / ("cat", "dog")[number % 2] / f"{number}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (90, 70), (number, 2 * number, 3 * number)).save(image)
        flags += ["--data.path=images"]
    if "AudioFolder" in path.read_text():
        for number in range(60):
            clip = tmp_path / "clips" / ("no", "yes")[number % 2] / f"{number}_{'ab'[number // 30]}_0.wav"
            clip.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(clip, np.random.RandomState(number).uniform(-1, 1, 4000), 8000)
        flags += ["--data.path=clips"]
    if path.stem in SHARED:
        data = PREPARED.parent / SHARED[path.stem]
        if not data.exists():
            pytest.skip(f"no {data.name} beside the checkout")
        flags.append(f"--data.path={data}")
    smaller, size = SMALLER.get(path.stem, ((), 45_000 if "TFDS" in path.read_text() else 1258))
    done = command(*flags, *smaller, f"--epochs={1.5 * 32 / size}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "results.json").read_text())["steps"] == 2


@pytest.mark.slow
def test_quiet_prints_nothing(tmp_path):
    done = launch("train", "--config", DIGITS, "--workdir", "run", "--quiet", *TINY, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_help(command, tmp_path):
    assert "evaluate the test split once" in launch("--help", cwd=tmp_path).stdout
    for verb in ("explore", "train", "evaluate", "predict", "generate", "replay"):
        text = command(verb, "--config", DIGITS, "--help", cwd=tmp_path)
        assert text.returncode == 0
        assert "--optimizer.learning_rate" in text.stdout
        assert "Examples in a training step" in text.stdout


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_result(tmp_path):
    arguments = ["train", "--config", DIGITS, "--epochs=3", "--checkpoint_every_steps=5", "--log_every_steps=5"]
    assert launch(*arguments, "--workdir", "unbroken", cwd=tmp_path).returncode == 0
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    command = [sys.executable, str(ROOT / "launch.py"), *arguments, "--workdir", "killed"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    checkpoints = tmp_path / "killed" / "checkpoints"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not any(path.name.isdigit() for path in checkpoints.glob("*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    resumed = launch(*arguments, "--workdir", "killed", cwd=tmp_path)
    step = int(resumed.stdout.split("at step ")[1].split()[0])
    assert 0 < step < 118

    def logged(name):
        lines = [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        return [(line["step"], line["split"], line["loss"]) for line in lines]

    assert logged("killed") == logged("unbroken")


MISTAKES = {
    "no experiment": (["train"], "say what to run"),
    "unknown verb": (["evalute", "--config", DIGITS], "no verb 'evalute'; perhaps you meant evaluate"),
    "missing config": (["--config", "nothing.py"], "no experiment file at nothing.py"),
    "broken config": (["--config", "broken.py"], "broken.py:1: SyntaxError"),
    "no get_config": (["--config", "empty.py"], "has no function get_config()"),
    "misspelt field": (["--config", DIGITS, "--model.droput=1"], "perhaps you meant --model.dropout"),
    "wrong type": (["--config", DIGITS, "--batch_size=many"], "--batch_size is 'many'; it takes an int"),
    "batch size 0": (["--config", DIGITS, "--batch_size=0"], "batch_size is 0; it must be 1 or more"),
    "huge batch": (["--config", DIGITS, "--batch_size=2000"], "larger than the training split of 1258"),
    "epochs": (["--config", DIGITS, "--epochs=-1"], "epochs is -1"),
    "empty split": (["--config", DIGITS, "--data.test=1.0"], "Digits.test is 1.0; it must be in [0, 1)"),
    "workdir is a file": (["--config", DIGITS, "--workdir", "broken.py"], "is a file"),
    "workdir of others": (["--config", DIGITS, "--workdir", "."], "not empty and no run folder"),
    "no checkpoint": (["evaluate", "--workdir", "nothing"], "nothing is not a run folder"),
    "no images": (["--config", PHOTOS], "data.path data/dogs-vs-cats is not there; unpack train.zip"),
    "no input": (["predict", "--workdir", "nothing"], "nothing is not a run folder"),
    "no prompt": (["generate", "--config", DIGITS, "--workdir", "nothing"], "generate needs --prompt TEXT"),
    "no number": (
        ["generate", "--config", DIGITS, "--prompt=a", "--tokens=many"],
        "--tokens is many; it takes a number",
    ),
    "no text": (["--config", PLAYS], "data.path tinyshakespeare.txt is not there; get"),
    "missing dataset": (["--config", "tfds.py", "--data.directory=nothing"], "does not exist"),
    "no dataset": (["--config", "tfds.py", "--data.directory=other"], "is not a TFDS data directory"),
    "flag without value": (["--config"], "expected one argument"),
    "stray word": (["train", "--config", DIGITS, "stray"], "stray"),
    "verb last": (["--config", DIGITS, "train"], "the verb comes first"),
    "another verb's flag": (["train", "--config", DIGITS, "--input=x"], "--input belongs to predict"),
    "local processes": (
        ["--config", DIGITS, "--local-processes=two"],
        "--local-processes is two; it must be 1 or more",
    ),
    "both": (["--config", DIGITS, "--local-processes=2", "--process-id=1"], "leave out --coordinator"),
    "both, too": (["--config", DIGITS, "--local-processes=2", "--secret-file=no"], "leave out --coordinator"),
    "no secret": (["train", "--config", DIGITS, "--secret-file=no"], "--secret-file no cannot be read: No such file"),
    "process": (["--config", DIGITS, "--process-id=1"], "--coordinator and --num-processes missing"),
    "alone": (
        ["predict", "--config", DIGITS, "--local-processes=2"],
        "belongs to (no verb) and evaluate and train, not to predict",
    ),
    "dropout": (["--config", DIGITS, "--model.dropout=1.5"], "dropout is 1.5; it must be in [0, 1)"),
    "missing file": (
        ["--config", "series.py", "--data.path=no.csv"],
        "no table at no.csv; name a .csv, .tsv or .parquet file",
    ),
    "learning rate": (["--config", DIGITS, "--optimizer.learning_rate=-1"], "Adam.learning_rate is -1.0"),
    "unknown dataset": (["--config", "tfds.py", "--data.name=cifar11"], "perhaps you meant cifar10"),
}


IN_A_PROCESS = ("no experiment", "broken config", "misspelt field")


@pytest.mark.parametrize("name", [*MISTAKES, *(f"{name}, in a process" for name in IN_A_PROCESS)])
def test_a_mistake_is_one_line_and_status_2(name, command, tmp_path):
    name, _, alone = name.partition(", in")
    arguments, message = MISTAKES[name]
    (tmp_path / "broken.py").write_text("def get_config(:\n")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "tfds.py").write_text((ROOT / "experiments" / "cifar_cnn.py").read_text())
    (tmp_path / "series.py").write_text((ROOT / "experiments" / "daily_temperatures.py").read_text())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file.txt").write_text("")

    def files():
        return sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)

    before = files()
    done = (launch if alone else command)(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert files() == before


def test_several_devices_need_a_batch_that_can_be_divided(tmp_path):
    flags = "--xla_force_host_platform_device_count=3"
    done = launch("--config", DIGITS, cwd=tmp_path, XLA_FLAGS=flags)
    assert done.returncode == 2
    assert "batch_size 32 is not divisible by the 3 devices" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_workdir(tmp_path):
    tmp_path.chmod(0o500)
    done = launch("--config", DIGITS, "--workdir", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "permission denied" in done.stderr
