"""What an evaluation keeps of each example, against what the model computes of the whole split at once."""

import csv
import json

import jax
import numpy as np
import pyarrow.parquet as pq
import pytest

import jaxflow
from jaxflow.evaluation.metrics.scores import units_of
from jaxflow.evaluation.records import write_records
from jaxflow.evaluation.report.errors.collect import error_data
from jaxflow.evaluation.report.errors.dense import count_pairs
from jaxflow.problems.tables import class_table, mask_table, token_table
from jaxflow.schema import IGNORE, Feature, Schema, Target
from jaxflow.training.trained import read_trained

GENERATOR = np.random.RandomState(0)
CLASSES = Schema(Feature("vector", (2,), "float32"), Target("class", ("a", "b", "c")))
MASKS = Schema(Feature("image", (4, 5, 1), "uint8"), Target("class", ("a", "b", "c"), (4, 5)))


def blocks_of(arrays, size):
    return [{name: values[i : i + size] for name, values in arrays.items()} for i in range(0, 7, size)]


def of_classes():
    probabilities = GENERATOR.dirichlet(np.ones(3), 7).astype(np.float32)
    return {
        "targets": GENERATOR.randint(0, 3, 7).astype(np.int32),
        "predictions": probabilities,
        "loss": GENERATOR.rand(7).astype(np.float32),
        "weight": np.ones(7, np.float32),
    }


def of_masks():
    return {
        "targets": GENERATOR.randint(IGNORE, 3, (7, 4, 5)).astype(np.int8),
        "predictions": GENERATOR.randint(0, 3, (7, 4, 5)).astype(np.int8),
        "confidence": GENERATOR.rand(7, 4, 5).astype(np.float32),
        "log_likelihood": -GENERATOR.rand(7, 4, 5).astype(np.float32),
        "loss": GENERATOR.rand(7).astype(np.float32),
        "weight": np.full(7, 20, np.float32),
    }


IDS = [f"example {number}" for number in range(7)]


def test_rows_of_a_file_are_named_by_their_lines(tmp_path):
    lines = np.arange(7) * 3 + 2
    with write_records(tmp_path, "test", CLASSES, IDS, class_table, lines) as write:
        for block in blocks_of(of_classes(), 3):
            write(block)
    with (tmp_path / "test.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], int(row["line"])) for row in rows] == list(zip(IDS, lines))


def test_distributions_are_kept_at_full_precision(tmp_path):
    arrays = of_classes()
    units = units_of(np.array(list("aabbbcc")), "group")
    with write_records(tmp_path, "test", CLASSES, IDS, class_table, units=units) as write:
        for block in blocks_of(arrays, 3):
            write(block)
        assert not list(tmp_path.glob("test.*"))  # all of it or nothing
    table = pq.read_table(tmp_path / "test.parquet")
    assert table.column_names == ["id", "target", "answer", "p_a", "p_b", "p_c", "loss", "weight", "unit"]
    assert table["id"].to_pylist() == IDS
    np.testing.assert_array_equal(np.stack([table[f"p_{name}"] for name in "abc"], 1), arrays["predictions"])
    for name, kept in (("target", "targets"), ("loss", "loss"), ("weight", "weight")):
        np.testing.assert_array_equal(table[name], arrays[kept])
    assert json.loads(table.schema.metadata[b"classes"]) == ["a", "b", "c"]
    assert table["unit"].to_pylist() == [0, 0, 1, 1, 1, 2, 2]
    assert table.schema.metadata[b"noun"] == b"group"
    with (tmp_path / "test.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["target"] for row in rows] == ["abc"[target] for target in arrays["targets"]]
    np.testing.assert_allclose([float(row["p_b"]) for row in rows], arrays["predictions"][:, 1], atol=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {"test.csv", "test.parquet"}


def test_dense_records_are_arrays(tmp_path):
    arrays = of_masks()
    with write_records(tmp_path, "test", MASKS, IDS, mask_table) as write:
        for block in blocks_of(arrays, 4):
            write(block)
    with np.load(tmp_path / "test.npz") as kept:
        assert set(kept) == {"id", "unit", "noun", "classes", *arrays}
        assert (str(kept["noun"]), kept["classes"].tolist()) == ("example", list(MASKS.target.names))
        for name, values in arrays.items():
            np.testing.assert_array_equal(kept[name], values)
            assert kept[name].dtype == values.dtype
        assert kept["id"].tolist() == IDS
    assert {path.name for path in tmp_path.iterdir()} == {"test.csv", "test.npz"}


@pytest.mark.parametrize(
    ("schema", "table", "make"), [(CLASSES, class_table, of_classes), (MASKS, mask_table, of_masks)]
)
def test_an_evaluation_that_breaks_leaves_the_files_of_the_last_one(schema, table, make, tmp_path):
    arrays = make()
    with write_records(tmp_path, "test", schema, IDS, table) as write:
        for block in blocks_of(arrays, 7):
            write(block)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def broken():
        with write_records(tmp_path, "test", schema, IDS, table) as write:
            write(blocks_of(make(), 3)[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_figures_of_masks_need_no_masks_of_the_whole_split():
    arrays = of_masks()

    class Test:
        def __len__(self):
            return 7

    data = error_data(MASKS, Test(), jaxflow.Segmentation())
    for block in blocks_of(arrays, 3):
        data.add(block)
    known = arrays["targets"] >= 0
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (arrays["targets"][known], arrays["predictions"][known]), 1)
    np.testing.assert_array_equal(data.counts, expected)
    np.testing.assert_array_equal(count_pairs(arrays["targets"][known], arrays["predictions"][known], 3), expected)
    np.testing.assert_array_equal(np.stack(data.examples), arrays["predictions"][data.chosen])
    assert len(data.chosen) == 6


def test_a_run_keeps_what_its_model_computes(experiment, toy, tmp_path):
    jaxflow.train(experiment, tmp_path, dataset=toy)
    results = jaxflow.evaluate(tmp_path, dataset=toy)
    run, test = read_trained(tmp_path), toy.splits["test"]
    problem = run.experiment.problem
    outputs = run.program.model.apply(run.state.variables(), run.program.structure.transform(test.inputs), train=False)
    table = pq.read_table(tmp_path / "predictions" / "test.parquet")
    probabilities = np.stack([table[f"p_{name}"] for name in toy.schema.target.names], 1)
    np.testing.assert_allclose(probabilities, problem.distribution(outputs), atol=1e-6)
    np.testing.assert_allclose(table["loss"], problem.losses(outputs, test.targets), rtol=1e-4, atol=1e-6)
    assert np.average(table["loss"], weights=table["weight"]) == pytest.approx(results["test"]["loss"], rel=1e-5)
    assert np.mean(probabilities.argmax(1) == table["target"]) == pytest.approx(results["test"]["accuracy"])


@pytest.mark.parametrize("problem", [jaxflow.Segmentation(), jaxflow.LanguageModelling()])
def test_dense_rows_are_scalars_of_each_position(problem):
    class Identity:
        def apply(self, variables, inputs, train):
            return inputs

    logits = GENERATOR.randn(3, 4, 5).astype(np.float32)  # (batch, position, classes)
    targets = GENERATOR.randint(0, 5, (3, 4)).astype(np.int8)
    targets[0, :2] = IGNORE
    targets[2] = IGNORE
    step = jax.jit(jaxflow.make_eval_step(Identity(), problem))
    metrics, rows = step({}, {"inputs": logits, "targets": targets, "weights": np.ones(3, np.float32)})
    assert {name: values.shape for name, values in rows.items()} == {
        "predictions": (3, 4), "confidence": (3, 4), "log_likelihood": (3, 4), "loss": (3,), "weight": (3,),
    }  # fmt: skip
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(rows["confidence"], probabilities.max(-1), rtol=1e-5)
    known = targets >= 0
    expected = np.log(np.take_along_axis(probabilities, np.maximum(targets, 0)[..., None], -1))[..., 0]
    np.testing.assert_allclose(rows["log_likelihood"][known], expected[known], rtol=1e-5)
    assert rows["weight"].tolist() == [2, 4, 0]
    np.testing.assert_allclose(rows["loss"], [-expected[0, 2:].mean(), -expected[1].mean(), 0], rtol=1e-5)
    np.testing.assert_array_equal(rows["predictions"], problem.answer(problem.distribution(logits)))
    assert float(metrics["loss"].compute()) == pytest.approx(-expected[known].mean(), rel=1e-5)


def test_tables_of_tokens_come_in_blocks_too(tmp_path):
    schema = Schema(Feature("tokens", (4,), "int8", vocab_size=3), Target("class", ("a", "b", "c"), (4,)))
    targets = GENERATOR.randint(0, 3, (7, 4)).astype(np.int8)
    arrays = {"targets": targets, "predictions": targets.astype(np.int32), "loss": np.zeros(7), "weight": np.ones(7)}
    with write_records(tmp_path, "test", schema, IDS, token_table) as write:
        for block in blocks_of(arrays, 2):
            write(block)
    with (tmp_path / "test.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["target"] for row in rows] == ["abc"[token] for token in targets[:, -1]]
    assert {row["accuracy"] for row in rows} == {"1.000000"}
