"""What importing costs, and that imports go one way."""

import ast
import importlib
import subprocess
import sys

import pytest

import jaxflow
from jaxflow.commands.verbs import verbs
from tests.conftest import ROOT


def modules_after(code: str) -> set[str]:
    command = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_jaxflow_is_light():
    loaded = modules_after("import jaxflow")
    assert not loaded & {"jax", "flax", "numpy", "optax", "orbax", "tensorflow_datasets", "sklearn", "matplotlib"}


def test_data_never_imports_jax():
    loaded = modules_after(
        "import jaxflow.data.sources.digits, jaxflow.data.batching.order; jaxflow.data.sources.digits.Digits().load()"
    )
    assert "jax" not in loaded


def test_new_data_is_read_and_answered_without_flax(tmp_path):
    (tmp_path / "rows.csv").write_text("age,class\n3,a\n5,b\n,a\n")
    loaded = modules_after(
        f"""
import json
from pathlib import Path
import numpy as np
import jaxflow.reports.page, jaxflow.serialization
from jaxflow.data.tables.columns import Category, Number
from jaxflow.data.tables.encode import TableEncoding
from jaxflow.deployment.predict import predict_with
from jaxflow.deployment.predictor import Predictor
from jaxflow.problems.tables import class_table
from jaxflow.schema import Feature, Schema, Target

columns = Number("age").fit(np.array([3.0, 5.0])), Category("class").fit(np.array(["a", "b"], object))
encoding = TableEncoding(columns, ("",), None)
encoding = jaxflow.serialization.from_json(json.loads(json.dumps(jaxflow.serialization.to_json(encoding))))
schema = Schema(Feature("vector", (len(encoding.features),), "float32"), Target("class", ("no", "yes")))
folder = Path({str(tmp_path)!r})
step = lambda inputs: np.stack([inputs[:, 0] > 0, inputs[:, 0] <= 0], 1) * 1.0
predictor = Predictor(schema, encoding, class_table, step)
predict_with(predictor, folder / "rows.csv", folder / "answers.csv")
"""
    )
    assert not loaded & {"jax", "flax", "optax", "orbax", "clu"}
    rows = (tmp_path / "answers.csv").read_text().splitlines()
    assert rows[0] == "id,prediction,probability,p_no,p_yes"
    assert [row.split(",")[1] for row in rows[1:]] == ["yes", "no", "yes"]


@pytest.mark.parametrize("name", jaxflow.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(jaxflow, name).__doc__


def test_the_stub_names_everything_once_and_families_where_they_are():
    stub = (ROOT / "jaxflow" / "__init__.pyi").read_text()
    imports = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in imports for alias in node.names]
    assert all(alias.asname == alias.name for node in imports for alias in node.names)  # else no re-export (PEP 484)
    assert sorted(names) == jaxflow.__all__
    for node in imports:
        for alias in node.names:
            value = getattr(jaxflow, alias.name)
            if alias.name in jaxflow.FAMILIES:
                assert value.__name__ == f"{node.module}.{alias.name}"
            else:  # a constant knows no module
                assert getattr(value, "__module__", node.module) == node.module
    assert jaxflow.FAMILIES.keys() <= set(names)


@pytest.mark.parametrize("family", jaxflow.FAMILIES)
def test_a_family_is_a_module_to_import_from(family):
    home, public = importlib.import_module(jaxflow.FAMILIES[family]), importlib.import_module(f"jaxflow.{family}")
    assert public is getattr(jaxflow, family)
    assert public.__all__ == home.__all__
    assert all(getattr(public, name) is getattr(home, name) for name in home.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = jaxflow.nothing


def test_imports_go_one_way():
    pytest.importorskip("importlinter")
    # A process of its own: it configures logging, which disables the loggers that exist.
    code = f"import importlinter.cli as cli; exit(cli.lint_imports(config_filename={str(ROOT / 'pyproject.toml')!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_help_needs_no_jax():
    assert {"explore", "train", "evaluate", "predict", "generate", "replay"} <= set(verbs())
    loaded = modules_after(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\nimport launch; launch.main(['--help'])\n"
        f"[launch.main([verb, '--help']) for verb in {verbs()} if verb != 'run']"
    )
    assert not loaded & {"jax", "flax", "numpy", "tyro", "rich"}
