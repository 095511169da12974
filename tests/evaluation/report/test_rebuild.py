"""The report is written again from the run folder's files, and is the one that evaluation wrote."""

import dataclasses
import shutil

import numpy as np
import pytest

import jaxflow
from jaxflow.data.dataset import Dataset
from jaxflow.evaluation.report.rebuild import rebuild_report
from jaxflow.schema import Feature, Schema, Target
from tests.reports.pages import addresses


@pytest.fixture(scope="module")
def evaluated(experiment, toy, tmp_path_factory):
    run = tmp_path_factory.mktemp("report") / "run"
    jaxflow.train(experiment, run, dataset=toy)
    jaxflow.evaluate(run, dataset=toy)
    return run


def test_the_page_is_the_same(evaluated, toy):
    page = evaluated / "report" / "index.html"
    before = page.read_text()
    page.unlink()
    assert rebuild_report(evaluated, dataset=toy) == page
    assert page.read_text() == before
    assert addresses(before) == []
    assert len(before) < 3_000_000


def test_the_page_says_what_matters(evaluated, toy):
    page = (evaluated / "report" / "index.html").read_text()
    order = ["Can it be trusted?", "Errors", "Data", "Model", "Training", "Environment", "Make it again"]
    places = [page.index(f"<h2>{title}</h2>") for title in order]
    assert places == sorted(places)
    assert f"of {len(toy.splits['test'])} test images right" in page.partition("<main>")[0]
    assert "parameters" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: (run / "results.json").unlink(), "was not evaluated"),
        (lambda run: (run / "predictions" / "test.parquet").unlink(), r"run has no predictions of its test split"),
        (
            lambda run: (run / "predictions" / "test.parquet").write_bytes(b"PAR1"),
            r"test\.parquet is damaged and cannot be read",
        ),
    ],
)
def test_what_is_missing_or_damaged_is_named(change, said, evaluated, toy, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(evaluated, run)
    change(run)
    before = (run / "report" / "index.html").read_bytes()
    with pytest.raises(jaxflow.UserError, match=said):
        rebuild_report(run, dataset=toy)
    assert (run / "report" / "index.html").read_bytes() == before


def test_other_data_is_refused(evaluated, toy):
    test = toy.splits["test"]
    for other in (
        jaxflow.ArraySplit(test.inputs, (test.targets + 1) % 3, test.ids),
        jaxflow.ArraySplit(test.inputs[:5], test.targets[:5], test.ids[:5]),
    ):
        changed = dataclasses.replace(toy, splits={**toy.splits, "test": other})
        with pytest.raises(jaxflow.UserError, match=r"is not the one that .* was evaluated on"):
            rebuild_report(evaluated, dataset=changed)
    renamed = jaxflow.ArraySplit(test.inputs, test.targets, [f"x{name}" for name in range(len(test))])
    with pytest.raises(jaxflow.UserError, match="is of other examples"):
        rebuild_report(evaluated, dataset=dataclasses.replace(toy, splits={**toy.splits, "test": renamed}))


@pytest.mark.slow
def test_masks_and_numbers_are_read_back_too(tmp_path):
    random = np.random.RandomState(0)
    images = random.randint(0, 255, (24, 8, 8, 1)).astype(np.uint8)
    parts = {"train": slice(0, 16), "validation": slice(16, 20), "test": slice(20, 24)}
    ids = [str(number) for number in range(24)]
    feature, target = Feature("image", (8, 8, 1), "uint8"), Target("class", ("low", "high"), (8, 8))
    masks = {
        name: jaxflow.ArraySplit(images[rows], (images[rows, ..., 0] > 128).astype(np.int32), ids[rows])
        for name, rows in parts.items()
    }
    numbers = {name: (random.randn(8, 3).astype(np.float32), random.randn(8, 2)) for name in parts}
    made = (
        (
            Dataset(masks, Schema(feature, target)),
            jaxflow.UNet(widths=(4, 4)),
            jaxflow.Segmentation(),
            (jaxflow.Scale(),),
        ),
        (jaxflow.from_arrays(numbers), jaxflow.MLP(hidden=(4,)), jaxflow.QuantileRegression((0.2, 0.5, 0.8)), ()),
    )
    for number, (dataset, model, problem, scaled) in enumerate(made):
        run = tmp_path / str(number)
        tiny = jaxflow.Experiment(
            data=jaxflow.Digits(),
            model=model,
            problem=problem,
            optimizer=jaxflow.Adam(),
            batch_size=4,
            epochs=1,
            preprocess=scaled,
        )
        jaxflow.train(tiny, run, dataset=dataset)
        jaxflow.evaluate(run, dataset=dataset)
        before = (run / "report" / "index.html").read_text()
        rebuild_report(run, dataset=dataset)
        assert (run / "report" / "index.html").read_text() == before
