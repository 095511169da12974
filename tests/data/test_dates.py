from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow
import pytest

import jaxflow
from jaxflow.data.date_formats import (
    DATE_LIKE,
    DECIMAL_MONTHS,
    find_date_formats,
    find_digit_formats,
    find_month_format,
)
from jaxflow.data.dates import DIGITS
from jaxflow.data.series.times import read_times
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.tables.raw.read import read_table
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.data.tables.split_keys import read_split_keys
from jaxflow.data.tables.times import TimeColumn

DAYS = [date(2024, 1, 1) + timedelta(days=2 * each) for each in range(180)]


@pytest.mark.parametrize("form", ["%y/%m/%d", "%d/%m/%y", "%m/%d/%y", "%y-%m-%d", "%d-%m-%y", "%y.%m.%d", "%d.%m.%y"])
def test_of_two_digits_the_year_is_what_differs_least(form):
    assert find_date_formats([day.strftime(form) for day in DAYS]) == [form]


def test_few_dates_may_be_read_in_several_ways():
    assert find_date_formats(["01/02/03", "02/03/04"]) == ["%d/%m/%y", "%m/%d/%y", "%y/%m/%d"]
    assert find_date_formats(["01/02/2003"]) == ["%d/%m/%Y", "%m/%d/%Y"]


def month_ends(years):
    firsts = [date(year + month // 12, month % 12 + 1, 1) for year in years for month in range(1, 13)]
    return [first - timedelta(days=1) for first in firsts]


def days_of(years, months, days):
    return [date(year, month, day) for year in years for month in months for day in days]


FIRST, LAST = ("%y/%m/%d", "%y-%m-%d", "%y.%m.%d"), ("%d/%m/%y", "%d-%m-%y", "%d.%m.%y")
CALENDARS = {
    "monthly": days_of(range(2015, 2020), range(1, 13), [1]),
    "monthly, to the 15th": days_of(range(2015, 2020), range(1, 13), [15]),
    "of one year": days_of([2010], range(1, 13), [1]),
    "quarterly": days_of(range(2010, 2020), (1, 4, 7, 10), [1]),
    "yearly": days_of(range(2001, 2024), [1], [1]),
    "ends of months": month_ends(range(2010, 2020)),
    "of three years": month_ends(range(2010, 2013)),
    "ends of quarters": month_ends(range(2010, 2020))[2::3],
    "with gaps": [day for place, day in enumerate(month_ends(range(2010, 2020))) if place % 7],
    "into the future": days_of(range(2001, 2031), (1, 7), [1]),
    "of one month": days_of([2024], [3], range(1, 32)),
    "weekdays": [day for day in DAYS if day.weekday() < 5],
    "of some days": sorted(DAYS, key=lambda day: hash((day.day, day.month)))[:60],
}


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("form", [*FIRST, *LAST, "%m/%d/%y", "%m-%d-%y"])
@pytest.mark.parametrize("clock", ["", " %H:%M"])
def test_no_calendar_is_read_backwards(calendar, form, clock):
    texts = [day.strftime(form + clock) for day in CALENDARS[calendar]]
    found = find_date_formats(texts)
    assert CALENDARS[calendar] in [[datetime.strptime(text, each).date() for text in texts] for each in found]
    if calendar in ("monthly", "monthly, to the 15th", "quarterly", "ends of months", "weekdays", "of some days"):
        assert {each.startswith("%y") for each in found} == {form.startswith("%y")}


def test_steps_of_hours_tell_where_the_year_is():
    hours = [datetime(2024, 3, 5) + timedelta(hours=each) for each in range(24 * 7)]
    assert find_date_formats([hour.strftime("%y/%m/%d %H:%M") for hour in hours]) == ["%y/%m/%d %H:%M"]
    assert find_date_formats([hour.strftime("%d.%m.%y %H:%M") for hour in hours]) == ["%d.%m.%y %H:%M"]


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["01.2019", "10.2019", "11.2020"], "%m.%Y"),
        ([f"{month}.{year}" for year in (2019, 2020) for month in range(1, 13)], "%m.%Y"),
        ([f"{year}.{month:02d}" for year in (2019, 2020) for month in range(1, 13)], "%Y.%m"),
        (["1.2019", "1.2020", "1.1985"], ""),  # rates of exchange
        ([f"1.{digits}" for digits in range(1900, 2100)], ""),
        (["0.2019", "01.2019"], ""),
        (["13.2019", "01.2019"], ""),
        ([2019.01, 2019.02], ""),
        (["1999.05", "2000.10", "2001.02"], ""),
        ([], ""),
    ],
)
def test_months_that_are_numbers_are_told(cells, form):
    assert find_month_format(cells) == form


@pytest.mark.parametrize("form", DECIMAL_MONTHS)
def test_months_that_are_numbers_split_a_table_and_step_a_series(form, tmp_path, caplog):
    months = days_of(range(2015, 2020), range(1, 13), [1])
    rows = [f"{month.strftime(form)},{place % 7},{place % 3}" for place, month in enumerate(months)]
    (tmp_path / "a.csv").write_text("\n".join(["t,x,y", *rows]) + "\n")
    path, split = str(tmp_path / "a.csv"), jaxflow.TimeSplit("2018-01", "2019-01")
    with caplog.at_level("INFO", "jaxflow"):
        table = jaxflow.Table(path, target="y", time="t", split=split).load()
    assert f"column t: {months[0].strftime(form)!r} is read as a date, {form}" in caplog.text
    assert [len(table.splits[name]) for name in ("train", "validation", "test")] == [36, 12, 12]
    series = jaxflow.Series(path, time="t", columns=("x",), length=3, split=split).load()
    assert series.input_encoding.step == "1 M"
    assert jaxflow.Table(path, target="y", columns=(jaxflow.Number("t"),)).load()


@pytest.mark.parametrize("form", DIGITS)
@pytest.mark.parametrize("zeros", [True, False])
def test_dates_of_digits_in_another_order_are_asked_for(form, zeros, tmp_path):
    days = days_of([2001, 2019, 2020], (1, 2, 3, 11), (1, 9, 10, 11, 12, 25))
    texts = [day.strftime(form) if zeros else day.strftime(form).removeprefix("0") for day in days]
    rows = [f"{text},{place % 7},{place % 5}" for place, text in enumerate(texts)]
    (tmp_path / "a.csv").write_text("\n".join(["t,x,y", *rows]) + "\n")
    path = str(tmp_path / "a.csv")
    with pytest.raises(jaxflow.UserError, match=rf"several ways; set data\.time_format: .*'{form}' or .*'count'"):
        jaxflow.Series(path, time="t", columns=("x",)).load()
    raw = read_table(Path(path), ())
    times, _ = read_times(raw, ["t"], form, Path(path))
    assert times.tolist() == days
    read = read_split_keys(None, raw, np.arange(len(days)), SplitKeys(texts), None, None, TimeColumn("t", form))
    np.testing.assert_array_equal(read.times, np.array(days, "datetime64[s]"))
    if form[1] in "dm":
        with pytest.raises(jaxflow.UserError, match=r"time_format|format of datetime\.strptime"):
            jaxflow.Table(path, target="y", time="t", split=jaxflow.TimeSplit()).load()


def test_digits_that_are_no_dates_or_one_kind_of_dates_are_not_asked_for():
    def infer(cells):
        return read_times(RawTable(pyarrow.table({"t": cells})), ["t"], "", Path("a.csv"))[1]

    assert infer([*range(100_000, 100_400)]) == infer([*range(2_015_000, 2_016_000)]) == infer([*range(50)]) == "count"
    months = days_of(range(2001, 2013), range(1, 13), [1])
    assert infer([month.strftime("%Y%m") for month in months]) == "%Y%m"  # not the days of 2020
    with pytest.raises(jaxflow.UserError, match="'%Y%m' or '%y%m%d'"):
        infer([month.strftime("%y%m%d") for month in days_of([2020], range(1, 13), [1])])
    assert find_digit_formats(["01012020", "02012020"]) == []


def test_a_table_and_a_series_ask_where_the_year_is(tmp_path):
    rows = [f"{day:%d.%m.%y},{place}" for place, day in enumerate(9 * CALENDARS["of one year"])]
    (tmp_path / "a.csv").write_text("\n".join(["t,y", *rows]) + "\n")
    path = str(tmp_path / "a.csv")
    with pytest.raises(jaxflow.UserError, match=r"data\.time_format: '%d\.%m\.%y' or '%y\.%m\.%d'"):
        jaxflow.Series(path, time="t", columns=("y",)).load()
    with pytest.raises(jaxflow.UserError, match=r"may be %d\.%m\.%y or %y\.%m\.%d; .*format='%d\.%m\.%y'"):
        jaxflow.Table(path, target="y").load()


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("01-January-2019", "%d-%B-%Y"),
        ("01Jan2019", "%d%b%Y"),
        ("01JAN2019:10:30:00", "%d%b%Y:%H:%M:%S"),
        ("Jan. 01, 2019", "%b. %d, %Y"),
        ("2019_01_01", "%Y_%m_%d"),
        ("Tuesday, January 01, 2019", "%A, %B %d, %Y"),
        ("Tue Jan 01 00:00:00 2019", "%a %b %d %H:%M:%S %Y"),
        ("Tue, 01 Jan 2019 00:00:00 +0000", "%a, %d %b %Y %H:%M:%S %z"),
    ],
)
def test_dates_of_other_programs_are_read(written, form):
    assert find_date_formats([written]) == [form]
    assert DATE_LIKE.fullmatch(written)


def test_what_looks_like_a_date_and_lacks_a_part_is_told_from_other_texts():
    assert all(DATE_LIKE.fullmatch(text) for text in ("19-Jan", "Jan-19", "1 January", "Sunday, 5 of May 2019"))
    assert not any(DATE_LIKE.fullmatch(text) for text in ("sunny", "3 marbles", "Wedding of 2019", "12 kg", "2B"))


@pytest.mark.parametrize("form", ["dd/mm/yyyy", "YYYY-MM-DD", "iso"])
def test_a_format_without_directives_is_refused(form):
    with pytest.raises(
        jaxflow.UserError, match=f"is '{form}'; it is a format of datetime.strptime, such as '%d/%m/%Y'"
    ):
        jaxflow.Series("a.csv", time="t", columns=("x",), time_format=form)
    with pytest.raises(jaxflow.UserError, match=f"is '{form}'; it is a format"):
        jaxflow.Date("t", format=form)
    jaxflow.Series("a.csv", time="t", columns=("x",), time_format="count")


def test_a_time_of_another_format_than_trainings_names_that():
    raw = RawTable(pyarrow.table({"t": ["2020-01-31"]}))
    with pytest.raises(jaxflow.UserError, match=r"'2020-01-31' in row 1 .* no time in '%d/%m/%Y', the format of"):
        read_times(raw, ["t"], "%d/%m/%Y", Path("a.csv"))
