import subprocess
import sys

import numpy as np

from jaxflow.problems.tables import class_table, value_table
from jaxflow.schema import Feature, Schema, Target
from tests.conftest import ROOT


def test_tables_need_numpy_alone():
    code = (
        "import sys, jaxflow.problems.tables\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'jax', 'flax', 'optax', 'orbax', 'clu'}, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_every_class_has_its_probability_with_targets_and_without():
    schema = Schema(Feature("vector", (2,), "float32"), Target("class", ("a", "b", "c")))
    probabilities = np.array([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]])
    table = class_table(schema, probabilities, np.array([2, 0]))
    assert list(table) == ["target", "prediction", "probability", "p_a", "p_b", "p_c"]
    assert (table["target"].tolist(), table["prediction"].tolist()) == (["c", "a"], ["b", "a"])
    np.testing.assert_allclose(np.stack([table[f"p_{name}"].astype(float) for name in "abc"], 1), probabilities)
    assert list(class_table(schema, probabilities)) == list(table)[1:]


def test_one_value_has_no_suffix():
    schema = Schema(Feature("vector", (2,), "float32"), Target("number", ("price",)))
    assert list(value_table(schema, np.ones((3, 1)), np.ones((3, 1)))) == ["target", "prediction"]
