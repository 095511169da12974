"""A series from its file to report and forecast: baselines, error by step ahead, predictions of the newest rows."""

import csv
import dataclasses
import json

import numpy as np
import pytest

import jaxflow
from tests.reports.pages import is_drawn, width_of

DAYS = np.arange("2019-01-01", "2020-02-05", dtype="datetime64[D]")  # 400
RANDOM = np.random.RandomState(0)


def write(path, rows):
    """Two shops; one has a trend, and both a week."""
    lines = ["day,shop,sold,price"]
    for shop, slope in (("a", 0.5), ("b", 0.0)):
        week = np.tile([9.0, 2, 1, 1, 3, 6, 12], 60)[: len(DAYS)]
        sold = 1000 + slope * np.arange(len(DAYS)) + 3 * week + np.random.RandomState(1).randn(len(DAYS)) * 0.5
        lines += [f"{day},{shop},{value:.3f},{value / 7:.3f}" for day, value in zip(DAYS[:rows], sold)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    path = write(tmp_path_factory.mktemp("data") / "shops.csv", len(DAYS))
    return jaxflow.Experiment(
        data=jaxflow.Series(
            path, time="day", columns=("sold",), targets=("sold", "price"), series_id="shop", length=14, horizon=8,
            relative="last",
        ),
        model=jaxflow.MLP(hidden=()),
        problem=jaxflow.Regression(),
        preprocess=(jaxflow.Standardize(),),
        optimizer=jaxflow.Adam(3e-2),
        epochs=4,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(experiment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    jaxflow.explore(experiment, folder)
    jaxflow.train(experiment, folder)
    jaxflow.evaluate(folder)
    return folder


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_series_is_compared_with_what_needs_no_model(run, experiment):
    results = json.loads((run / "results.json").read_text())
    test = experiment.data.load().splits["test"]
    naive = test.naive_forecasts()
    assert list(results["baselines"]) == ["last value", "last season (7 rows)"] == list(naive)
    for name, metrics in results["baselines"].items():
        errors = naive[name] - test.targets
        for column, part in (("sold", errors[:, :8]), ("price", errors[:, 8:])):
            assert metrics[f"rmse/{column}"] == pytest.approx(np.sqrt((part**2).mean()))
            assert metrics[f"mae/{column}"] == pytest.approx(abs(part).mean())
    for metric, value in results["baseline"].items():
        assert value == min(metrics[metric] for metrics in results["baselines"].values())
    assert results["test"]["rmse/sold"] < results["baseline"]["rmse/sold"]
    page = (run / "report" / "index.html").read_text()
    assert "last season (7 rows)" in page
    assert "Error by steps ahead" in page


def test_what_is_written_is_in_the_datas_units(run, experiment):
    test, rows = experiment.data.load().splits["test"], read(run / "predictions" / "test.csv")
    names = [f"{target}+{ahead}" for target in ("sold", "price") for ahead in range(1, 9)]
    targets, predictions = (
        np.array([[float(row[f"{kind}_{name}"]) for name in names] for row in rows])
        for kind in ("target", "prediction")
    )
    np.testing.assert_array_equal(targets, test.targets)
    results = json.loads((run / "results.json").read_text())["test"]
    errors = (targets - predictions).reshape(-1, 2, 8)  # (window, column, step ahead)
    for column, error in zip(("sold", "price"), errors.transpose(1, 0, 2)):
        assert np.sqrt((error**2).mean()) == pytest.approx(results[f"rmse/{column}"], rel=1e-4)
    assert rows[0]["id"] == test.id(0)


def test_newest_rows_are_predicted_as_they_were_tested(run, tmp_path):
    table = write(tmp_path / "shops.csv", len(DAYS) - 8)
    rows = read(jaxflow.predict(run, table, tmp_path / "new.csv"))
    assert list(rows[0]) == ["shop", "time", "prediction_sold", "prediction_price"]
    assert [row["time"] for row in rows] == [str(day) for day in DAYS[-8:]] * 2
    tested = {row["id"]: row for row in read(run / "predictions" / "test.csv")}
    for place, row in enumerate(rows):
        whole = tested[f"{row['shop']} {DAYS[-8]}"]
        for target in ("sold", "price"):
            expected = float(whole[f"prediction_{target}+{place % 8 + 1}"])
            assert float(row[f"prediction_{target}"]) == pytest.approx(expected, abs=2e-3)
    np.save(tmp_path / "windows.npy", np.zeros((2, 14, 1), np.float32))
    with pytest.raises(jaxflow.UserError, match="does not say what its windows are measured from"):
        jaxflow.predict(run, tmp_path / "windows.npy", tmp_path / "new.csv")


def test_figures_of_many_steps_are_small_enough_to_read(run):
    names = ("data_series", "data_seasons", "data_targets", "data_examples", "by_step", "forecasts", "residuals")
    for name in names:
        assert width_of(run / "report" / f"{name}.svg") <= 1800
        assert is_drawn(run / "report" / f"{name}.svg")


def test_a_series_is_described(run):
    described = json.loads((run / "data.json").read_text())
    series = described["series"]
    assert (series["rows"], series["names"], series["step"]) == (800, ["a", "b"], "1 D")
    assert (series["first"], series["last"], series["gaps"], series["season"]) == (str(DAYS[0]), str(DAYS[-1]), 0, 7)
    assert series["season_correlation"] > 0.8
    assert "a season of 7 rows" in (run / "report" / "data.html").read_text()


def test_a_level_that_shifts_between_splits_is_found(tmp_path):
    values = np.concatenate([RANDOM.randn(160), 5 + RANDOM.randn(40)])
    (tmp_path / "a.csv").write_text("t,x\n" + "\n".join(f"{row},{value}" for row, value in enumerate(values)))
    data = jaxflow.Series(str(tmp_path / "a.csv"), time="t", columns=("x",), length=3, horizon=4)
    experiment = jaxflow.Experiment(
        data=data, model=jaxflow.MLP(), problem=jaxflow.Regression(), optimizer=jaxflow.Adam(), batch_size=8
    )
    issues = jaxflow.explore(experiment, tmp_path / "run")["findings"]
    shifted = [issue["message"] for issue in issues if "off in" in issue["message"]]
    assert len(shifted) == 2  # validation and test, of each the target once
    assert shifted[1].startswith("x+1 is 4.")


@pytest.mark.parametrize("problem", [jaxflow.QuantileRegression((0.2, 0.5, 0.8)), jaxflow.GaussianRegression()])
def test_values_with_their_uncertainty_are_forecast_by_target_and_step(experiment, problem, tmp_path):
    experiment = dataclasses.replace(experiment, problem=problem, epochs=1)
    jaxflow.train(experiment, tmp_path / "run")
    results = jaxflow.evaluate(tmp_path / "run")
    assert set(results["baseline"]) <= set(results["test"])
    assert (tmp_path / "run" / "report" / "by_step.svg").exists()
    low, high = ("q20", "q80") if isinstance(problem, jaxflow.QuantileRegression) else ("low", "high")
    test = read(tmp_path / "run" / "predictions" / "test.csv")
    assert {"target_sold+8", "prediction_price+1", f"{low}_sold+1", f"{high}_price+8"} <= set(test[0])
    sold = np.array([[float(row[f"{name}_sold+1"]) for name in (low, "prediction", high)] for row in test])
    assert (np.diff(sold, axis=1) >= 0).all()
    assert np.abs(sold[:, 1] - [float(row["target_sold+1"]) for row in test]).max() < 300  # near 1000, on its own scale
    output = jaxflow.predict(tmp_path / "run", experiment.data.path)
    rows = read(output)
    assert len(rows) == 2 * 8
    assert {"shop", "time", "prediction_sold", f"{low}_sold", f"{high}_price"} <= set(rows[0])
    assert all(float(row[f"{low}_sold"]) <= float(row["prediction_sold"]) <= float(row[f"{high}_sold"]) for row in rows)
    assert all(800 < float(row["prediction_sold"]) < 1500 for row in rows)
