"""Files that claim too much, name what they should not, or hold code: a line each, or counted as corrupt."""

import csv
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import jaxflow
from tests import hostile_files
from tests.conftest import ROOT, toy_images

# Memory of the process that reads them, and of one file.
MEMORY, FILE_MEMORY = 4 << 30, 1 << 30

# Reads files one after the other and prints what became of each: what is wrong with it, as one line.
WORKER = """
import json, resource, sys, time
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
import jaxflow
from jaxflow.data.inference_inputs import read_inputs
from jaxflow.data.reading.formats import read_files
from jaxflow.schema import Feature
FEATURES = {
    "volume": Feature("volume", (4, 4, 4, 1), "float32"),
    "image": Feature("image", (8, 8, 3), "uint8", "crop"),
    "audio": Feature("audio", (16000,), "float32", sample_rate=16000),
}
def load(kind, path):
    if kind == "table":
        return [jaxflow.Table(path, "y", in_memory=in_memory).load() for in_memory in (True, False)]
    if kind == "text":
        return jaxflow.LabelledText(path).load()
    if kind == "tfds":
        return jaxflow.TFDS("cifar10", directory=path).load()
    (read,) = read_files([Path(path)], FEATURES[kind])  # as sources and explore do
    if isinstance(read, jaxflow.UserError):
        list(read_inputs(Path(path), FEATURES[kind]))  # as predict does
        raise ValueError("predict took it")
    return read
for line in sys.stdin:
    name, kind, path = json.loads(line)
    start = time.monotonic()
    try:
        load(kind, path)
        outcome = "read"
    except jaxflow.UserError as error:
        outcome = f"error: {error}"
    except BaseException as error:
        outcome = f"traceback: {type(error).__name__}: {error}"
    # ru_maxrss would begin with that of the process that started this one.
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
    print(json.dumps([name, outcome, time.monotonic() - start, peak]), flush=True)
"""


def test_hostile_files_are_a_line_each_and_nothing_is_executed(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "evil_features.py").write_text(f"open({str(hostile_files.planted(tmp_path))!r}, 'w')\n")
    cases = [(n, k, str(make(folder))) for n, (k, make) in (hostile_files.SINGLE | hostile_files.WHOLE).items()]
    cases.append(("tfds with a class of its own", "tfds", str(hostile_files.tfds(folder / "tfds"))))
    assert len(cases) >= 30
    assert sum(os.stat(path).st_blocks * 512 for _, _, path in cases) < 8 << 20
    limits = {"JAXFLOW_MAX_FILE_BYTES": str(FILE_MEMORY), "PYTHONPATH": f"{ROOT}:{folder}"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WORKER, str(MEMORY)],
        input="\n".join(map(json.dumps, cases)),
        env=os.environ | limits,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes = {name: found for name, *found in map(json.loads, done.stdout.splitlines())}
    assert outcomes.keys() == {name for name, _, _ in cases}
    harmless = {"npz of zeros"}  # whose half a gigabyte may be read
    assert not {n: o for n, o in outcomes.items() if not o[0].startswith("error: ") and n not in harmless}
    assert not {n: o for n, o in outcomes.items() if "\n" in o[0] or o[1] > 20}
    assert max(peak for _, _, peak in outcomes.values()) < MEMORY >> 20
    assert not hostile_files.planted(tmp_path).exists()
    assert not list(tmp_path.rglob("out.npy"))


def test_hostile_volumes_among_good_ones_are_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXFLOW_MAX_FILE_BYTES", str(1 << 26))
    for index in range(12):
        (tmp_path / "scans" / "ab"[index % 2]).mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "scans" / "ab"[index % 2] / f"good{index}.npy", np.ones((4, 4, 4), np.float32))
    makers = [make for kind, make in hostile_files.SINGLE.values() if kind == "volume"]
    for make in makers:
        make(tmp_path / "scans" / "a")
    source = jaxflow.VolumeFolder(str(tmp_path / "scans"), size=(4, 4, 4))
    with pytest.raises(jaxflow.UserError, match=r"cannot be read as .*--data\.max_corrupt=N"):
        source.load()
    source = jaxflow.VolumeFolder(str(tmp_path / "scans"), size=(4, 4, 4), max_corrupt=len(makers))
    assert source.load().excluded == {"all": len(makers)}


def test_memory_that_one_file_lacks_is_that_files(tmp_path, monkeypatch):
    def short(path, feature):
        raise MemoryError if path.name == "b.npy" else OverflowError("too large")

    from jaxflow.data.reading import formats

    kind = formats.Kind("volumes", (".npy",), short)
    monkeypatch.setitem(formats.KINDS, "volume", kind)
    paths = [tmp_path / "a.npy", tmp_path / "b.npy"]
    errors = list(formats.read_files(paths, jaxflow.Feature("volume", (4, 4, 4, 1), "float32")))
    said = [f"{paths[0]} cannot be read: OverflowError: too large", f"{paths[1]} cannot be read: MemoryError"]
    assert list(map(str, errors)) == said


CONFIG = """
import jaxflow
def get_config():
    return jaxflow.Experiment(
        data=jaxflow.ImageFolder("data", size=(6, 6), channels=1), model=jaxflow.MLP(hidden=(4,)), batch_size=8,
        problem=jaxflow.Classification(), optimizer=jaxflow.SGD(0.1), preprocess=(jaxflow.Scale(),), epochs=1)
"""
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


def test_names_are_quoted_for_terminals_pages_and_spreadsheets(tmp_path, command):
    images, _ = toy_images(80)
    for index, image in enumerate(images):
        folder = tmp_path / "data" / hostile_files.NAMES[index % len(hostile_files.NAMES)]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{index}.png")
    (tmp_path / "hostile.py").write_text(CONFIG)
    (folder / "broken\x1b[31m.png").write_bytes(b"no image")
    config = ("--config", "hostile.py", "--workdir", "run", "--data.max_corrupt=1")
    outputs = [command("explore", *config, cwd=tmp_path), command(*config, cwd=tmp_path)]
    outputs.append(command("predict", *config, "--input", "data", cwd=tmp_path))
    assert outputs[-1].returncode == 2  # the broken one, by name
    (folder / "broken\x1b[31m.png").unlink()
    outputs.append(command("predict", *config, "--input", "data", cwd=tmp_path))
    assert [done.returncode for done in outputs] == [0, 0, 2, 0], outputs
    for done in outputs:
        assert not CONTROL.search(done.stdout + done.stderr)
        assert not re.search("^error: all is well", done.stdout, re.MULTILINE)
    assert r"\x1b]0;owned" in outputs[0].stdout
    for page in ("data.html", "index.html"):
        text = (tmp_path / "run" / "report" / page).read_text()
        assert "<img src=x" not in text
    for table in ("test.csv", "new/data.csv"):
        with (tmp_path / "run" / "predictions" / table).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert all(None not in row and None not in row.values() for row in rows)
        cells = [cell for row in rows for cell in row.values()]
        assert not [cell for cell in cells if cell.startswith(("=", "@", "\t", "\r"))]
    assert any(cell.startswith("'=HYPERLINK(0)\rsecond row/") for cell in cells)  # of all images, by their ids
