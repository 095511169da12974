"""What an evaluation explains and stores of trained runs."""

import dataclasses
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

import jaxflow
from jaxflow.evaluation.explanations.runs import explain as module
from jaxflow.evaluation.explanations.runs.columns import features_by_column, window_parts
from jaxflow.evaluation.explanations.runs.examples import Examples
from jaxflow.evaluation.explanations.runs.explain import explain
from jaxflow.evaluation.explanations.runs.maps import input_maps
from jaxflow.evaluation.explanations.runs.numbers import explained_number, lead
from jaxflow.evaluation.explanations.runs.subject import subject_of
from jaxflow.evaluation.explanations.runs.values import read_explanations, write_explanations
from jaxflow.evaluation.report.rebuild import rebuild_report
from jaxflow.training.trained import read_trained

SIDE, PATCH = 12, (slice(3, 6), slice(6, 9))


class Rounded(nn.Module):
    """A model whose outputs have no gradient of the inputs."""

    outputs: int | None = None

    @nn.compact
    def __call__(self, inputs, train=False):
        return nn.Dense(self.outputs)(jnp.round(inputs * 4).reshape(len(inputs), -1))


def patch_data() -> jaxflow.Dataset:
    """Noise where the brightness of one patch alone is the class."""
    random = np.random.RandomState(0)
    labels = random.randint(0, 2, 900)
    images = random.randint(108, 148, (900, SIDE, SIDE, 1))
    images[:, *PATCH] = np.where(labels, 206, 50)[:, None, None, None] + random.randint(-40, 40, (900, 3, 3, 1))
    return jaxflow.from_arrays(images.astype(np.uint8), labels)


def trained_run(folder, data, model, problem=None, epochs=6, **fields):
    experiment = jaxflow.Experiment(
        data=jaxflow.Arrays(),
        model=model,
        problem=problem or jaxflow.Classification(),
        optimizer=jaxflow.AdamW(5e-3, weight_decay=0.1),
        batch_size=32,
        epochs=epochs,
        **fields,
    )
    jaxflow.train(experiment, folder, dataset=data)
    jaxflow.evaluate(folder, dataset=data, experiment=experiment)
    return folder


@pytest.fixture(scope="module")
def patch_run(tmp_path_factory):
    data, folder = patch_data(), tmp_path_factory.mktemp("patch") / "run"
    model = jaxflow.CNN(widths=(8,), pools=0, hidden=(16,), padding="SAME")
    return trained_run(folder, data, model, preprocess=(jaxflow.Scale(),), epochs=8), data


def test_the_map_lies_where_the_class_is(patch_run):
    folder, _ = patch_run
    maps = read_explanations(folder).maps
    inside = np.abs(maps.values[:, *PATCH]).sum((1, 2)) / np.abs(maps.values).sum((1, 2))
    assert inside.mean() > 0.8
    assert maps.method == "integrated gradients"
    np.testing.assert_allclose(maps.sums[:, 0], maps.sums[:, 1], rtol=0.05, atol=0.05)


def test_maps_depend_on_what_was_learned(patch_run):
    """J. Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018: weights drawn anew draw other maps."""
    folder, data = patch_run
    subject = subject_of(read_trained(folder), data)
    images = subject.prepared(data.splits["test"].inputs[:1])
    drawn = subject.model.init(jax.random.key(1), images, train=False)
    indices = np.arange(6)
    explained = explained_number(subject.problem, data.schema, data.splits["test"].targets[indices])
    both = [input_maps(each, explained, indices) for each in (subject, dataclasses.replace(subject, variables=drawn))]
    alike = [spearmanr(a.ravel(), b.ravel())[0] for a, b in zip(*(maps.values for maps in both))]
    assert np.abs(np.mean(alike)) < 0.4
    again = input_maps(subject, explained, indices).values
    np.testing.assert_array_equal(again, both[0].values)


def test_a_model_without_gradients_is_occluded(tmp_path):
    data = patch_data()
    folder = trained_run(tmp_path / "run", data, Rounded(), preprocess=(jaxflow.Scale(),))
    maps = read_explanations(folder).maps
    assert maps.method == "occlusion"
    inside = np.abs(maps.values[:, *PATCH]).sum((1, 2)) / np.abs(maps.values).sum((1, 2))
    assert inside.mean() > 3 * 9 / SIDE**2
    assert "by occlusion" in (folder / "report" / "index.html").read_text()


@pytest.fixture(scope="module")
def table_run(tmp_path_factory):
    """One column tells the class, one is a category that a model embeds, two are noise."""
    folder, random = tmp_path_factory.mktemp("table"), np.random.RandomState(0)
    numbers, kinds = random.normal(size=(1200, 3)), random.choice(list("abcd"), 1200)
    yes = numbers[:, 1] + 0.7 * np.isin(kinds, ["a", "b"]) - 0.35 + 0.2 * random.normal(size=1200) > 0
    rows = [f"{a:.4f},{b:.4f},{c:.4f},{k},{'yes' if y else 'no'}" for (a, b, c), k, y in zip(numbers, kinds, yes)]
    (folder / "rows.csv").write_text("\n".join(["noise,signal,more_noise,kind,target", *rows]))
    source = jaxflow.Table(str(folder / "rows.csv"), "target", columns=(jaxflow.Category("kind", encode="index"),))
    experiment = jaxflow.Experiment(
        data=source, model=jaxflow.MLP(hidden=(16,)), problem=jaxflow.Classification(),
        optimizer=jaxflow.Adam(1e-2), batch_size=32, epochs=8,
    )  # fmt: skip
    data = source.load()
    jaxflow.train(experiment, folder / "run", dataset=data)
    jaxflow.evaluate(folder / "run", dataset=data)
    return folder / "run", data


def test_the_column_that_tells_is_first_and_intervals_of_noise_hold_0(table_run):
    found = read_explanations(table_run[0]).importance
    rises = dict(zip(found.columns, found.rises))
    assert max(rises, key=lambda name: rises[name][0]) == "signal"
    assert rises["signal"][1] > rises["kind"][2] > 0
    assert rises["kind"][1] > 0  # an embedded category
    for noise in ("noise", "more_noise"):
        assert rises[noise][1] <= 0 <= rises[noise][2]
    assert found.units == f"{found.rows} examples"
    assert found.metric == "error rate"


def test_effects_are_of_raw_columns_embedded_ones_too(table_run):
    folder, data = table_run
    maps, columns = read_explanations(folder).maps, list(features_by_column(data))
    assert list(maps.columns) == columns
    sizes = dict(zip(columns, np.abs(maps.values).mean(0)))
    assert min(sizes["signal"], sizes["kind"]) > 2 * max(sizes["noise"], sizes["more_noise"])


def test_a_report_is_drawn_again_without_the_model(table_run):
    folder, data = table_run
    before = (folder / "report" / "index.html").read_text()
    experiment = read_trained(folder).experiment
    assert "<h2>What it looks at</h2>" in before
    (folder / "checkpoints").rename(folder / "elsewhere")
    try:
        rebuild_report(folder, experiment=experiment, dataset=data)
    finally:
        (folder / "elsewhere").rename(folder / "checkpoints")
    assert (folder / "report" / "index.html").read_text() == before


def test_a_damaged_file_is_one_line_and_a_missing_one_no_section(table_run):
    from jaxflow.evaluation.report.explanations import explanation_blocks

    folder, data = table_run
    path = folder / "predictions" / "explanations.npz"
    content, step = path.read_bytes(), read_explanations(folder).step
    try:
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(jaxflow.UserError, match=r"explanations\.npz cannot be read .* evaluate --workdir"):
            explanation_blocks(folder, data, step, folder / "report")
        path.unlink()
        assert explanation_blocks(folder, data, step, folder / "report") == []
    finally:
        path.write_bytes(content)
    assert explanation_blocks(folder, data, step + 1, folder / "report") == []  # of another checkpoint
    assert len(explanation_blocks(folder, data, step, folder / "report")) == 3


def test_what_was_written_is_read(table_run, tmp_path):
    found = read_explanations(table_run[0])
    write_explanations(tmp_path, found)
    again = read_explanations(tmp_path)
    for name in ("maps", "importance"):
        for field, value in vars(getattr(found, name)).items():
            np.testing.assert_array_equal(getattr(getattr(again, name), field), value)
    assert (again.notes, again.step, again.attention) == (found.notes, found.step, None)


def test_an_explanation_that_fails_loses_nothing_else(patch_run, monkeypatch, said):
    def fail(*_):
        raise RuntimeError("out of memory\nwith a long tail")

    folder, data = patch_run
    expected = jaxflow.evaluate(folder, dataset=data)["test"]
    monkeypatch.setattr(module, "input_maps", fail)
    said()
    results = jaxflow.evaluate(folder, dataset=data)
    assert results["test"] == expected
    assert "Single examples could not be explained (out of memory); all else" in said()
    assert "Single examples could not be explained: out of memory" in (folder / "report" / "index.html").read_text()
    monkeypatch.setattr(module, "subject_of", fail)
    assert jaxflow.evaluate(folder, dataset=data)["test"] == expected


def test_a_figure_that_cannot_be_drawn_loses_nothing_else(patch_run, monkeypatch, said):
    from jaxflow.evaluation.report import explanations

    folder, data = patch_run
    monkeypatch.setattr(explanations, "beside_map", lambda *_: 1 / 0)
    results = jaxflow.evaluate(folder, dataset=data)
    assert results["test"]["accuracy"] > 0.9
    assert "could not be drawn (division by zero)" in said()


def test_several_processes_are_told_why_not():
    trained = SimpleNamespace(program=SimpleNamespace(layout=SimpleNamespace(processes=2)), step=7)
    found = explain(trained, None, None, None)
    assert "several processes" in found.notes[0]
    assert (found.step, found.maps) == (7, None)


def test_half_are_the_worst_and_half_are_right():
    examples = Examples(lambda predictions: predictions.argmax(1))
    losses, weights = np.arange(10.0), np.ones(10)
    weights[9] = 0  # of unknown class
    predictions = np.eye(2)[[0] * 5 + [1] * 5]
    for some in (slice(0, 6), slice(6, 10)):
        block = {"loss": losses, "weight": weights, "predictions": predictions, "targets": np.zeros(10, int)}
        examples.add({name: values[some] for name, values in block.items()})
    np.testing.assert_array_equal(examples.chosen(4), [8, 7, 0, 4])
    np.testing.assert_array_equal(examples.chosen(40), [8, 7, 6, 5, 0, 1, 2, 3, 4])
    nothing = Examples(None)
    nothing.add({"loss": np.full(3, np.nan), "weight": np.ones(3)})
    assert len(nothing.chosen(4)) == 0
    by_loss = Examples(None)
    by_loss.add({"loss": losses, "weight": weights})
    np.testing.assert_array_equal(by_loss.chosen(4), [8, 7, 0, 4])


def test_the_lead_is_the_log_odds_of_a_softmax():
    outputs = jnp.asarray(np.random.RandomState(0).normal(size=(6, 4)), jnp.float32)
    chosen = jnp.array([0, 1, 2, 3, 0, 1])
    p = jax.nn.softmax(outputs)[jnp.arange(6), chosen]
    np.testing.assert_allclose(lead(outputs, chosen), jnp.log(p / (1 - p)), rtol=1e-4)
    slopes = jax.grad(lambda outputs: lead(outputs, chosen).sum())(1000 * outputs)
    assert np.isfinite(slopes).all()  # where the probability is 1 in float32


def test_parts_of_windows_hold_each_position_once(tmp_path):
    rows = "\n".join(f"2020-01-{day + 1:02d},{day % 7},{(3 * day) % 5}" for day in range(31))
    (tmp_path / "series.csv").write_text(f"time,one,two\n{rows}")
    source = jaxflow.Series(
        str(tmp_path / "series.csv"), time="time", columns=("one", "two"), targets=("one",), length=4
    )
    parts = window_parts(source.load())
    assert list(parts)[:3] == ["one, all rows", "two, all rows", "last row"]
    for names in (list(parts)[:2], list(parts)[2:]):
        assert sorted(place for name in names for place in parts[name]) == list(range(8))


def test_the_plane_has_the_model_s_answers_and_units(tmp_path):
    data = jaxflow.Playground("circle", examples=300).load()
    folder = trained_run(tmp_path / "run", data, jaxflow.MLP(hidden=(8, 4)), preprocess=(jaxflow.Standardize(),))
    found, trained = read_explanations(folder).plane, read_trained(folder)
    subject = subject_of(trained, data)
    corner = np.array([[found.across[5], found.up[70]]], np.float32)
    distribution = subject.problem.distribution(subject.outputs(corner))
    assert int(found.answers[70, 5]) == int(distribution.argmax(1)[0])
    assert found.strength[70, 5] == pytest.approx(float(distribution.max()), rel=1e-5)
    np.testing.assert_array_equal(found.points, data.splits["test"].inputs)
    assert found.hidden.shape == (40, 40, 12)
    assert (found.layers, found.widths) == ((1,) * 8 + (2,) * 4, (8, 4))
    assert {"plane.svg", "hidden_units.svg", "importance.svg"} <= {path.name for path in (folder / "report").iterdir()}
