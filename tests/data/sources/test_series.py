import itertools

import numpy as np
import pytest

import jaxflow
from jaxflow.data.series.steps import is_gap, steps_taken, usual_step
from tests.conftest import PREPARED

DAYS = np.arange("2020-01-01", "2020-04-10", dtype="datetime64[D]")  # 100


def write(path, days=DAYS, cells=lambda i: f"{i},{-i}", header="day,up,down"):
    """A file whose values are the rows' numbers, counted from the first of DAYS."""
    lines = [f"{day},{cells((day - DAYS[0]).astype(int))}" for day in days]
    path.write_text("\n".join([header, *lines]) + "\n")
    return str(path)


def gaps_after(times):
    return is_gap(steps_taken(times, usual_step(times, np.zeros(len(times), int))), None)


def series(path, **fields):
    return jaxflow.Series(path, time="day", columns=("up", "down"), **{"length": 5, "horizon": 2} | fields)


def test_windows_hold_what_was_and_what_came_next(tmp_path):
    dataset = series(write(tmp_path / "a.csv")).load()
    assert dataset.schema.inputs.shape == (5, 2)
    assert dataset.schema.target.names == ("up+1", "up+2")
    for split in dataset.splits.values():
        assert (split.inputs.dtype, split.targets.dtype) == (np.float32, np.float64)
        for row in range(len(split)):
            first = int(split.targets[row, 0])
            np.testing.assert_array_equal(split.targets[row], [first, first + 1])
            np.testing.assert_array_equal(split.inputs[row, :, 0], np.arange(first - 5, first))
            np.testing.assert_array_equal(split.inputs[row, :, 1], -np.arange(first - 5, first))
            assert split.id(row) == str(DAYS[first])


def test_no_target_of_a_later_split_is_trained_on(tmp_path):
    splits = series(write(tmp_path / "a.csv"), split=jaxflow.TimeSplit(0.1, 0.2)).load().splits
    ranges = {name: (splits[name].targets.min(), splits[name].targets.max()) for name in splits}
    assert ranges == {"train": (5, 69), "validation": (70, 79), "test": (80, 99)}
    seen = splits["train"].inputs[..., 0].max()
    assert seen < ranges["validation"][0]
    # Of windows whose target lies in two splits, one at each of two borders, there are none.
    assert sum(map(len, splits.values())) == 94 - 2


def test_windows_over_a_gap_are_left_out_and_counted(tmp_path):
    dataset = series(write(tmp_path / "a.csv", np.delete(DAYS, [30, 31]))).load()
    assert dataset.excluded["windows that span a gap"] == 6  # a window has seven rows: six places for the gap
    for split in dataset.splits.values():
        rows = np.concatenate([split.inputs[..., 0], split.targets], axis=1)
        assert (np.diff(rows, axis=1) == 1).all()


def test_a_missing_value_is_a_gap(tmp_path):
    dataset = series(write(tmp_path / "a.csv", cells=lambda i: f"{i}," if i == 40 else f"{i},{-i}")).load()
    assert dataset.excluded["windows that span a gap"] == 6


def test_the_order_of_rows_changes_nothing(tmp_path):
    mixed = np.random.RandomState(0).permutation(DAYS)
    there, here = (series(write(tmp_path / f"{len(d)}.csv", d)).load().splits for d in (mixed, DAYS))
    for name in here:
        np.testing.assert_array_equal(there[name].inputs, here[name].inputs)


def test_a_step_of_months_is_even(tmp_path):
    months = np.arange("1949-01", "1961-01", dtype="datetime64[M]")
    assert not gaps_after(months).any()
    assert gaps_after(np.delete(months, 7)).sum() == 1


def test_the_first_of_every_month_is_even_too(tmp_path):
    firsts = np.arange("1949-01", "1961-01", dtype="datetime64[M]").astype("datetime64[D]")
    assert not gaps_after(firsts).any()
    assert not gaps_after(firsts + np.timedelta64(14, "D")).any()  # the fifteenth
    assert gaps_after(np.delete(firsts, 7)).sum() == 1
    assert not gaps_after(np.arange("1949", "1999", dtype="datetime64[Y]").astype("datetime64[D]")).any()
    days = np.arange("1949-01-01", "1949-01-20", dtype="datetime64[D]")
    assert gaps_after(np.delete(days, 7)).sum() == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a table: Empty CSV file"),
        ("day,up\n2020-01-01,1\n", "has no column 'down'; it has day, up"),
        (
            "day,up,down\n" + "".join(f"{day},1,2\n" for day in DAYS[:30]) + "2021-01-01,1,?2\n",
            r"column down holds 30 numbers and 1 other values, first '\?2' in line 32; correct them",
        ),
        ("day,up,down\n2020-01-01,?1,2\n", r"column up holds numbers, but '\?1' in line 2; correct it"),
        (
            "day,up,down\nMonday,1,2\n",
            r"column day holds 'Monday' in line 2 of .*a.csv, which is no time",
        ),
        ("day,up,down\n,1,2\n", r"column day is empty in line 2 of .*a.csv"),
        ("day,up,down\nnow,1,2\n", r"column day holds 'now' in line 2"),
        ("day,up,down\n2020-13-01,1,2\n", r"column day holds '2020-13-01' in line 2"),
        (
            "day,up,down\n2020-01-01T00:00Z,1,2\n2020-01-02T00:00,1,2\n",
            "offset from UTC and without, '2020-01-01T00:00Z' in line 2 of .* and '2020-01-02T00:00' in line 3",
        ),
        ("day,up,down\n1/2/2020,1,2\n3/4/2020,1,2\n", "which may be written in several ways; set data.time_format"),
        ("day,up,down\n2020-W54-1,1,2\n", "column day holds '2020-W54-1' in line 2"),
        ("day,up,down\n2020-01-01,1_000,2\n", "column up holds numbers, but '1_000' in line 2"),
        ("day,up,down\n2020-01-01,1,2\n2020-01-02,,2\n", "has 1 rows with all values"),
        ("day,up,down\n2020-01-01,1,\n", "column down holds nothing; leave it out of data.columns"),
        ("day,up,down\n2020-01-01,1,2\n", "has 1 rows with all values; a window takes 7"),
        ("day,up,down\n" + "2020-01-01,1,2\n" * 9, r"rows for 2020-01-01, in line 2 and line 3 \(8 such\)"),
        ("day,up,down\n" + "".join(f"{day},1,2\n" for day in DAYS[:8]), "none would be in the test split"),
        ("day,up,down\n" + "".join(f"{day},1,2\n" for day in DAYS[:12]), "the validation split is empty"),
        ("\xff".encode("latin1"), "cannot be read as a table: .*; save it as UTF-8"),
    ],
)
def test_files_that_hold_no_series_are_refused(text, message, tmp_path):
    (tmp_path / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(jaxflow.UserError, match=message):
        series(str(tmp_path / "a.csv")).load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": 0}, "Series.length is 0"),
        ({"horizon": 0}, "Series.horizon is 0"),
    ],
)
def test_windows_that_make_no_sense_are_refused(change, message):
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.Series(**{"path": "a.csv", "time": "day", "columns": ("up",)} | change)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({}, r"data.time names no column; .*a.csv has the columns day, up, down: .*--data.time=NAME$"),
        ({"time": "day"}, r"data.columns names no column; .*a.csv has the columns up, down: .*--data.columns=NAME$"),
        ({"time": "Day"}, r"has no column 'Day'; it has day, up, down; perhaps you meant 'day'"),
    ],
)
def test_columns_that_nobody_named_are_asked_for_with_those_of_the_file(tmp_path, named, message):
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.Series(write(tmp_path / "a.csv"), **named).load()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(jaxflow.UserError, match=r"no table at .*no\.csv; name a \.csv"):
        series(str(tmp_path / "no.csv")).load()


def test_daily_temperatures():
    path = PREPARED.parent / "daily_min_temperatures.csv"
    if not path.exists():
        pytest.skip("no daily temperatures beside the checkout")
    dataset = jaxflow.Series(str(path), time="Date", columns=("Temp",), length=29).load()
    test = dataset.splits["test"]
    assert (len(test), test.id(0), test.id(364)) == (365, "1990-01-01", "1990-12-31")
    assert dataset.excluded["windows that span a gap"] == 2 * 29  # the last day of each of two leap years is missing
    last_value = np.sqrt(np.mean((test.inputs[:, -1, :] - test.targets) ** 2))
    assert last_value == pytest.approx(2.582, abs=5e-4)
    ids = [test.id(index) for index in range(len(test))]
    assert all(a < b for a, b in itertools.pairwise(ids))
