"""What tells parts of a test split, and where a run says that it errs more."""

import json

import numpy as np

import jaxflow
from jaxflow.evaluation.metrics.scores import each_example
from jaxflow.evaluation.report.errors.base import Measured
from jaxflow.evaluation.report.rebuild import rebuild_report
from jaxflow.evaluation.report.slices import measure_slices, slice_blocks
from jaxflow.evaluation.slice_columns import raw_columns, slice_columns
from tests.data.sources.test_table import write


def table(folder, rows=400):
    """Writes a table whose answer is in `x`, but for the port "C", where it is anything."""
    random = np.random.RandomState(0)
    x, port = random.randn(rows).round(3), random.choice(("S", "C", "Q"), rows, p=(0.6, 0.2, 0.2))
    days = np.datetime64("2020-01-01") + random.randint(0, 700, rows)
    labels = np.where(port == "C", random.rand(rows) < 0.5, x > 0)
    cells = [[a, b, str(day), "yes" if label else "no"] for a, b, day, label in zip(x, port, days, labels)]
    return write(folder / "a.csv", cells, ["x", "port", "day", "label"])


def test_a_bad_slice_is_in_the_results_and_on_the_page_and_columns_are_as_in_the_file(tmp_path):
    experiment = jaxflow.Experiment(
        jaxflow.Table(table(tmp_path), "label", split=jaxflow.HoldOut(validation=0.1, test=0.5)),
        jaxflow.MLP((8,)),
        jaxflow.BinaryClassification(threshold=0.4),
        jaxflow.Adam(2e-2),
        batch_size=20,
        epochs=15,
    )
    jaxflow.train(experiment, tmp_path / "run")
    results = jaxflow.evaluate(tmp_path / "run")
    found = results["slices"]
    assert found["measure"] == "share wrong"
    assert {"x", "port", "day: month"} <= set(found["columns"])
    assert (found["worse"][0]["column"], found["worse"][0]["value"]) == ("port", "C")
    assert results["thresholds"]["split"] == "validation"
    page = (tmp_path / "run" / "report" / "index.html").read_text()
    assert "port: C" in page
    assert "0.4 (in use)" in page
    assert "chosen on the validation split" in page
    rebuild_report(tmp_path / "run")
    assert (tmp_path / "run" / "report" / "index.html").read_text() == page
    dataset = experiment.data.load()
    raw = raw_columns(experiment.data, dataset)
    assert list(raw) == ["x", "port", "day"]
    assert len(raw["port"]) == len(dataset.splits["test"])
    assert set(raw["port"]) == {"S", "C", "Q"}
    (tmp_path / "a.csv").unlink()
    assert raw_columns(experiment.data, dataset) == {}


def test_months_weekdays_and_hours_are_told(tmp_path):
    times = np.arange(np.datetime64("2021-01-01T00"), np.datetime64("2021-01-09T00"), np.timedelta64(1, "h"))
    inputs = np.zeros((len(times), 2), np.float32)
    dataset = jaxflow.from_arrays({"train": (inputs, times.astype(int)), "test": (inputs, times.astype(int))})
    told = slice_columns(dataset, {"at": times.astype("datetime64[s]")})
    assert set(told) == {"at: weekday", "at: hour"}  # it is one month
    assert told["at: weekday"][0] == "Friday"
    assert told["at: hour"][5] == "05"


def test_images_texts_and_sounds_are_told_by_light_and_length(toy):
    told = slice_columns(toy, {})
    images = toy.splits["test"].inputs.reshape(11, -1)
    np.testing.assert_allclose(told["brightness"], images.mean(1), rtol=1e-5)
    np.testing.assert_allclose(told["contrast"], images.std(1), rtol=1e-5)


def test_what_is_no_chance_is_shown_with_its_effect_and_else_one_sentence():
    random = np.random.default_rng(0)
    part = random.choice(np.array(["a", "b", "c"]), 300)
    wrong = (random.random(300) < np.where(part == "b", 0.6, 0.1)).astype(float)
    wrong[:5] = np.nan
    known = measure_slices({"part": part}, Measured("share wrong", wrong), each_example(300))
    assert json.loads(json.dumps(known)) == known
    about, shown = slice_blocks(known)
    assert "Benjamini and Hochberg" in about.text
    assert [row[0] for row in shown.rows] == ["part: b"]
    assert shown.rows[0][1] == str((part[5:] == "b").sum())
    even = measure_slices({"part": part}, Measured("share wrong", random.permutation(wrong)), each_example(300))
    assert slice_blocks(even)[0].text.startswith("None of 3 slices by part stands out")
    assert slice_blocks(measure_slices({}, Measured("loss", wrong), each_example(300))) == []
