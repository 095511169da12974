"""Values to JSON and back, by public name."""

import dataclasses
import json
import subprocess
import sys

import pytest

import jaxflow
from jaxflow import hyperparameters
from jaxflow.experiment import dumps
from jaxflow.legacy import CLASSES, FIELDS, modernize
from jaxflow.serialization import classes_of, from_json, to_json
from tests.conftest import ROOT


@dataclasses.dataclass(frozen=True)
class Own:
    """A class of a script."""

    size: int = 1


@dataclasses.dataclass(frozen=True)
class Derived:
    """A class of a script with a field that follows from another."""

    size: int = 1
    rate: float = dataclasses.field(default=0.5, metadata=jaxflow.HYPERPARAMETER)
    area: float = dataclasses.field(init=False, metadata=jaxflow.HYPERPARAMETER)

    def __post_init__(self):
        object.__setattr__(self, "area", 0.5 * self.size**2)


def test_a_field_that_follows_from_others_is_computed_again():
    described = to_json(Derived(3))
    assert "area" not in described
    assert from_json(described, classes_of(Derived())).area == 4.5
    structure, numbers = hyperparameters.split(Derived(3))
    assert hyperparameters.join(structure, numbers) == Derived(3)


def test_json_holds_public_names(experiment):
    described = json.loads(dumps(experiment))
    assert described["class"] == "jaxflow:Experiment"
    assert described["optimizer"]["class"] == "jaxflow:AdamW"
    assert described["problem"]["loss"]["class"] == "jaxflow.losses:CrossEntropy"
    assert described["problem"]["metrics"][0]["class"] == "jaxflow.metrics:Accuracy"
    assert "jaxflow.problems" not in dumps(experiment)
    assert from_json(described) == experiment


def test_json_does_not_depend_on_where_a_class_lies(experiment, tmp_path):
    (tmp_path / "experiment.json").write_text(dumps(experiment))
    code = (
        "import sys, pathlib, importlib, jaxflow\n"
        "home = jaxflow.PUBLIC['Flip']\n"
        "sys.modules['jaxflow.moved'] = importlib.import_module(home)\n"
        "jaxflow.PUBLIC['Flip'] = 'jaxflow.moved'\n"
        "jaxflow.Flip.__module__ = 'jaxflow.moved'; del sys.modules[home]\n"
        "from jaxflow.runs.folder import read_experiment\n"
        f"assert type(read_experiment(pathlib.Path({str(tmp_path)!r})).augment[0]) is jaxflow.Flip\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_strange_class_is_refused_and_not_imported():
    code = (
        "import sys\nfrom jaxflow.serialization import from_json\nfrom jaxflow.errors import UserError\n"
        "for name in ('wave:Wave_read', 'os:path', 'jaxflow.data.sources.tfds:TFDS', 'jaxflow:train', 'nothing', "
        "'jaxflow.losses:jnp', 'jaxflow:losses'):\n"
        "    try:\n        from_json({'class': name})\n    except UserError as error:\n        print(error)\n"
        "assert 'wave' not in sys.modules and 'jaxflow.data.sources.tfds' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("cannot rebuild wave:Wave_read: only classes of jaxflow")


def test_a_scripts_own_class_is_rebuilt_where_it_is_handed_over():
    written = to_json((jaxflow.Adam(), Own(2)))
    with pytest.raises(jaxflow.UserError, match="only classes of jaxflow"):
        from_json(written)
    assert from_json(written, classes_of(Own())) == (jaxflow.Adam(), Own(2))


def test_old_class_paths_are_read():
    for old, name in CLASSES.items():
        assert modernize({"class": f"jaxflow.{old}"})["class"] == f"jaxflow:{name}"
        assert dataclasses.is_dataclass(getattr(jaxflow, name))


def test_old_field_names_and_values_are_read():
    for name, renamed in FIELDS.items():
        assert set(renamed.values()) <= {field.name for field in dataclasses.fields(getattr(jaxflow, name))}
    described = {"class": "jaxflow.data.columns:Category", "name": "x", "encode": "embed", "most": 3, "impute": "own"}
    assert from_json(modernize(described)) == jaxflow.Category("x", encode="index", max_categories=3)
    described = {"class": "jaxflow.data.dataset:Feature", "kind": "tokens", "shape": [4], "dtype": "int8"}
    assert from_json(modernize(described | {"categories": [9]})) == jaxflow.Feature(
        "tokens", (4,), "int8", vocab_size=9
    )


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (
            {"class": "classification:Classification", "label_smoothing": 0.1, "class_weights": [1.0, 2.0]},
            jaxflow.Classification(loss=jaxflow.losses.CrossEntropy(0.1, (1.0, 2.0))),
        ),
        (
            {"class": "segmentation:Segmentation", "label_smoothing": 0.0, "class_weights": "balanced"},
            jaxflow.Segmentation(loss=jaxflow.losses.CrossEntropy(class_weights="balanced")),
        ),
        ({"class": "language_modelling:LanguageModelling"}, jaxflow.LanguageModelling()),
        *(
            (
                {"class": "regression:Regression", "loss": name, "delta": 2.0, "mean": [1.0], "std": [3.0]},
                jaxflow.Regression(loss=loss, mean=(1.0,), std=(3.0,)),
            )
            for name, loss in (
                ("squared", jaxflow.losses.SquaredError()),
                ("absolute", jaxflow.losses.AbsoluteError()),
                ("huber", jaxflow.losses.Huber(2.0)),
            )
        ),
    ],
)
def test_the_loss_of_an_old_problem_is_an_object_now(described, expected):
    described = described | {"class": f"jaxflow.problems.{described['class']}"}
    assert modernize(described).items() <= to_json(expected).items()  # fields that are newer have their defaults
    assert from_json(modernize(described)) == expected
