import dataclasses
import fcntl
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import binom, binomtest, ttest_ind
from sklearn.metrics import f1_score

import jaxflow
from benchmarks.exchange import called_different, exchanged
from jaxflow.errors import UserError
from jaxflow.evaluation.comparison.compare import compare, read_pair
from jaxflow.evaluation.comparison.to_json import to_json
from jaxflow.evaluation.metrics.significance import welch
from jaxflow.evaluation.stored import pooled, read_stored
from jaxflow.experiment import dumps
from jaxflow.runs.folder import sealed
from jaxflow.runs.results import write_results


def experiment(**changes):
    made = jaxflow.Experiment(
        data=jaxflow.Digits(),
        model=jaxflow.MLP(hidden=(8,)),
        problem=jaxflow.Classification(),
        optimizer=jaxflow.Adam(),
        batch_size=8,
    )
    return dataclasses.replace(made, **changes)


def folder_of(folder, test, columns, metadata, units=None, **changes):
    """Writes a run folder of these records."""
    folder.mkdir(parents=True)
    (folder / "experiment.json").write_text(sealed(dumps(experiment(**changes))))
    examples = len(columns["loss"])
    given = {"id": [str(i) for i in range(examples)], "weight": np.ones(examples)}
    given |= {"unit": np.arange(examples) if units is None else units}
    (folder / "predictions").mkdir()
    table = pa.table(given | columns, metadata={"noun": "example" if units is None else "group", **metadata})
    pq.write_table(table, folder / "predictions" / "test.parquet")
    write_results(folder, {"test": test, "checkpoint_step": 1})
    return folder


def run(folder, right, units=None, sure=None, **changes):
    """Writes a run folder whose answers to two classes are right where it is said, and as sure as it is said."""
    right = np.asarray(right)
    targets = np.arange(len(right)) % 2
    of_truth = np.where(right, 0.9, 0.1) if sure is None else np.where(right, 0.5 + sure / 2, 0.5 - sure / 2)
    first = np.where(targets == 0, of_truth, 1 - of_truth)
    answers = np.where(right, targets, 1 - targets)
    columns = {"target": targets, "answer": answers, "p_a": first, "p_b": 1 - first, "loss": -np.log(of_truth)}
    macro = f1_score(targets, answers, average="macro")
    test = {"accuracy": float(right.mean()), "loss": float(columns["loss"].mean()), "f1_macro": float(macro)}
    return folder_of(folder, test, columns, {"classes": json.dumps(["a", "b"])}, units, **changes)


def numbers(folder, errors, **changes):
    """Writes a run folder of a regression with these errors."""
    targets = np.arange(len(errors), dtype=float)
    columns = {"target": targets, "prediction": targets + errors, "loss": errors**2}
    test = {"loss": float(np.mean(errors**2)), "rmse": float(np.sqrt(np.mean(errors**2)))}
    return folder_of(folder, test, columns, {}, problem=jaxflow.Regression(), **changes)


def test_two_runs_are_compared_by_mcnemars_test(tmp_path):
    random = np.random.default_rng(0)
    first = random.random(200) < 0.7
    second = first.copy()
    second[:30] = ~second[:30]
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    found = compare([run(tmp_path / "a", first), run(tmp_path / "b", second, batch_size=16)])
    assert found.differing == {"batch_size": ("8", "16")}
    (difference,) = found.differences
    assert difference.metric == "accuracy"
    assert difference.value == pytest.approx((gained - lost) / 200)
    assert "McNemar" in difference.test
    exact = binomtest(gained, gained + lost).pvalue
    assert exact - 2 * binom.pmf(gained, gained + lost, 0.5) <= difference.p <= exact
    assert [each.mean for each in found.estimates["accuracy"]] == pytest.approx([first.mean(), second.mean()])
    assert difference.low < difference.value < difference.high
    assert difference.disagreement.counts == (int((first & second).sum()), lost, gained, int((~first & ~second).sum()))
    assert all(first[int(each.name)] and not second[int(each.name)] for each in difference.disagreement.first)


def test_every_metric_has_its_difference_with_an_interval(tmp_path):
    random = np.random.default_rng(0)
    a, b = (run(tmp_path / name, random.random(150) < 0.8, batch_size=size) for name, size in (("a", 8), ("b", 4)))
    (difference,) = compare([a, b]).differences
    assert difference.metrics.keys() == {"accuracy", "loss", "f1_macro"}
    stored = [read_stored(folder) for folder in (a, b)]
    macro = [f1_score(each.targets, each.answers, average="macro") for each in stored]
    assert difference.metrics["f1_macro"].value == pytest.approx(macro[1] - macro[0])
    rows, drawn = np.random.default_rng(1), []
    for _ in range(2000):
        some = rows.integers(150, size=150)
        one, other = (f1_score(each.targets[some], each.answers[some], average="macro") for each in stored)
        drawn.append(other - one)
    low, high = np.quantile(drawn, (0.025, 0.975))
    found = difference.metrics["f1_macro"]
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)
    made = json.loads(json.dumps(to_json(compare([a, b])), allow_nan=False))
    assert made["differences"][0]["metrics"]["f1_macro"]["low"] == pytest.approx(found.low)


def test_a_threshold_decides_the_answers_and_older_records_fall_back_to_the_likeliest(tmp_path, caplog):
    a, b = run(tmp_path / "a", np.arange(60) < 40), run(tmp_path / "b", np.arange(60) < 40, batch_size=4)
    path = b / "predictions" / "test.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("answer")
    pq.write_table(table.set_column(place, "answer", pa.array(np.ones(60, int))), path)  # always the second class
    (difference,) = compare([a, b]).differences
    assert difference.value == pytest.approx(0.5 - 40 / 60)
    pq.write_table(table.drop_columns(["answer"]), path)
    (difference,) = compare([a, b]).differences
    assert difference.value == 0
    assert "the likeliest classes stand for them" in caplog.text


def test_regressions_are_compared_by_their_errors(tmp_path):
    random = np.random.default_rng(0)
    errors = random.normal(size=100)
    a, b, c = (
        numbers(tmp_path / name, factor * errors, batch_size=size)
        for name, factor, size in (("a", 1.0, 8), ("b", 0.7, 4), ("c", -1.0, 2))
    )
    better, equal = compare([a, b, c]).differences
    rmse = np.sqrt(np.mean(errors**2))
    assert (better.metric, better.value) == ("rmse", pytest.approx(-0.3 * rmse))
    assert better.better
    assert better.different
    assert equal.value == pytest.approx(0)
    assert not equal.different
    assert better.p == pytest.approx(2 * compare([a, b]).differences[0].p)  # Holm, of two


def test_equal_runs_are_not_different_by_any_metric(tmp_path):
    errors = np.random.default_rng(0).normal(size=90) / 3
    folders = [numbers(tmp_path / name, errors, batch_size=size) for name, size in (("a", 8), ("b", 4))]
    (difference,) = compare(folders).differences
    assert (difference.metric, difference.value, difference.p) == ("rmse", 0.0, 1.0)


def test_seeds_that_agree_exactly_say_nothing_of_chance():
    found = welch(np.array([0.9, 0.9]), np.array([1.0, 1.0]))
    assert (found.value, found.p) == (pytest.approx(0.1), 1.0)
    assert np.isnan(found.low)


def test_seeds_of_an_experiment_are_one_group_and_are_compared_by_welchs_test(tmp_path):
    shares = {"a": [50, 55, 60], "b": [70, 80, 75]}
    folders = [
        run(tmp_path / f"{name}-seed={seed}", np.arange(100) < right, seed=seed, batch_size=8 if name == "a" else 4)
        for name, rights in shares.items()
        for seed, right in enumerate(rights)
    ]
    found = compare(folders)
    assert [group.name for group in found.groups] == ["a (3 seeds)", "b (3 seeds)"]
    expected = ttest_ind(np.array(shares["b"]) / 100, np.array(shares["a"]) / 100, equal_var=False)
    (difference,) = found.differences
    assert difference.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (difference.low, difference.high) == pytest.approx((interval.low, interval.high))
    assert "seeds" in difference.test
    assert found.estimates["accuracy"][0].std == pytest.approx(0.05)
    assert difference.metrics.keys() == {"accuracy", "loss", "f1_macro"}


def test_seeds_of_one_experiment_alone_are_compared_as_trained_models(tmp_path):
    found = compare([run(tmp_path / f"a-seed={seed}", np.arange(100) < 50 + 20 * seed, seed=seed) for seed in range(2)])
    assert found.differing == {"seed": ("0", "1")}
    assert "McNemar" in found.differences[0].test


def test_epochs_and_other_data_are_other_experiments_and_places_are_none(tmp_path):
    def table(path, fold=0):
        return jaxflow.Table(path, target="y", split=jaxflow.KFold(fold, 3))

    folders = [
        run(tmp_path / f"{number}", np.arange(60) < 40, data=data, epochs=epochs)
        for number, (data, epochs) in enumerate(
            ((table("here/a.csv"), 1), (table("there/a.csv", 1), 1), (table("a.csv"), 2), (table("b.csv"), 1))
        )
    ]
    found = compare([folders[0], folders[2], folders[3]])
    assert found.differing == {"epochs": ("1", "2", "1"), "data.path": ("a.csv", "a.csv", "b.csv")}
    with pytest.raises(UserError, match="needs two experiments at least"):
        compare(folders[:2])  # two folds of one


@pytest.mark.slow
@pytest.mark.parametrize("grouped", [False, True])
def test_exchanged_answers_are_called_different_in_one_case_of_twenty(grouped, tmp_path):
    """66 examples of which only one run is right: of these McNemar's mid-p alone calls 6.4% different."""
    random = np.random.default_rng(0)
    units = np.repeat(np.arange(120), 3) if grouped else None
    first = random.random(360) < 0.8
    second = first.copy()
    second[random.permutation(360)[:66]] ^= True
    a, b = (
        run(tmp_path / name, right, units, random.random(360), batch_size=size)
        for name, right, size in (("a", first, 8), ("b", second, 4))
    )
    ours, theirs, metric = read_pair(a, b)
    assert 0.035 <= called_different(ours, theirs, metric, 1000) <= 0.065


def test_whole_units_are_exchanged(tmp_path):
    units = np.repeat(np.arange(20), 3)
    a, b = (run(tmp_path / n, np.arange(60) < k, units, batch_size=k) for n, k in (("a", 40), ("b", 20)))
    ours, theirs, _ = read_pair(a, b)
    swapped = np.arange(20) % 2 == 0
    one, other = exchanged(ours, theirs, swapped)
    rows = swapped[ours.units.index]
    np.testing.assert_array_equal(one.answers[rows], theirs.answers[rows])
    np.testing.assert_array_equal(one.answers[~rows], ours.answers[~rows])
    np.testing.assert_array_equal(other.losses[rows], ours.losses[rows])


def test_units_of_pooled_records_are_different(tmp_path):
    parts = [read_stored(run(tmp_path / name, np.ones(6, bool), [0, 0, 1, 1, 2, 2])) for name in "ab"]
    assert pooled(parts).units.index.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def nan(folder):
    run(folder, np.ones(40, bool), batch_size=3)
    path = folder / "predictions" / "test.parquet"
    table = pq.read_table(path)
    bad = np.where(np.arange(40) == 7, np.nan, 0.5)
    pq.write_table(table.set_column(table.column_names.index("p_a"), "p_a", pa.array(bad)), path)


def untested(folder):
    run(folder, np.ones(40, bool), batch_size=3)
    write_results(folder, {"checkpoint_step": 3})


def untrained(folder):
    run(folder, np.ones(40, bool), batch_size=3)
    (folder / "results.json").unlink()


def without_records(folder):
    (run(folder, np.ones(40, bool), batch_size=3) / "predictions" / "test.parquet").unlink()


def damaged_records(folder):
    path = run(folder, np.ones(40, bool), batch_size=3) / "predictions" / "test.parquet"
    path.write_bytes(path.read_bytes()[:50])


def damaged_results(folder):
    path = run(folder, np.ones(40, bool), batch_size=3) / "results.json"
    path.write_text(path.read_text().replace("1.0", "1.1"))


def other_targets(folder):
    run(folder, np.ones(40, bool), batch_size=3)
    path = folder / "predictions" / "test.parquet"
    table = pq.read_table(path)
    swapped = pa.array(1 - table["target"].to_numpy())
    pq.write_table(table.set_column(table.column_names.index("target"), "target", swapped), path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "b is not a run folder: there is no such folder"),
        (lambda folder: folder.mkdir(), "b is not a run folder: it has no experiment.json"),
        (lambda folder: run(folder, np.ones(20, bool), batch_size=3), "different examples"),
        (lambda folder: numbers(folder, np.ones(40)), "different problems, measured by accuracy, rmse"),
        (other_targets, "tested on other targets"),
        (nan, "b has predictions that are not finite, of 1 of 40 examples, such as 7"),
        (untested, "b was not evaluated on its test split; run .* evaluate"),
        (untrained, "b has no checkpoint: it was not trained; run .* train"),
        (without_records, "b has no predictions of its test split; run .* evaluate"),
        (damaged_records, "damaged and cannot be read; run .* evaluate"),
        (damaged_results, r"results\.json is damaged"),
    ],
)
def test_what_cannot_be_compared_is_one_line(make, message, tmp_path):
    run(tmp_path / "a", np.arange(40) < 30)
    make(tmp_path / "b")
    with pytest.raises(UserError, match=message) as raised:
        compare([tmp_path / "a", tmp_path / "b"])
    assert "\n" not in str(raised.value)


def test_one_run_one_group_and_one_example_are_refused(tmp_path):
    a = run(tmp_path / "a", np.arange(40) < 30)
    with pytest.raises(UserError, match="there is one run, a; name others"):
        compare([a, a])
    for size, units in ((1, None), (40, np.zeros(40, int))):
        pair = [run(tmp_path / f"{size}{n}", np.arange(size) < 30, units, batch_size=n) for n in (2, 4)]
        with pytest.raises(UserError, match=r"tested on 1 (example|group), which tells nothing of chance"):
            compare(pair)


def test_a_run_in_use_is_refused(tmp_path):
    a, b = run(tmp_path / "a", np.arange(40) < 30), run(tmp_path / "b", np.arange(40) < 20, batch_size=4)
    with (b / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="b is being trained or evaluated right now"):
            compare([a, b])
