"""What the report shows of each kind of target; written again from the stored predictions it is the same."""

import dataclasses

import numpy as np
import pytest
import sklearn.metrics

import jaxflow
from jaxflow.data.dataset import Dataset
from jaxflow.evaluation.report.rebuild import rebuild_report
from jaxflow.schema import IGNORE, Feature, Schema, Target
from tests.problems.test_sequences import Frames
from tests.reports.pages import count_figures, is_drawn

SIZES = {"train": 60, "validation": 30, "test": 40}


def made_of(feature: Feature, target: Target, draw) -> Dataset:
    """Builds a dataset of splits that `draw` draws: (random, examples) -> inputs, targets."""
    random, splits = np.random.RandomState(0), {}
    for name, size in SIZES.items():
        inputs, targets = draw(random, size)
        splits[name] = jaxflow.ArraySplit(inputs, targets, [f"{name}_{i}" for i in range(size)])
    return Dataset(splits, Schema(feature, target))


def vectors(target: Target, targets_of) -> Dataset:
    def draw(random, size):
        inputs = random.randn(size, 3).astype(np.float32)
        return inputs, targets_of(inputs, random)

    return made_of(Feature("vector", (3,), "float32"), target, draw)


def labels() -> Dataset:
    def targets_of(inputs, random):
        targets = (inputs > (0, 0.8, 9)).astype(np.int32)  # the last label never holds
        targets[:2, 0] = IGNORE
        return targets

    return vectors(Target("labels", ("big", "odd", "warm")), targets_of)


def grades() -> Dataset:
    target = Target("class", ("good", "bad", "fair"))
    return vectors(target, lambda x, random: np.array([1, 2, 0])[np.digitize(x[:, 0], (-0.5, 0.5))].astype(np.int32))


def values(columns: int) -> Dataset:
    names = tuple(f"value{i}" for i in range(columns))
    return vectors(Target("number", names), lambda x, random: (x[:, :columns] * (1, 100)[:columns]).astype(np.float32))


def prices() -> Dataset:
    return values(2)


def images() -> Dataset:
    def draw(random, size):
        return random.randint(0, 255, (size, 8, 8, 1)).astype(np.uint8), random.randint(0, 2, size).astype(np.int32)

    return made_of(Feature("image", (8, 8, 1), "uint8"), Target("class", ("a", "b")), draw)


def spellings() -> Dataset:
    def draw(random, size):
        texts = random.randint(0, 2, (size, 3))
        texts[0, 2] = IGNORE
        frames = np.repeat(np.eye(2)[np.maximum(texts, 0)], 3, axis=1) + 0.1 * random.randn(size, 9, 2)
        return frames.astype(np.float32), texts.astype(np.int8)

    return made_of(Feature("series", (9, 2), "float32"), Target("class", ("a", "b"), (3,)), draw)


KINDS = {
    "labels": (labels, jaxflow.MLP((8,)), jaxflow.MultiLabel(threshold=(0.5, 0.4, 0.6)), 4),
    "one threshold": (labels, jaxflow.MLP((8,)), jaxflow.MultiLabel(), 4),
    "grades": (grades, jaxflow.MLP((8,)), jaxflow.OrdinalClassification(order=("bad", "fair", "good")), 6),
    "quantiles": (prices, jaxflow.MLP((8,)), jaxflow.QuantileRegression((0.1, 0.5, 0.9)), 6),
    "normal": (lambda: values(1), jaxflow.MLP((8,)), jaxflow.GaussianRegression(), 6),
    "values": (prices, jaxflow.MLP((8,)), jaxflow.Regression(), 4),
    "reconstructions": (images, jaxflow.ConvAutoencoder(widths=(4,), bottleneck=4), jaxflow.Autoencoding(), 3),
    "texts": (spellings, Frames(), jaxflow.Transcription(), 2),
}


@pytest.fixture(scope="module", params=KINDS)
def run(request, tmp_path_factory):
    """A run of each kind: its name, folder, experiment, data, and page."""
    make, model, problem, _ = KINDS[request.param]
    folder, dataset = tmp_path_factory.mktemp("kind") / "run", make()
    scaled = (jaxflow.Scale(),) if dataset.schema.inputs.kind == "image" else ()
    experiment = jaxflow.Experiment(
        jaxflow.Arrays(), model, problem, jaxflow.Adam(1e-2), scaled, batch_size=20, epochs=2
    )
    jaxflow.train(experiment, folder, dataset=dataset)
    jaxflow.evaluate(folder, experiment=experiment, dataset=dataset)
    return request.param, folder, experiment, dataset, (folder / "report" / "index.html").read_text()


def evaluated(dataset, problem, folder):
    """Returns the results and the page of a small run on other test examples than it was made of."""
    experiment = jaxflow.Experiment(
        jaxflow.Arrays(), jaxflow.MLP((4,)), problem, jaxflow.Adam(), batch_size=20, epochs=1
    )
    jaxflow.train(experiment, folder, dataset=dataset)
    results = jaxflow.evaluate(folder, dataset=dataset)
    page = (folder / "report" / "index.html").read_text()
    rebuild_report(folder, dataset=dataset)
    assert (folder / "report" / "index.html").read_text() == page
    return results, page


def with_test(dataset, inputs, targets):
    ids = [f"test_{i}" for i in range(len(inputs))]
    return dataclasses.replace(dataset, splits={**dataset.splits, "test": jaxflow.ArraySplit(inputs, targets, ids)})


@pytest.mark.parametrize(
    ("make", "problem"), [(grades, jaxflow.Classification()), (lambda: values(1), jaxflow.Regression())]
)
def test_predictions_that_are_not_finite_are_named_and_have_no_scores(make, problem, tmp_path, said):
    dataset = make()
    test = dataset.splits["test"]
    inputs = test.inputs.copy()
    inputs[3] = np.nan
    results, page = evaluated(with_test(dataset, inputs, test.targets), problem, tmp_path / "run")
    assert "1 prediction of 40 is not finite" in page
    assert "<li>test_3</li>" in page
    assert "1 prediction of 40 is not finite" in said()
    assert not any(name.endswith("_interval") for name in results["test"])


@pytest.mark.parametrize(
    ("make", "problem"), [(grades, jaxflow.Classification()), (lambda: values(2), jaxflow.Regression())]
)
def test_one_example_is_enough_for_a_page(make, problem, tmp_path):
    test = make().splits["test"]
    _, page = evaluated(with_test(make(), test.inputs[:1], test.targets[:1]), problem, tmp_path / "run")
    assert "test_0" in page or "No prediction of the test split is wrong" in page


def test_one_class_in_the_test_split_has_no_curves_and_the_others_are_named(tmp_path):
    dataset = grades()
    test = dataset.splits["test"]
    _, page = evaluated(
        with_test(dataset, test.inputs, np.ones(40, np.int32)), jaxflow.Classification(), tmp_path / "run"
    )
    assert "2 of 3 classes never occur in the test split: good, fair." in page
    assert "ROC" not in page


def test_what_the_page_says_of_labels_is_scikit_learns(tmp_path):
    dataset = labels()
    results, page = evaluated(dataset, jaxflow.MultiLabel(), tmp_path / "run")
    assert "1 of 3 labels never occur in the test split: warm." in page
    assert results["thresholds"]["f1"][2] is None
    probabilities = jaxflow.load_run(tmp_path / "run").predict(dataset.splits["test"].inputs)
    true = dataset.splits["test"].targets[:, 1]
    area = sklearn.metrics.roc_auc_score(true, probabilities[:, 1])
    assert f"<td>{area:.4f}</td>" in page


def test_figures_of_each_kind_are_drawn_and_written_again(run):
    kind, folder, experiment, dataset, page = run
    drawn = [path for path in (folder / "report").glob("*.svg") if not path.stem.startswith("curve_")]
    assert all(map(is_drawn, drawn))
    curves = len(list((folder / "report").glob("curve_*.svg")))
    assert count_figures(page) == curves + len(drawn)
    assert len(drawn) + 1 >= KINDS[kind][3]
    assert "There is no figure" not in page
    rebuild_report(folder, experiment=experiment, dataset=dataset)
    assert (folder / "report" / "index.html").read_text() == page
