"""Examples of several inputs, a dict of arrays: tokens of any number, with how many they are, and a vector."""

import csv
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.data.batching.padding import pad
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.training.prepare import prepare_training

LENGTH, CLASSES = 6, 3


def split(count: int, seed: int) -> ArraySplit:
    """Tokens whose first `lengths` say the class by their sum, shifted by a column of the vector."""
    generator = np.random.RandomState(seed)
    tokens = generator.randint(1, 5, (count, LENGTH)).astype(np.int8)
    lengths = generator.randint(1, LENGTH + 1, count).astype(np.int32)
    vector = generator.rand(count, 2).astype(np.float32)
    known = np.arange(LENGTH) < lengths[:, None]
    targets = ((tokens * known).sum(1) / lengths > 2.5).astype(np.int32) + (vector[:, 0] > 0.5)
    inputs = {"tokens": tokens, "lengths": lengths, "vector": vector}
    return ArraySplit(inputs, targets.astype(np.int32), [f"{seed}_{index}" for index in range(count)])


@dataclass(frozen=True)
class Pairs:
    """A source of several inputs."""

    def load(self) -> Dataset:
        parts = (
            ("tokens", jaxflow.Feature("tokens", (LENGTH,), "int8", vocab_size=5)),
            ("lengths", jaxflow.Feature("vector", (), "int32")),
            ("vector", jaxflow.Feature("vector", (2,), "float32")),
        )
        schema = jaxflow.Schema(jaxflow.Features(parts=parts), jaxflow.Target("class", ("low", "middle", "high")))
        return Dataset({"train": split(48, 0), "validation": split(13, 1), "test": split(11, 2)}, schema)


class TwoInputs(nn.Module):
    """The mean of the known tokens' vectors, and the vector."""

    outputs: int | None = None

    @nn.compact
    def __call__(self, inputs: dict[str, jax.Array], train: bool = False) -> jax.Array:
        vectors = nn.Embed(5, 4)(inputs["tokens"].astype(jnp.int32))  # (batch, time, 4)
        known = (jnp.arange(LENGTH)[None] < inputs["lengths"][:, None])[..., None]
        mean = (vectors * known).sum(1) / jnp.maximum(inputs["lengths"], 1)[:, None]  # padding has none
        return nn.Dense(self.outputs)(jnp.concatenate([mean, inputs["vector"]], 1))


@dataclass(frozen=True)
class Halve:
    """A transform of one of several inputs."""

    def fit(self, inputs: Any) -> float:
        return float(max(piece["vector"].max() for piece in inputs))

    def __call__(self, fitted: float, inputs: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return inputs | {"vector": inputs["vector"] / fitted}


def experiment(**fields) -> jaxflow.Experiment:
    return jaxflow.Experiment(
        Pairs(), TwoInputs(), jaxflow.Classification(), jaxflow.Adam(1e-2), **{"batch_size": 8, "epochs": 2} | fields
    )


def test_the_librarys_steps_take_them_and_padding_changes_nothing():
    model, problem, tx = TwoInputs(outputs=CLASSES), jaxflow.Classification(), optax.sgd(0.1)
    batch = split(8, 0).rows(np.arange(8))
    padded = pad(batch, 12)
    assert padded["inputs"]["tokens"].shape == (12, LENGTH)
    states = [jaxflow.init_state(model, tx, jax.random.key(0), batch["inputs"]) for _ in range(3)]
    whole, tiled = (jaxflow.make_train_step(model, problem, tx, microbatch=rows) for rows in (None, 4))
    losses = []
    for _ in range(3):
        results = [
            step(state, rows) for step, state, rows in zip((whole, whole, tiled), states, (batch, padded, batch))
        ]
        states = [state for state, _ in results]
        losses.append([float(metrics["loss"].compute()) for _, metrics in results])
    np.testing.assert_allclose(losses, np.array(losses)[:, :1].repeat(3, 1), rtol=1e-5)
    assert losses[2][0] < losses[0][0]
    for state in states[1:]:
        for one, other in zip(jax.tree.leaves(states[0].params), jax.tree.leaves(state.params)):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several") / "run"
    jaxflow.train(experiment(preprocess=(Halve(),)), folder)
    return folder, jaxflow.evaluate(folder, experiment=experiment(preprocess=(Halve(),)))


def test_every_way_of_feeding_gives_the_same(trained, tmp_path):
    metrics = (trained[0] / "metrics.jsonl").read_text()
    jaxflow.train(experiment(preprocess=(Halve(),), data_placement="host"), tmp_path / "run")

    def losses(text):
        return [line.split('"loss": ')[1].split(",")[0] for line in text.splitlines() if '"loss"' in line]

    assert losses(metrics) == losses((tmp_path / "run" / "metrics.jsonl").read_text())


def test_new_ones_are_predicted_from_an_npz_file(trained, tmp_path):
    run = experiment(preprocess=(Halve(),))
    inputs = split(11, 2).inputs
    np.savez(tmp_path / "new.npz", **inputs)
    output = jaxflow.predict(trained[0], tmp_path / "new.npz", tmp_path / "new.csv", experiment=run)
    texts = [path.read_text() for path in (output, trained[0] / "predictions" / "test.csv")]
    rows, expected = (list(csv.DictReader(text.splitlines())) for text in texts)
    assert np.isfinite(trained[1]["test"]["loss"])
    assert [row["prediction"] for row in rows] == [row["prediction"] for row in expected]
    np.savez(tmp_path / "less.npz", **inputs | {"lengths": inputs["lengths"][:4]})
    with pytest.raises(jaxflow.UserError, match="holds 11 of tokens, 4 of lengths, 11 of vector; give as many of each"):
        jaxflow.predict(trained[0], tmp_path / "less.npz", experiment=run)


def test_what_takes_one_array_says_so():
    with pytest.raises(
        jaxflow.UserError, match=r"preprocess Standardize fails on several inputs \(tokens, lengths, ve"
    ):
        prepare_training(experiment(preprocess=(jaxflow.Standardize(),)), Pairs().load())
    with pytest.raises(jaxflow.UserError, match="explore describes one input of each example"):
        jaxflow.explore(experiment(), "nowhere")
