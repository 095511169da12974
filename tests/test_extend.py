"""Every snippet of docs/extend.md is a part of an experiment that trains, is read back and predicts."""

import dataclasses
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.experiment import dumps
from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.runs.folder import read_experiment
from jaxflow.serialization import FILE_MODULE
from jaxflow.training.trained import read_trained
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "extend.md").read_text()
SECTION = r"^## ([^\n]+)\n(?:(?!^## ).)*?```python\n(.*?)```\n\nIn the experiment: `([^`]+)`$"
SNIPPETS = {name: (code, fields) for name, code, fields in re.findall(SECTION, PAGE, re.DOTALL | re.MULTILINE)}
CONFIG = """
import jaxflow

def get_config():
    fields = dict(
        data=jaxflow.Digits(), preprocess=(jaxflow.StandardizePerExample(),), model=jaxflow.MLP(hidden=(8,)),
        problem=jaxflow.Classification(), optimizer=jaxflow.Adam(), batch_size=48, epochs=0.01, log_every_steps=1,
    )
    return jaxflow.Experiment(**(fields | dict({fields})))
"""


def write(folder, name, fields=None):
    code, shown = SNIPPETS[name]
    file = folder / "mine.py"
    file.write_text(code + CONFIG.format(fields=fields or shown))
    return file


def part(folder, name):
    """The class of a snippet."""
    experiment = jaxflow.load(write(folder, name))
    assert experiment
    module = sys.modules[FILE_MODULE + "mine"]
    return next(v for v in vars(module).values() if isinstance(v, type) and v.__module__ == module.__name__)


def test_every_kind_of_part_has_a_snippet():
    assert list(SNIPPETS) == re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert {"Source", "Model", "Problem", "Loss", "Metric", "Augmentation", "Optimizer"} <= set(SNIPPETS)


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_part_trains_is_read_back_and_predicts(name, tmp_path):
    file, run = write(tmp_path, name), tmp_path / "run"
    experiment = jaxflow.load(file)
    size = len(experiment.data.load().splits["train"])
    experiment = dataclasses.replace(experiment, epochs=2 * experiment.batch_size / size)
    results = jaxflow.train(experiment, run, source=file)
    assert results["steps"] == 2
    assert np.isfinite(results["validation"][experiment.problem.selection_metric])
    file.unlink()
    assert dumps(read_experiment(run)) == dumps(experiment)
    trained = read_trained(run)
    inputs = experiment.data.load().splits["test"].rows(np.arange(3))["inputs"]
    expected = trained.program.compile_predict_step()(trained.state.variables(), inputs)
    np.save(tmp_path / "inputs.npy", inputs)
    lines = jaxflow.predict(run, tmp_path / "inputs.npy", tmp_path / "out.csv").read_text().splitlines()[1:]
    written = [[float(cell) for cell in line.split(",")[-expected.shape[1] :]] for line in lines]
    np.testing.assert_allclose(written, expected, rtol=1e-5, atol=1e-6)


def test_an_own_problem_is_evaluated(tmp_path):
    file = write(tmp_path, "Problem")
    jaxflow.train(jaxflow.load(file), tmp_path / "run", source=file)
    results = jaxflow.evaluate(tmp_path / "run")
    assert results["test"]["loss"] > results["baseline"]["loss"]  # two steps are no training


def test_the_loss_without_focus_is_cross_entropy(tmp_path):
    focal = part(tmp_path, "Loss")
    logits, labels = jax.random.normal(jax.random.key(0), (5, 3)), jnp.arange(5) % 3
    np.testing.assert_allclose(focal(0.0)(logits, labels), jaxflow.losses.CrossEntropy()(logits, labels), rtol=1e-6)


def test_the_optimizer_is_optax_lion(tmp_path):
    params = {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}
    gradients = {"kernel": jnp.arange(6.0).reshape(2, 3) - 2, "bias": jnp.array([-1.0, 0.5, 2.0])}
    ours = part(tmp_path, "Optimizer")(0.1, weight_decay=0.2).transformation(10)
    theirs = optax.lion(0.1, 0.9, 0.99, weight_decay=0.2, mask={"kernel": True, "bias": False})
    one, other = (tx.update(gradients, tx.init(params), params)[0] for tx in (ours, theirs))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), one, other)


def test_the_metric_is_the_spherical_score(tmp_path):
    outputs, targets = jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])), jnp.array([0, 1])
    batch = ScoredBatch(jaxflow.Classification(), outputs, targets, jnp.zeros(2), jnp.array([1.0, 3.0]))
    expected = (1 * 0.5 / np.sqrt(0.25 + 2 * 0.0625) + 3 * 0.1 / np.sqrt(0.02 + 0.64)) / 4
    assert part(tmp_path, "Metric")()(batch).compute() == pytest.approx(expected, rel=1e-6)


LABELS = """
import jaxflow, numpy as np
import flax.linen as nn
import jax, jax.numpy as jnp
from dataclasses import dataclass
from typing import ClassVar

@dataclass(frozen=True)
class Signs:
    def load(self):
        inputs = np.random.RandomState(0).randn(90, 3).astype(np.float32)
        parts = {"train": slice(60), "validation": slice(60, 75), "test": slice(75, None)}
        names = [f"example {i}" for i in range(90)]
        splits = {
            name: jaxflow.ArraySplit(inputs[rows], TARGETS(inputs[rows]), names[rows]) for name, rows in parts.items()
        }
        return jaxflow.Dataset(splits, jaxflow.Schema(jaxflow.Feature("vector", (3,), "float32"), TARGET))

@dataclass(frozen=True)
class Tempered:
    temperature: float = 2.0
    def __call__(self, outputs, targets):
        return OWN_LOSS

@dataclass(frozen=True)
class Exact:
    name: ClassVar[str] = "exact"
    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = ""
    def __call__(self, batch):
        right = (batch.predicted == batch.targets).reshape(len(batch.targets), -1).all(-1)
        return jaxflow.Mean.of(right.astype(jnp.float32), batch.weights.reshape(len(right), -1)[:, 0])

class Wide(nn.Module):
    outputs: int | None = None
    @nn.compact
    def __call__(self, inputs, train=False):
        return nn.Dense(self.outputs)(nn.relu(nn.Dense(16)(inputs)))

def get_config():
    return jaxflow.Experiment(
        data=Signs(), preprocess=(), model=Wide(), optimizer=jaxflow.Adam(1e-2), batch_size=20, epochs=40,
        problem=PROBLEM, log_every_steps=40,
    )
"""
KINDS = {
    "labels": {
        "TARGETS(inputs[rows])": "(inputs[rows] > 0).astype(np.int32)",
        "TARGET": 'jaxflow.Target("labels", ("a", "b", "c"))',
        "OWN_LOSS": "jaxflow.losses.BinaryCrossEntropy()(outputs / self.temperature, targets)",
        "PROBLEM": "jaxflow.MultiLabel(loss=Tempered(), metrics=(Exact(), jaxflow.metrics.F1()))",
    },
    "ranks": {
        "TARGETS(inputs[rows])": "np.digitize(inputs[rows][:, 0], [-1, 0, 1]).astype(np.int32)",
        "TARGET": 'jaxflow.Target("class", ("1", "2", "3", "4"))',
        "OWN_LOSS": "jaxflow.losses.CORN()(outputs / self.temperature, targets)",
        "PROBLEM": "jaxflow.OrdinalClassification(loss=jaxflow.losses.Sum((jaxflow.losses.CORN(), Tempered())), "
        "metrics=(Exact(), jaxflow.metrics.MAE()))",
    },
    "fractions": {
        "TARGETS(inputs[rows])": "np.array(jax.nn.softmax(inputs[rows]))",
        "TARGET": 'jaxflow.Target("number", ("a", "b", "c"))',
        "OWN_LOSS": "jaxflow.losses.KL()(outputs / self.temperature, targets)",
        "PROBLEM": "jaxflow.LabelDistribution(loss=Tempered())",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_own_source_model_loss_and_metric_are_one_file(kind, tmp_path):
    text = LABELS
    for name, code in KINDS[kind].items():
        text = text.replace(name, code)
    (tmp_path / "mine.py").write_text(text)
    run = tmp_path / "run"
    jaxflow.train(jaxflow.load(tmp_path / "mine.py"), run, source=tmp_path / "mine.py")
    (tmp_path / "mine.py").unlink()
    results = jaxflow.evaluate(run)
    test, baseline = results["test"], results["baseline"]
    if kind == "fractions":
        assert test["mae"] < baseline["mae"]
    else:
        assert test["exact"] > 0.5
    np.save(tmp_path / "inputs.npy", np.eye(3, dtype=np.float32))
    assert len(jaxflow.predict(run, tmp_path / "inputs.npy", tmp_path / "out.csv").read_text().splitlines()) == 4
