"""Modules that lie beside an experiment file."""

import shutil
import subprocess
import sys

import pytest

import jaxflow
from jaxflow.experiment import load
from jaxflow.experiment_files import ExperimentFolder, files_beside
from jaxflow.runs.folder import read_experiment
from jaxflow.runs.opening import open_run
from jaxflow.serialization import FILE_MODULE
from tests.conftest import ROOT, launch

MODELS = """
import flax.linen as nn
import helper

class Net(nn.Module):
    width: int = {width}
    outputs: int | None = None

    @nn.compact
    def __call__(self, inputs, train=False):
        return nn.Dense(self.outputs)(nn.relu(nn.Dense(self.width)(helper.flat(inputs))))
"""
HELPER = "def flat(inputs):\n    return inputs.reshape(len(inputs), -1) / {scale}\n"
CONFIG = """
import jaxflow
{top}

def get_config():
    {inside}
    return jaxflow.Experiment(
        data=jaxflow.Digits(), preprocess=(jaxflow.Scale(),), model={net}(), problem=jaxflow.Classification(),
        optimizer=jaxflow.Adam(), epochs=0.05,
    )
"""
WAYS = {
    "from": {"top": "from mymodels import Net", "inside": "pass", "net": "Net"},
    "import": {"top": "import mymodels", "inside": "pass", "net": "mymodels.Net"},
    "lazily": {"top": "", "inside": "from mymodels import Net", "net": "Net"},
}


def write(folder, width=5, scale=1, way="from"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mymodels.py").write_text(MODELS.format(width=width))
    (folder / "helper.py").write_text(HELPER.format(scale=scale))
    (folder / "unused.py").write_text("raise RuntimeError\n")
    (folder / "numpy.py").write_text("raise RuntimeError\n")
    (folder / "wave.py").write_text("raise RuntimeError\n")
    (folder / "mine.py").write_text(CONFIG.format(**WAYS[way]) + "\nimport numpy, wave\nassert numpy.zeros\n")
    return folder / "mine.py"


@pytest.mark.parametrize("way", WAYS)
def test_modules_beside_the_file_are_imported_copied_and_found_again(way, tmp_path):
    file = write(tmp_path / "a", way=way)
    experiment = load(file)
    assert type(experiment.model).__module__ == FILE_MODULE + "mymodels"
    assert {path.name for path in files_beside(file)} == {"mymodels.py", "helper.py"}
    assert not {"mymodels", "helper"} & set(sys.modules)
    with open_run(tmp_path / "run", experiment, file, overwrite=False):
        pass
    assert {path.name for path in (tmp_path / "run").glob("*.py")} == {"mine.py", "mymodels.py", "helper.py"}
    again = read_experiment(tmp_path / "run")
    assert again.model.width == 5
    assert sys.modules[FILE_MODULE + "helper"].__file__ == str(tmp_path / "run" / "helper.py")
    assert not list(tmp_path.rglob("__pycache__"))
    assert not any(isinstance(finder, ExperimentFolder) for finder in sys.meta_path)


@pytest.mark.slow
def test_another_process_evaluates_with_the_copies(tmp_path):
    file = write(tmp_path / "a")
    jaxflow.train(load(file), tmp_path / "run", source=file)
    shutil.rmtree(tmp_path / "a")
    done = launch("evaluate", "--workdir", str(tmp_path / "run"), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_experiments_with_modules_of_one_name_do_not_mix(tmp_path):
    one, other = write(tmp_path / "a", width=5), write(tmp_path / "b", width=7)
    assert (load(one).model.width, load(other).model.width, load(one).model.width) == (5, 7, 5)
    outer = tmp_path / "b" / "outer.py"
    outer.write_text(
        f"import jaxflow, helper\ninner = jaxflow.load({str(one)!r})\nimport mymodels\n"
        "def get_config():\n    import helper as again\n    assert again is helper\n"
        "    return jaxflow.Experiment(inner.data, mymodels.Net(inner.model.width * 10 + mymodels.Net().width),\n"
        "                              inner.problem, inner.optimizer)\n"
    )
    assert load(outer).model.width == 57
    write(tmp_path / "a", width=6)  # as long as it was, and in the same second
    assert load(one).model.width == 6


def test_modules_import_each_other_in_a_circle(tmp_path):
    file = write(tmp_path)
    (tmp_path / "helper.py").write_text(
        "import mymodels\n" + HELPER.format(scale=1) + "def width(): return mymodels.Net.width\n"
    )
    assert load(file).model.width == sys.modules[FILE_MODULE + "helper"].width() == 5


def test_texts_of_imported_files_are_part_of_a_run(tmp_path):
    file = write(tmp_path / "a")
    with open_run(tmp_path / "run", load(file), file, overwrite=False) as folder:
        (folder / "checkpoints").mkdir()
    file.write_text(file.read_text() + "# it defines no class\n")
    with open_run(tmp_path / "run", load(file), file, overwrite=False):
        pass
    write(tmp_path / "a", scale=2)
    with (
        pytest.raises(jaxflow.UserError, match=r"different experiment \(helper.py: its code"),
        open_run(tmp_path / "run", load(file), file, overwrite=False),
    ):
        pass


def test_a_mistake_in_an_imported_file_is_blamed_there(tmp_path):
    file = write(tmp_path)
    (tmp_path / "helper.py").write_text("x = 1\nx.y\n")
    with pytest.raises(jaxflow.UserError, match=r"helper\.py:2: AttributeError"):
        load(file)
    (tmp_path / "helper.py").write_text("x = (\n")
    with pytest.raises(jaxflow.UserError, match=r"helper\.py:1: SyntaxError"):
        load(file)
    (tmp_path / "helper.py").unlink()
    with pytest.raises(jaxflow.UserError, match=r"mymodels\.py:3: ModuleNotFoundError: No module named 'helper'"):
        load(file)


def test_a_folder_on_the_path_is_the_same_folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = write(tmp_path)
    (tmp_path / "numpy.py").unlink()
    (tmp_path / "wave.py").unlink()
    assert type(load(file).model).__module__ == FILE_MODULE + "mymodels"


SPLIT = """
import numpy as np
from dataclasses import dataclass
import jaxflow
import images

class Own:
    def __len__(self): return 12
    def rows(self, indices): return {"inputs": images.draw(indices), "targets": np.asarray(indices) % 3}
    def id(self, index): return str(index)
    targets = np.arange(12) % 3
    nbytes = 1 << 40

@dataclass(frozen=True)
class Source:
    def load(self):
        schema = jaxflow.Schema(jaxflow.Feature("vector", (4,), "float32"), jaxflow.Target("class", ("a", "b", "c")))
        return jaxflow.Dataset({"train": Own()}, schema)

def get_config():
    return jaxflow.Experiment(Source(), jaxflow.MLP(), jaxflow.Classification(), jaxflow.Adam(), batch_size=4, epochs=2,
                              num_workers=1)
"""


def test_worker_processes_have_them_too(tmp_path):
    pytest.importorskip("grain")
    (tmp_path / "images.py").write_text(
        "import numpy as np\ndef draw(indices):\n"
        "    return np.repeat(np.asarray(indices)[:, None], 4, 1).astype('f4')\n"
    )
    (tmp_path / "own.py").write_text(SPLIT)
    code = (
        "import jaxflow\nfrom pathlib import Path\n"
        "if __name__ == '__main__':\n"
        "    experiment = jaxflow.load(Path('own.py'))\n"
        "    results = jaxflow.train(experiment, 'run', source=Path('own.py'))\n"
        "    assert results['steps'] == 6\n"
    )
    (tmp_path / "script.py").write_text(code)
    environment = {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from jaxflow import Tfds", r"slip.py:1: jaxflow has no Tfds; perhaps you meant TFDS$"),
        ("import jaxflow\njaxflow.Experimant()", r"slip.py:2: jaxflow has no Experimant; perhaps you meant Experiment"),
        ("import jaxflow\njaxflow.Adam(lr=1)", r"slip.py:2: Adam has no field lr; perhaps you meant learning_rate$"),
        ("import jaxflow\njaxflow.CNN(categories=3)", r"slip.py:2: CNN has no field categories; it has "),
        ("from jaxflow import qqqq", r"slip.py:1: jaxflow has no qqqq$"),
        ("from jaxflow import Adamw", r"jaxflow has no Adamw; perhaps you meant AdamW$"),
        ("from jaxflow import Accuracy", r"jaxflow has no Accuracy; perhaps you meant jaxflow.metrics.Accuracy$"),
        ("from jaxflow.metrics import accuracy", r"jaxflow.metrics has no accuracy; perhaps you meant Accuracy$"),
        ("from jaxflow.metrics import Huber", r"jaxflow.metrics has no Huber; perhaps you meant jaxflow.losses.Huber$"),
        ("from jaxflow.losses import Adam", r"jaxflow.losses has no Adam; perhaps you meant jaxflow.Adam$"),
        ("import jaxflow\njaxflow.losses.Hubr()", r"slip.py:2: jaxflow.losses has no Hubr; perhaps you meant Huber$"),
        ("from jaxflow.loss import Huber", r"jaxflow has no module loss; perhaps you meant jaxflow.losses$"),
        ("import jaxflow\njaxflow.losses.Huber(delt=1.0)", r"Huber has no field delt; perhaps you meant delta$"),
        ("import jaxflow\njaxflow.MLP(Hidden=(4,))", r"slip.py:2: MLP has no field Hidden; perhaps you meant hidden$"),
        ("import jaxflow\njaxflow.ImageFolder()", r"ImageFolder lacks path; write ImageFolder\(path=\.\.\.\)$"),
        ("from json import qqqq", r"slip.py:1: ImportError: cannot import name 'qqqq' from 'json'"),
    ],
)
def test_a_name_of_before_or_misspelt_has_the_right_word(tmp_path, text, message):
    (tmp_path / "slip.py").write_text(text)
    with pytest.raises(jaxflow.UserError, match=message):
        load(tmp_path / "slip.py")
