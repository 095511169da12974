"""Times as files write them, against pandas and against the same times in ISO 8601."""

from pathlib import Path

import numpy as np
import pyarrow
import pytest

import jaxflow
from jaxflow.data.date_formats import FORMATS, MONTHS
from jaxflow.data.dates import EPOCH
from jaxflow.data.series.steps import Step, fill_rows, is_gap, parse_step, steps_taken, usual_step
from jaxflow.data.series.times import read_times
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.splitting.time_split import TimeSplit
from jaxflow.data.tables.cells import infer_column_type, parse_column
from jaxflow.data.tables.forms import find_form
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.data.tables.split_keys import read_split_keys
from jaxflow.data.tables.times import TimeColumn, time_column

PATH = Path("a.parquet")
MOMENTS = np.datetime64("2020-01-28T22:00") + np.arange(0, 600, 30)  # over the end of a day and into another


def table(*columns):
    names = [f"c{place}" for place in range(len(columns))]
    return RawTable(pyarrow.table(dict(zip(names, columns)))), names


WEEKDAYS = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
WEEKDAYS = WEEKDAYS[np.is_busday(WEEKDAYS)]


def month_days(day):
    months = np.arange("2010-01", "2025-01", dtype="datetime64[M]")
    return np.minimum(months.astype("datetime64[D]") + day - 1, (months + 1).astype("datetime64[D]") - 1)


# As months begin and end in a calendar: by Zeller's congruence, 0 is a Saturday and 1 a Sunday.
def weekday_of(day):
    date = day.astype(object)
    month, year = (date.month, date.year) if date.month > 2 else (date.month + 12, date.year - 1)
    return (date.day + 13 * (month + 1) // 5 + year + year // 4 - year // 100 + year // 400) % 7


LAST_WEEKDAYS = np.array([day - [1, 2, 0, 0, 0, 0, 0][weekday_of(day)] for day in month_days(31)])
FIRST_WEEKDAYS = np.array([day + [2, 1, 0, 0, 0, 0, 0][weekday_of(day)] for day in month_days(1)])


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
    times, found = read_times(raw, names, "", PATH)
    assert found == form
    np.testing.assert_array_equal(times, MOMENTS)
    np.testing.assert_array_equal(read_times(raw, names, form, PATH)[0], MOMENTS)  # what was found reads new rows


@pytest.mark.parametrize(
    ("cells", "form", "expected"),
    [
        (["20200131", "20200201"], "%Y%m%d", ["2020-01-31", "2020-02-01"]),
        (["202001", "202002"], "%Y%m", ["2020-01", "2020-02"]),
        (["2020013121", "2020013122"], "%Y%m%d%H", ["2020-01-31T21", "2020-01-31T22"]),  # not seconds of 2034
        (["202001312130", "202002010000"], "%Y%m%d%H%M", ["2020-01-31T21:30", "2020-02-01T00:00"]),  # nor ms of 1976
        (["20200131213059"], "%Y%m%d%H%M%S", ["2020-01-31T21:30:59"]),
        (["1577916000000001", "1577916000000002"], "us", ["2020-01-01T22:00:00.000001", "2020-01-01T22:00:00.000002"]),
        (["1577916000000000001"], "ns", ["2020-01-01T22:00:00.000000001"]),
        (["1981", "1982"], "", ["1981", "1982"]),
        (["1981-01", "1981-02"], "", ["1981-01", "1981-02"]),
        (["1700000048.5", "1700000049"], "s", ["2023-11-14T22:14:08.500", "2023-11-14T22:14:09"]),
        ([0, 1], "count", [0, 1]),
        (["9", "10"], "count", [9, 10]),
    ],
)
def test_numbers_are_told_by_their_digits(cells, form, expected):
    raw, names = table(cells)
    times, found = read_times(raw, names, "", PATH)
    assert found == form
    np.testing.assert_array_equal(times, np.array(expected, np.int64 if form == "count" else "datetime64"))


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in MONTHS])
def test_a_series_reads_times_as_a_table_reads_dates(form):
    moments = np.datetime64("2020-01-28T22:00:00") + np.arange(0, 40) * np.timedelta64(66, "h")
    moments = moments if "H" in form or "I" in form else moments.astype("datetime64[D]")
    texts = [moment.astype(object).strftime(form) for moment in moments]
    texts = [f"{text}+0000" for text in texts] if form.endswith("z") else texts
    raw, names = table(texts)
    found = find_form(raw, "c0", "date", np.arange(len(moments)))
    np.testing.assert_array_equal(read_times(raw, names, "", PATH)[0], moments)
    np.testing.assert_array_equal(parse_column(raw, "c0", "date", found), moments)
    # What either takes as a format, the other does.
    np.testing.assert_array_equal(read_times(raw, names, form, PATH)[0], parse_column(raw, "c0", "date", form))


@pytest.mark.parametrize("unit", EPOCH)
@pytest.mark.parametrize("written", [int, str])
def test_both_read_ticks_since_1970(unit, written):
    seconds = MOMENTS.astype("datetime64[s]")
    raw, names = table([written(int(tick)) for tick in seconds.astype(f"datetime64[{unit}]").astype(np.int64)])
    every = np.arange(len(MOMENTS))
    np.testing.assert_array_equal(read_times(raw, names, "", PATH)[0], seconds)
    np.testing.assert_array_equal(parse_column(raw, "c0", "date", find_form(raw, "c0", "date", every)), seconds)
    for bound in ("2020-01-29T03:00", str(int(seconds.astype(f"datetime64[{unit}]")[10].astype(np.int64)))):
        keys = read_split_keys(None, raw, every, SplitKeys([str(row) for row in every]), None, None, TimeColumn("c0"))
        parts = TimeSplit(0, bound).split(keys)
        np.testing.assert_array_equal(parts["test"], every[10:])  # 22:00 and 5 hours


FIRSTS = np.arange("2019-11", "2024-02", dtype="datetime64[M]")


def spelled(months, form):
    """Months or quarters in a format, whose %q is a quarter."""
    quarters = months.astype(int) % 12 // 3 + 1
    return [month.astype(object).strftime(form.replace("%q", str(q))) for month, q in zip(months, quarters)]


@pytest.mark.parametrize("form", [*MONTHS, "%Y-%m"])
def test_months_and_quarters_are_read_by_series_tables_and_splits_alike(form):
    months = FIRSTS[1::3] - FIRSTS[1].astype(int) % 3 if "%q" in form else FIRSTS
    texts, every = spelled(months, form), np.arange(len(months))
    raw, names = table(texts)
    times, found = read_times(raw, names, "", PATH)
    assert found == ("" if form == "%Y-%m" else form)
    np.testing.assert_array_equal(times, months)
    assert usual_step(times, np.zeros(len(times), int)) == Step(3 if "%q" in form else 1, "M")
    assert infer_column_type(raw, "c0", every) == "date"
    np.testing.assert_array_equal(parse_column(raw, "c0", "date", find_form(raw, "c0", "date", every)), months)
    np.testing.assert_array_equal(parse_column(raw, "c0", "date", form), months)
    keys = read_split_keys(None, raw, every, SplitKeys(texts), None, None, TimeColumn("c0"))
    np.testing.assert_array_equal(TimeSplit(0, texts[7]).split(keys)["test"], every[7:])


def test_weeks_are_read_by_series_tables_and_splits_alike():
    mondays = np.arange("2019-12-02", "2021-03-01", 7, dtype="datetime64[D]")
    texts, every = [monday.astype(object).strftime("%G-W%V") for monday in mondays], np.arange(len(mondays))
    raw, names = table(texts)
    times, _ = read_times(raw, names, "", PATH)
    np.testing.assert_array_equal(times, mondays)
    assert usual_step(times, np.zeros(len(times), int)) == Step(7, "D")
    np.testing.assert_array_equal(parse_column(raw, "c0", "date", find_form(raw, "c0", "date", every)), mondays)
    keys = read_split_keys(None, raw, every, SplitKeys(texts), None, None, TimeColumn("c0"))
    np.testing.assert_array_equal(
        TimeSplit(0, "2020-W05").split(keys)["test"], every[mondays >= np.datetime64("2020-01-27")]
    )


def test_seasons_and_what_is_no_quarter_are_no_dates():
    for cells in (
        ["1999-00", *(f"20{year:02d}-{year + 1:02d}" for year in range(12))],
        ["2020Q5", "2020Q1"],
        ["2021-W53"],
        ["2020-13"],
    ):
        assert infer_column_type(table(cells)[0], "c0", np.arange(len(cells))) == "category"


def test_how_times_that_split_rows_are_read_is_logged(caplog):
    raw, _ = table(["99/12/30", "24/02/04"])
    with caplog.at_level("INFO", "jaxflow"):
        keys = read_split_keys(None, raw, np.arange(2), SplitKeys(["0", "1"]), None, None, TimeColumn("c0"))
    assert "column c0: '99/12/30' is read as a date, %y/%m/%d (data.time_format sets it)" in caplog.text
    assert "digits" not in caplog.text
    np.testing.assert_array_equal(keys.times, np.array(["1999-12-30", "2024-02-04"], "datetime64[s]"))


def test_ambiguous_days_are_refused_by_both_with_both_ways_on():
    raw, names = table(["01/02/2020", "03/04/2020"])
    with pytest.raises(jaxflow.UserError, match=r"data.time_format: '%d/%m/%Y' or '%m/%d/%Y'"):
        read_times(raw, names, "", PATH)
    with pytest.raises(jaxflow.UserError, match=r"format='%d/%m/%Y'\) or Date\('c0', format='%m/%d/%Y'\)"):
        find_form(raw, "c0", "date", np.arange(2))


def test_a_year_of_two_digits_that_is_to_come_is_named(caplog):
    raw, names = table(["31.12.75", "31.01.68"])
    with caplog.at_level("INFO", "jaxflow"):
        times, _ = read_times(raw, names, "", PATH)
        keys = read_split_keys(None, raw, np.arange(2), SplitKeys(["0", "1"]), None, None, TimeColumn("c0"))
    np.testing.assert_array_equal(times, np.array(["1975-12-31", "2068-01-31"], "datetime64[D]"))
    np.testing.assert_array_equal(keys.times, times)
    assert caplog.text.count("years from 69 on are of 19.., and 00 to 68 of 20..: the last date is 2068-01-31") == 2


def test_the_format_of_times_that_split_rows_is_taken_from_where_it_is_said():
    raw, _ = table(["01/02/2020", "03/01/2020"])
    days = {"%d/%m/%Y": ["2020-02-01", "2020-01-03"], "%m/%d/%Y": ["2020-01-02", "2020-03-01"]}
    for form, expected in days.items():
        for time in (time_column("c0", form, ()), time_column("c0", "", (jaxflow.Date("c0", format=form),))):
            keys = read_split_keys(None, raw, np.arange(2), SplitKeys(["0", "1"]), None, None, time)
            np.testing.assert_array_equal(keys.times, np.array(expected, "datetime64[s]"))
    for columns, way in (
        ((), r"data\.time_format='%d"),
        ((jaxflow.Date("c0"),), r"data\.columns=\(Date\('c0', format="),
    ):
        with pytest.raises(jaxflow.UserError, match=way):
            read_split_keys(None, raw, np.arange(2), SplitKeys("01"), None, None, time_column("c0", "", columns))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time_format": "%d"}, "data.time_format is of the column that data.time names"),
        ({"time": "d", "time_format": "%Q"}, "data.time_format is '%Q': 'Q' is a bad directive"),
        ({"time": "d", "time_format": "%d", "columns": (jaxflow.Date("d"),)}, r"Date\('d', format='%d'\); leave out"),
    ],
)
def test_a_format_of_no_column_is_refused(change, message):
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.Table("a.csv", "y", **change)


def test_the_cell_that_is_no_time_is_named():
    raw, names = table([*written("%d.%m.%y %H:%M"), "n/a"])
    with pytest.raises(jaxflow.UserError, match="holds 'n/a' in row 21"):
        read_times(raw, names, "", PATH)


def test_a_format_is_taken_at_its_word():
    raw, names = table(["01/02/2020", "03/04/2020"])
    times, _ = read_times(raw, names, "%d/%m/%Y", PATH)
    np.testing.assert_array_equal(times, np.array(["2020-02-01", "2020-04-03"], "datetime64[D]"))
    with pytest.raises(jaxflow.UserError, match=r"holds '01/02/2020' in row 1 of a\.parquet, which is no time"):
        read_times(raw, names, "%Y-%m-%d", PATH)


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
        (month_days(31), Step(1, "M", 31)),  # ends of months
        (month_days(30), Step(1, "M", 30)),  # of February the last
        (month_days(29) + np.timedelta64(17, "h"), Step(1, "M", 29)),
        (month_days(31)[2::3], Step(3, "M", 31)),  # of quarters
        (month_days(31)[1::12], Step(12, "M", 29)),  # of Februaries
        (month_days(31)[11::12], Step(12, "M")),
        (LAST_WEEKDAYS, Step(1, "M", weekday="last")),
        (LAST_WEEKDAYS[2::3] + np.timedelta64(16, "h"), Step(3, "M", weekday="last")),
        (FIRST_WEEKDAYS, Step(1, "M", weekday="first")),
        (WEEKDAYS, Step(1, "B")),
        (WEEKDAYS + np.timedelta64(16, "h"), Step(1, "B")),
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


def test_holidays_on_the_last_weekday_of_a_month_are_no_gaps():
    traded = LAST_WEEKDAYS.copy()
    traded[[98, 120]] -= np.timedelta64(1, "D")  # Good Friday of 2018
    step = usual_step(traded, np.zeros(len(traded), int))
    assert step == Step(1, "M", weekday="last")
    assert not is_gap(steps_taken(traded, step), None).any()
    assert is_gap(steps_taken(np.delete(traded, 50), step), None).sum() == 1
    np.testing.assert_array_equal(step.after(traded[98], np.arange(1, 4)), LAST_WEEKDAYS[99:102])


def test_a_weekend_is_no_gap_where_three_steps_are_let_pass():
    step = Step(1, "D")
    assert is_gap(steps_taken(WEEKDAYS, step), None).sum() == 8
    assert not is_gap(steps_taken(WEEKDAYS, step), 3).any()
    assert is_gap(steps_taken(np.delete(WEEKDAYS, 7), step), 1.5).sum() == 9


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
