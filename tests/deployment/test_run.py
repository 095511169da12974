"""A run as a value: arrays in, a folder, and all of it back."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import jaxflow
from jaxflow.schema import IGNORE, Feature, Schema, Target
from tests.conftest import toy_images


@pytest.fixture(scope="module")
def trained(experiment, toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    jaxflow.train(experiment, folder, dataset=toy)
    jaxflow.evaluate(folder, dataset=toy)
    return folder


def test_a_run_predicts_what_was_evaluated(trained, toy):
    run = jaxflow.load_run(trained)
    images = toy.splits["test"].inputs
    predicted = run.predict(images)
    rows = [line.split(",") for line in (trained / "predictions" / "test.csv").read_text().splitlines()]
    columns = [rows[0].index(f"p_{name}") for name in toy.schema.target.names]
    expected = np.array([[float(row[column]) for column in columns] for row in rows[1:]])
    np.testing.assert_allclose(predicted, expected, atol=1e-6)
    np.testing.assert_array_equal(run.predict(images.astype(np.int64)), predicted)  # the same whole numbers


def test_results_history_model_and_parameters_come_with_it(trained, experiment, toy):
    run = jaxflow.load_run(trained)
    assert run.results["test"] == json.loads((trained / "results.json").read_text())["test"]
    assert run.experiment == experiment
    train, validation = run.history["train"], run.history["validation"]
    assert train["step"].tolist() == [3, 6, 7, 9, 12, 13]
    assert np.isnan(train["loss"]).sum() == 0
    assert validation["epoch"].tolist() == [7 * 8 / 50, 13 * 8 / 50]
    assert validation["loss"][-1] == run.results["validation"]["loss"]
    assert jax.tree.structure(run.params) == jax.tree.structure(run.model.init(
        jax.random.key(0), np.zeros((1, 6, 6, 1), np.float32), train=False)["params"])  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((2, 5, 5, 1), np.uint8), r"inputs have shape \(2, 5, 5, 1\); the model takes \(examples, 6, 6, 1\)"),
        (np.zeros((2, 6, 6, 1), np.float32), "inputs are float32; the model was trained on uint8"),
        (np.full((2, 6, 6, 1), 300), "inputs are int64; the model was trained on uint8"),
        (np.zeros((0, 6, 6, 1), np.uint8), "inputs have shape"),
    ],
)
def test_inputs_of_another_kind_are_one_line(inputs, message, trained):
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.load_run(trained).predict(inputs)


def sequences(problem):
    """Random sequences of a kind that a problem takes, and a model."""
    generator = np.random.RandomState(0)
    tokens = Feature("tokens", (6,), "int8", vocab_size=5)
    words = Target("class", tuple("abcde"), dense_shape=(6,))
    inputs, target, model = {
        "next": (tokens, words, jaxflow.TransformerDecoder(layers=1, heads=2, width=8)),
        "recurrent": (tokens, words, jaxflow.LSTM(width=8)),
        "tags": (tokens, Target("class", ("a", "b"), dense_shape=(6,)), jaxflow.LSTM(width=8, bidirectional=True)),
        "read": (
            Feature("series", (9, 2), "float32"),
            Target("class", (" ", "a"), dense_shape=(3,)),
            jaxflow.TransformerEncoder(layers=1, heads=2, width=8, per_position=True),
        ),
    }[problem]
    splits = {}
    for name, count in (("train", 16), ("test", 7)):
        x = generator.randint(1, 5, (count, *inputs.shape)).astype(inputs.dtype)
        y = generator.randint(0, len(target.names), (count, *target.shape)).astype(target.dtype)
        y[:, -1] = IGNORE
        splits[name] = jaxflow.ArraySplit(x, y, [f"{name}-{i}" for i in range(count)])
    return jaxflow.Dataset(splits, Schema(inputs, target)), model


@pytest.mark.parametrize("kind", ["next", "recurrent", "tags", "read"])
def test_a_run_of_sequences_predicts_what_was_evaluated(kind, tmp_path):
    data, model = sequences(kind)
    problem = {"tags": jaxflow.Tagging(), "read": jaxflow.Transcription()}.get(kind, jaxflow.LanguageModelling())
    experiment = jaxflow.Experiment(jaxflow.Arrays(), model, problem, jaxflow.Adam(1e-2), batch_size=8, epochs=2)
    jaxflow.train(experiment, tmp_path / "run", dataset=data)
    jaxflow.evaluate(tmp_path / "run", dataset=data)
    with np.load(tmp_path / "run" / "predictions" / "test.npz") as file:
        evaluated = file["predictions"]
    run, inputs = jaxflow.load_run(tmp_path / "run"), data.splits["test"].inputs
    np.testing.assert_array_equal(run.predict(inputs), evaluated)
    np.testing.assert_array_equal(run.predict(inputs[:1]), evaluated[:1])
    if inputs.dtype == np.int8:
        with pytest.raises(jaxflow.UserError, match=r"inputs, example 1 holds the token 9, outside 0\.\.4"):
            run.predict(np.array([[1] * 6, [9] * 6], np.int8))


def test_no_run_is_one_line(tmp_path):
    with pytest.raises(jaxflow.UserError, match="no run folder at"):
        jaxflow.load_run(tmp_path / "nothing")


def test_arrays_train_and_come_back_without_the_data(tmp_path):
    images, labels = toy_images(200)
    data = jaxflow.from_arrays(images, np.array(["a", "b", "c"])[labels])
    experiment = jaxflow.Experiment(
        jaxflow.Arrays(), jaxflow.MLP(hidden=(8,)), jaxflow.Classification(), jaxflow.Adam(1e-2),
        preprocess=(jaxflow.Standardize(),), epochs=10,
    )  # fmt: skip
    jaxflow.train(experiment, tmp_path / "run", dataset=data)
    run = jaxflow.load_run(tmp_path / "run")
    names = np.array(data.schema.target.names)[run.predict(images).argmax(1)]
    assert (names == np.array(["a", "b", "c"])[labels]).mean() > 0.9
    with pytest.raises(jaxflow.UserError, match=r"dataset=from_arrays\(x, y\)"):
        jaxflow.train(dataclasses.replace(experiment, epochs=11), tmp_path / "run")


def test_a_run_shows_itself_in_a_line_and_names_what_reads_files(trained):
    run = jaxflow.load_run(trained)
    assert repr(run) == f"Run('{trained}': CNN at step 13)"
    with pytest.raises(jaxflow.UserError, match=r"takes arrays; jaxflow\.predict\('.*', 'new\.csv'\) reads files"):
        run.predict("new.csv")
