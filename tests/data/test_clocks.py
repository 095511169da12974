"""Clocks that are set, with the offsets from UTC that Berlin, New York and Sydney had in 2023."""

import numpy as np
import pytest

import jaxflow
from jaxflow.data.clocks import find_set_back, find_set_forward, find_twice, may_be_set

# Hours ahead of UTC, from which moment on.
ZONES = {
    "Berlin": {"2023-01-01": 1, "2023-03-26T01": 2, "2023-10-29T01": 1},
    "New York": {"2023-01-01": -5, "2023-03-12T07": -4, "2023-11-05T06": -5},
    "Sydney": {"2023-01-01": 11, "2023-04-01T16": 10, "2023-09-30T16": 11},
}


def local_times(zone, start, minutes, count):
    """Local times of so many moments, as a wall clock shows them."""
    moments = np.datetime64(start, "m") + np.arange(count) * minutes
    changes = np.array([*ZONES[zone]], "datetime64[m]")
    hours = np.array([*ZONES[zone].values()])[np.searchsorted(changes, moments, "right") - 1]
    return moments + hours * np.timedelta64(60, "m")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("minutes", [7, 10, 30])
def test_where_clocks_are_set_is_found_in_every_zone(zone, minutes):
    times = local_times(zone, "2023-02-01", minutes, 300 * 24 * 60 // minutes)
    series, steps = np.zeros(len(times), int), np.diff(times).astype(int)
    row = int(np.flatnonzero(steps < 0)[0])
    assert find_set_back(times, series) == (row, row + 1)
    assert find_set_back(times[::-1], series) == (len(times) - 1 - row, len(times) - 2 - row)  # the newest first
    # Two series in turn, the one above the other at each time.
    assert find_set_back(np.repeat(times, 2), np.tile([0, 1], len(times))) == (2 * row, 2 * row + 2)
    assert find_set_back(np.repeat(times, 2), np.tile([1, 0], len(times))) == (2 * row + 1, 2 * row + 3)
    assert find_set_forward(times, series, np.timedelta64(minutes, "m")).tolist() == [*np.flatnonzero(steps > minutes)]
    assert may_be_set(times[np.flatnonzero(steps != minutes)]).all()
    utc = times[0] + np.arange(len(times)) * np.timedelta64(minutes, "m")
    assert find_set_back(utc, series) is find_set_back(utc[::-1], series) is find_twice(utc) is None
    assert len(find_set_forward(utc, series, np.timedelta64(minutes, "m"))) == 0


def test_rows_in_another_order_and_numbers_have_no_clock():
    times = local_times("Berlin", "2023-10-28", 10, 300)
    series = np.zeros(300, int)
    assert find_set_back(np.random.RandomState(0).permutation(times), series) is None
    assert find_set_back(np.arange(300)[::-1], series) is None
    assert find_set_back(times, np.arange(300)) is None


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D"])
def test_dates_have_no_clock(unit):
    # 2015-03 begins with a Sunday, in a month in which clocks are set
    times = np.sort(np.append(np.arange("2010", "2020", dtype=f"datetime64[{unit}]"), np.datetime64("2015-03", unit)))
    series = np.zeros(len(times), int)
    assert find_set_back(times, series) is find_set_back(times[::-1], series) is find_twice(times) is None
    assert find_set_back(np.append(times, times[-2]), np.zeros(len(times) + 1, int)) is None


@pytest.mark.parametrize("zone", ZONES)
def test_an_hour_that_comes_twice_is_found_in_any_order(zone):
    times = local_times(zone, "2023-02-01", 60, 300 * 24)
    row = int(np.flatnonzero(np.diff(times).astype(int) == 0)[0])
    assert find_twice(times) == (row, row + 1)
    assert find_twice(np.delete(times, row)) is None
    assert find_twice(np.append(times, times[40])) is None
    assert find_twice(np.append(times.astype("datetime64[D]")[::24], np.datetime64("2023-10-29"))) is None  # days


@pytest.mark.parametrize("newest", ["last", "first"])
def test_rows_of_a_series_that_go_back_are_named_in_turn(tmp_path, newest):
    times = local_times("Berlin", "2023-10-28", 10, 500)
    rows = [f"{time},{name},{place}" for place, time in enumerate(times) for name in "ab"]
    (tmp_path / "a.csv").write_text("\n".join(["t,s,y", *(rows if newest == "last" else rows[::-1])]) + "\n")
    series = jaxflow.Series(str(tmp_path / "a.csv"), time="t", columns=("y",), series_id="s")
    line = 302 if newest == "last" else 700
    with pytest.raises(jaxflow.UserError, match=rf"from 2023-10-29T02:50 to 2023-10-29T02:00 in line {line}, as where"):
        series.load()


def test_an_hour_that_comes_twice_in_a_table_is_named(tmp_path, caplog):
    times = local_times("Berlin", "2023-10-28", 60, 300)
    rows = [f"{time},{i % 7},{i % 5}" for i, time in enumerate(times)]
    (tmp_path / "a.csv").write_text("\n".join(["t,x,y", *rows]) + "\n")
    table = jaxflow.Table(str(tmp_path / "a.csv"), target="y", time="t", split=jaxflow.TimeSplit())
    with caplog.at_level("INFO", "jaxflow"):
        table.load()
    assert "column t holds 2023-10-29T02:00:00 twice, in line 26 and line 27, as where clocks" in caplog.text


def write(path, times, form="%Y-%m-%d %H:%M"):
    rows = [f"{time.astype(object).strftime(form)},{row % 24}" for row, time in enumerate(times)]
    path.write_text("\n".join(["t,y", *rows]) + "\n")
    return str(path)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (7, r"a\.csv goes back from 2023-10-29T02:58 to 2023-10-29T02:05 in line \d+, as where clocks were set back"),
        (
            60,
            r"several rows for 2023-10-29T02:00, in line 26 and line 27 .*as where clocks were set back: write",
        ),
    ],
)
def test_an_hour_that_comes_twice_is_named(tmp_path, minutes, said):
    path = write(tmp_path / "a.csv", local_times("Berlin", "2023-10-28", minutes, 500))
    for gaps in ("split", "fill", "ignore"):
        with pytest.raises(jaxflow.UserError, match=said):
            jaxflow.Series(path, time="t", columns=("y",), gaps=gaps).load()


def test_an_hour_that_is_missing_is_named(tmp_path, caplog):
    path = write(tmp_path / "a.csv", local_times("Berlin", "2023-03-20", 60, 500))
    with caplog.at_level("INFO", "jaxflow"):
        dataset = jaxflow.Series(path, time="t", columns=("y",), length=5).load()
    assert "goes from 2023-03-26T01:00 to 2023-03-26T03:00, as where clocks are set forward" in caplog.text
    assert dataset.excluded["windows that span a gap"] == 5


@pytest.mark.parametrize("form", ["", "%d.%m.%Y %H:%M"])
def test_times_that_split_a_table_and_go_back_are_named(tmp_path, caplog, form):
    times = local_times("Berlin", "2023-10-28", 10, 500)
    rows = [f"{time.astype(object).strftime(form or '%Y-%m-%dT%H:%M')},{i % 7},{i % 5}" for i, time in enumerate(times)]
    (tmp_path / "a.csv").write_text("\n".join(["t,x,y", *rows]) + "\n")
    table = jaxflow.Table(str(tmp_path / "a.csv"), target="y", time="t", time_format=form, split=jaxflow.TimeSplit())
    with caplog.at_level("INFO", "jaxflow"):
        table.load()
    line = int(np.flatnonzero(np.diff(times) < np.timedelta64(0, "s"))[0]) + 3
    assert f"column t goes back from 2023-10-29T02:50:00 to 2023-10-29T02:00:00 in line {line}, as where" in caplog.text
