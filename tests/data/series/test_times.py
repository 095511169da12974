"""Times as files write them, against pandas and against the same times in ISO 8601."""

import numpy as np
import pyarrow
import pytest

import jaxflow
from jaxflow.data.series.steps import Step, fill_rows, is_gap, parse_step, steps_taken, usual_step
from jaxflow.data.series.times import read_times
from jaxflow.data.tables.raw_table import RawTable

MOMENTS = np.datetime64("2020-01-28T22:00") + np.arange(0, 600, 30)  # over the end of a day and into another


def table(*columns):
    names = [f"c{place}" for place in range(len(columns))]
    return RawTable(pyarrow.table(dict(zip(names, columns)))), names


def written(form):
    return [moment.astype(object).strftime(form) for moment in MOMENTS]


@pytest.mark.parametrize(
    ("columns", "form"),
    [
        ([[str(moment) for moment in MOMENTS]], ""),
        ([[str(moment).replace("T", " ") for moment in MOMENTS]], ""),
        ([[f"{moment}:00.000" for moment in MOMENTS]], ""),
        ([[f"{moment}Z" for moment in MOMENTS]], ""),
        ([[f"{moment + np.timedelta64(120, 'm')}:00+02:00" for moment in MOMENTS]], ""),
        ([[f"{moment - np.timedelta64(210, 'm')}-0330" for moment in MOMENTS]], ""),
        ([MOMENTS.astype("datetime64[us]").tolist()], ""),
        ([written("%d/%m/%Y %H:%M")], "%d/%m/%Y %H:%M"),
        ([written("%m/%d/%Y %H:%M:%S")], "%m/%d/%Y %H:%M:%S"),
        ([written("%d.%m.%Y %H:%M")], "%d.%m.%Y %H:%M"),
        ([written("%Y/%m/%d %H:%M")], "%Y/%m/%d %H:%M"),
        ([written("%d/%m/%Y"), written("%H:%M")], "%d/%m/%Y %H:%M"),
        ([written("%Y"), written("%m"), written("%d"), written("%H"), written("%M")], "%Y %m %d %H %M"),
        ([MOMENTS.astype("datetime64[s]").astype(int).tolist()], "s"),
        ([[f"{int(second)}.0" for second in MOMENTS.astype("datetime64[s]").astype(int)]], "s"),
        ([[str(tick) for tick in MOMENTS.astype("datetime64[ms]").astype(int)]], "ms"),
    ],
)
def test_times_are_read_however_they_are_written(columns, form):
    raw, names = table(*columns)
    times, found = read_times(raw, names, "")
    assert found == form
    np.testing.assert_array_equal(times, MOMENTS)
    np.testing.assert_array_equal(read_times(raw, names, form)[0], MOMENTS)  # what was found reads new rows


@pytest.mark.parametrize(
    ("cells", "form", "expected"),
    [
        (["20200131", "20200201"], "%Y%m%d", ["2020-01-31", "2020-02-01"]),
        (["202001", "202002"], "%Y%m", ["2020-01", "2020-02"]),
        (["1981", "1982"], "", ["1981", "1982"]),
        (["1981-01", "1981-02"], "", ["1981-01", "1981-02"]),
        (["1700000048.5", "1700000049"], "s", ["2023-11-14T22:14:08.500", "2023-11-14T22:14:09"]),
        ([0, 1], "count", [0, 1]),
        (["9", "10"], "count", [9, 10]),
    ],
)
def test_numbers_are_told_by_their_digits(cells, form, expected):
    raw, names = table(cells)
    times, found = read_times(raw, names, "")
    assert found == form
    np.testing.assert_array_equal(times, np.array(expected, np.int64 if form == "count" else "datetime64"))


def test_a_format_is_taken_at_its_word():
    raw, names = table(["01/02/2020", "03/04/2020"])
    times, _ = read_times(raw, names, "%d/%m/%Y")
    np.testing.assert_array_equal(times, np.array(["2020-02-01", "2020-04-03"], "datetime64[D]"))
    with pytest.raises(jaxflow.UserError, match=r"holds '01/02/2020' in row 1; times are written as"):
        read_times(raw, names, "%Y-%m-%d")


@pytest.mark.parametrize(
    ("times", "step"),
    [
        (np.arange("2020-01-01", "2020-02-01", dtype="datetime64[D]"), Step(1, "D")),
        (np.arange("2020-01", "2023-01", dtype="datetime64[M]").astype("datetime64[D]"), Step(1, "M")),
        (np.arange("2020-01", "2023-01", 3, dtype="datetime64[M]"), Step(3, "M")),
        (np.arange("1990", "2023", dtype="datetime64[Y]").astype("datetime64[s]"), Step(1, "Y")),
        (np.arange(0, 3600 * 50, 3600).astype("datetime64[s]"), Step(1, "h")),
        (np.arange(0, 3600 * 50, 900).astype("datetime64[s]"), Step(15, "m")),
        (np.arange(0, 60, 3), Step(3, "")),
    ],
)
def test_steps(times, step):
    series = np.zeros(len(times), int)
    assert usual_step(times, series) == step == parse_step(str(step))
    assert not is_gap(steps_taken(times, step), None).any()
    assert is_gap(steps_taken(np.delete(times, 4), step), None).sum() == 1
    np.testing.assert_array_equal(step.after(times[3], np.arange(1, 6)), times[4:9])
    old, filled = fill_rows(np.delete(times, [4, 5, 9]), np.delete(series, [4, 5, 9]), step, "a.csv")
    np.testing.assert_array_equal(filled, times)
    assert np.flatnonzero(old < 0).tolist() == [4, 5, 9]


def test_a_weekend_is_no_gap_where_three_steps_are_let_pass():
    days = np.array([day for day in np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]") if np.is_busday(day)])
    step = usual_step(days, np.zeros(len(days), int))
    assert is_gap(steps_taken(days, step), None).sum() == 8
    assert not is_gap(steps_taken(days, step), 3).any()
    assert is_gap(steps_taken(np.delete(days, 7), step), 1.5).sum() == 9


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (["2020-01-01", "2020-01-02", "2020-01-03T12"], "most lie"),
        (["1020-01-01", "2020-01-01", "2020-01-02"], "rows of the 3"),
    ],
)
def test_gaps_that_cannot_be_filled_are_refused(times, message):
    moments = np.array(times, "datetime64")
    with pytest.raises(jaxflow.UserError, match=message):
        fill_rows(moments, np.zeros(3, int), Step(1, "D"), "a.csv")
