"""Layouts that series come in: several of them in a file, several targets, categories and dates, gaps, and levels."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest

import jaxflow
from jaxflow.data.dataset import ArraySplit
from jaxflow.data.fingerprint import fingerprint
from jaxflow.data.series.newest import newest_windows
from jaxflow.schema import Feature, Schema, Target
from jaxflow.training.checkpoints.data_check import check_unchanged
from tests.conftest import assert_same_splits

HOURS = np.datetime64("2013-03-01T00") + np.arange(240)
RANDOM = np.random.RandomState(0)
LOAD = {"Aotizhongxin": np.arange(240.0), "Dingling": 1000 + np.arange(240.0)}
WIND = {name: RANDOM.choice(["NW", "SE", "cv"], 240) for name in LOAD}


def values_of(encoding):
    """What turns predictions at one step into columns: the table of a regression of the series' targets."""
    schema = Schema(Feature("series", (1, 1), "float32"), Target("number", encoding.targets))
    return lambda rows: jaxflow.Regression().prediction_table(schema, rows)


@pytest.fixture
def beijing(tmp_path):
    """UCI's Beijing air: parts of the time in columns of their own, a category, missing values, stations in turn."""
    lines = []
    for name in LOAD:
        for row, hour in enumerate(HOURS):
            moment = hour.astype(object)
            load = "NA" if row == 100 else f"{LOAD[name][row]:.1f}"
            parts = f"{moment.year},{moment.month},{moment.day},{moment.hour}"
            lines.append(f"{len(lines) + 1},{parts},{load},{row % 5 - 2},{WIND[name][row]},{name}")
    lines = [lines[place] for place in RANDOM.permutation(len(lines))]
    (tmp_path / "beijing.csv").write_text("No,year,month,day,hour,load,dew,wind,station\n" + "\n".join(lines) + "\n")
    return jaxflow.Series(
        str(tmp_path / "beijing.csv"),
        time=("year", "month", "day", "hour"),
        columns=("load", "wind", "hour"),
        targets=("load", "dew"),
        series_id="station",
        length=6,
        horizon=3,
    )


def test_several_series_do_not_touch(beijing):
    dataset = beijing.load()
    assert dataset.schema.target.names == ("load+1", "load+2", "load+3", "dew+1", "dew+2", "dew+3")
    assert dataset.input_encoding.features == ("load", "wind = NW", "wind = SE", "wind = cv", "hour")
    assert dataset.excluded["windows that span a gap"] == 2 * 8  # a window has nine rows: eight places for the gap
    for split in dataset.splits.values():
        inputs, targets = split.inputs, split.targets
        rows = np.concatenate([inputs[..., 0], targets[:, :3]], axis=1)
        assert (np.diff(rows, axis=1) == 1).all()  # none goes on in another station, or over the gap
        for index in range(0, len(split), 17):
            station, _, time = split.id(index).partition(" ")
            row = int((np.datetime64(time) - HOURS[0]).astype("timedelta64[h]").astype(int))
            assert targets[index, 0] == LOAD[station][row]
            np.testing.assert_array_equal(targets[index, 3:], (np.arange(row, row + 3) % 5) - 2)
            names = np.array(["NW", "SE", "cv"])[inputs[index, :, 1:4].argmax(-1)]
            np.testing.assert_array_equal(names, WIND[station][row - 6 : row])
            np.testing.assert_array_equal(inputs[index, :, 4], np.arange(row - 6, row) % 24)
    times = {name: [split.id(i).split(" ")[1] for i in range(len(split))] for name, split in dataset.splits.items()}
    assert max(times["train"]) < min(times["validation"]) < max(times["validation"]) < min(times["test"])


@pytest.mark.parametrize("relative", ["none", "last", "difference"])
@pytest.mark.parametrize("gaps", ["split", "fill"])
def test_what_stays_on_disk_is_what_would_be_in_memory(beijing, relative, gaps):
    source = dataclasses.replace(beijing, relative=relative, gaps=gaps)
    here, there = source.load(), dataclasses.replace(source, in_memory=False).load()
    assert_same_splits(there, here)
    assert (here.schema, here.input_encoding, here.excluded) == (there.schema, there.input_encoding, there.excluded)
    longer = dataclasses.replace(source, length=8)  # from the same entry of the cache
    assert_same_splits(dataclasses.replace(longer, in_memory=False).load(), longer.load())


def test_filled_rows_are_inputs_and_never_targets(beijing):
    dataset = dataclasses.replace(beijing, gaps="fill").load()
    assert dataset.excluded["windows that would predict what was filled in"] == 2 * 3
    train = dataset.splits["train"]
    gap = [index for index in range(len(train)) if train.id(index) == f"Dingling {HOURS[101]}:00:00"]
    np.testing.assert_array_equal(train.inputs[gap[0], :, 0], [1095, 1096, 1097, 1098, 1099, 1099])
    np.testing.assert_array_equal(train.targets[gap[0], :3], [1101, 1102, 1103])
    seen = train.targets[:, :3]
    assert not np.isin([LOAD["Dingling"][100], LOAD["Aotizhongxin"][100]], seen).any()


def write(path, values, times=None, header="t,x"):
    times = np.arange(len(values)) if times is None else times
    path.write_text(header + "\n" + "\n".join(f"{time},{value}" for time, value in zip(times, values)) + "\n")
    return str(path)


def test_relative_windows_forget_their_level(tmp_path):
    values = 1e9 + np.cumsum(RANDOM.randn(120)).round(3)
    path = write(tmp_path / "a.csv", [f"{value:.3f}" for value in values])
    plain, last, change = (
        jaxflow.Series(path, time="t", columns=("x",), length=4, horizon=2, relative=relative).load()
        for relative in ("none", "last", "difference")
    )
    rows = np.lib.stride_tricks.sliding_window_view(values, 6)
    split = last.splits["train"]
    np.testing.assert_array_equal(split.targets, rows[split.starts, 4:])
    np.testing.assert_allclose(split.inputs[..., 0], rows[split.starts, :4] - rows[split.starts, 3:4], atol=2e-6)
    np.testing.assert_array_equal(split.origins(np.arange(len(split))), np.repeat(rows[split.starts, 3:4], 2, 1))
    split = change.splits["train"]
    assert split.starts[0] == 1  # the first row has no difference
    np.testing.assert_allclose(
        split.inputs[..., 0], np.diff(values)[split.starts[:, None] - 1 + np.arange(4)], atol=2e-6
    )
    # And values that float32 would blur are standardised first: neighbours there are 64 apart.
    train = plain.splits["train"]
    width, shift = plain.input_encoding.columns[0].width, plain.input_encoding.columns[0].shift
    restored = train.inputs[..., 0].astype(np.float64) * width + shift
    np.testing.assert_allclose(restored, rows[train.starts, :4], atol=1e-5, rtol=0)


def test_a_series_with_its_level_inside_float32_is_as_it_is(tmp_path):
    values = RANDOM.randn(60).astype(np.float32) + 5
    train = jaxflow.Series(write(tmp_path / "a.csv", values), time="t", columns=("x",), length=4).load().splits["train"]
    np.testing.assert_array_equal(train.inputs[:, 0, 0], values[train.starts])
    scaled = jaxflow.Series(
        write(tmp_path / "a.csv", values), time="t", columns=("x",), length=4, encoders=(jaxflow.Number(),)
    ).load()
    seen = values[: scaled.splits["train"].starts[-1] + 5].astype(float)
    expected = (values[scaled.splits["train"].starts] - seen.mean()) / seen.std()
    np.testing.assert_allclose(scaled.splits["train"].inputs[:, 0, 0], expected, rtol=1e-5)


def test_the_time_is_an_input_where_it_is_named(tmp_path):
    path = write(tmp_path / "a.csv", RANDOM.randn(240), HOURS)
    dataset = jaxflow.Series(path, time="t", columns=("x", "t"), length=3).load()
    assert dataset.input_encoding.features[2:] == (
        "t: sine of year", "t: cosine of year", "t: sine of week", "t: cosine of week", "t: sine of day",
        "t: cosine of day",
    )  # fmt: skip
    train = dataset.splits["train"]
    angle = np.arctan2(train.inputs[:, 0, 6], train.inputs[:, 0, 7]) / 2 / np.pi * 24 % 24
    np.testing.assert_allclose(angle, train.starts % 24, atol=1e-4)


def business(path):
    days = np.arange("2022-01-03", "2023-07-15", dtype="datetime64[D]")
    days = days[np.is_busday(days)]
    return write(path, RANDOM.randn(len(days)), days), len(days)


def test_business_days_have_no_gaps_but_holidays(tmp_path):
    path, count = business(tmp_path / "a.csv")
    series = jaxflow.Series(path, time="t", columns=("x",), length=8, horizon=3)
    whole = [dataclasses.replace(series, **change).load() for change in ({}, {"gaps": "ignore"}, {"max_step": 3})]
    assert_same_splits(*whole[:2])
    assert_same_splits(*whole[1:])
    between = {"windows whose targets lie in no single split": 2 * 2}
    assert [dataset.excluded for dataset in whole] == [between] * 3
    assert sum(map(len, whole[0].splits.values())) == count - 10 - 2 * 2
    lines = Path(path).read_text().splitlines(keepends=True)
    Path(path).write_text("".join(lines[:40] + lines[41:]))  # a holiday
    assert dataclasses.replace(series).load().excluded == between | {"windows that span a gap": 10}


def test_days_off_take_a_setting_and_the_error_names_it(tmp_path, caplog):
    days = np.arange("2022-01-04", "2023-07-15", dtype="datetime64[D]")
    days = days[np.is_busday(days, weekmask="0111110")]
    path, count = write(tmp_path / "a.csv", RANDOM.randn(len(days)), days), len(days)
    series = jaxflow.Series(path, time="t", columns=("x",), length=8, horizon=3)
    message = r"all \d+ windows .*in t most are 1 D, and \d+ are gaps; gaps='ignore'.*max_step=3"
    with pytest.raises(jaxflow.UserError, match=message):
        series.load()
    assert_same_splits(
        *(dataclasses.replace(series, **change).load() for change in ({"gaps": "ignore"}, {"max_step": 3}))
    )
    with caplog.at_level(logging.INFO, "jaxflow"):
        short = dataclasses.replace(series, length=2, horizon=1).load()
    assert "windows span a gap, the first after 2022-01-08: left out" in caplog.text
    # Each window is in a split, or counted.
    assert sum(map(len, short.splits.values())) + sum(short.excluded.values()) == count - 2


@pytest.mark.parametrize("gaps", ["split", "fill", "ignore"])
def test_no_row_and_no_window_is_lost_without_a_word(tmp_path, caplog, gaps):
    values = [f"{value:.3f}" for value in RANDOM.randn(203)]
    values[0] = values[60] = values[61] = ""
    days = np.arange("2022-01-01", "2023-01-01", dtype="datetime64[D]")[:203]
    lines = [f"a,{day},{value}" for day, value in zip(days, values)] + [f"b,{day},1.5" for day in days[:4]]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["s,t,x", *lines, ""]))
    split = jaxflow.TimeSplit(20, 20, end="2022-07-20")
    series = jaxflow.Series(str(path), "t", ("x",), 5, 3, split=split, series_id="s", gaps=gaps)
    with caplog.at_level(logging.INFO, "jaxflow"):
        dataset = series.load()
    rows = 200 if gaps != "fill" else 202
    assert f"{203 - rows} rows of {path} " in caplog.text
    assert f"1 series of {path} have less than the 8 rows of a window, and are in no split: b" in caplog.text
    assert sum(map(len, dataset.splits.values())) + sum(dataset.excluded.values()) == rows - 7
    assert f"{dataset.excluded['windows whose targets lie in no single split']} of {rows - 7} windows" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": ("x", "y")}, "has no column 'y'; it has t, x"),
        ({"series_id": "shop"}, "has no column 'shop'"),
        ({"horizon": 13}, "the validation split is empty: it has 12 rows, and a window takes 4 rows .*the 13 after"),
        ({"gaps": "ignore", "max_step": 2}, "max_step says what a gap is for gaps='split'"),
        ({"encoders": (jaxflow.Category("x", encode="index"),)}, "of series it is 'onehot' or 'ordinal'"),
        ({"split": jaxflow.HoldOut()}, "data.split is a HoldOut, which draws rows of all times, .* split by TimeSplit"),
        ({"split": jaxflow.KFold()}, "data.split is a KFold, which"),
        ({"time_format": "%Q"}, "data.time_format is '%Q': 'Q' is a bad directive"),
    ],
)
def test_what_cannot_work_is_refused(change, message, tmp_path):
    path = write(tmp_path / "a.csv", np.arange(120))
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.Series(**{"path": path, "time": "t", "columns": ("x",), "length": 4} | change).load()


def test_windows_that_all_span_a_gap_say_where_and_how_often_rows_lack_a_value(tmp_path):
    values = [("" if row % 5 == 4 else row, "" if row % 10 == 7 else row) for row in range(100)]
    path = write(tmp_path / "a.csv", [f"{x},{y}" for x, y in values], header="t,x,y")
    with pytest.raises(jaxflow.UserError) as error:
        jaxflow.Series(path, time="t", columns=("x", "y"), length=5, horizon=2).load()
    told = f"{path}: all 64 windows of 7 rows span a gap, the first after 3; of 69 steps in t most are 1, and 29 are "
    assert str(error.value).startswith(
        f"{told}gaps (rows that lack a value are left out: x 20, y 10); gaps='ignore' takes"
    )


def test_a_clock_that_was_set_back_is_named(tmp_path):
    hours = HOURS[np.sort(np.append(np.arange(100), 50))]
    with pytest.raises(jaxflow.UserError, match=r"several rows for 2013-03-03T02:00:00, in .* \(1 such\).*write times"):
        jaxflow.Series(
            write(tmp_path / "a.csv", RANDOM.randn(101), [f"{hour}:00:00" for hour in hours]), time="t", columns=("x",)
        ).load()
    berlin = [f"{hour + np.timedelta64(2, 'h')}:00:00+02:00" for hour in HOURS]
    utc = jaxflow.Series(write(tmp_path / "utc.csv", RANDOM.randn(240), HOURS), time="t", columns=("x",)).load()
    there = jaxflow.Series(write(tmp_path / "b.csv", RANDOM.randn(240), berlin), time="t", columns=("x",)).load()
    assert [split.id(0)[:13] for split in utc.splits.values()] == [split.id(0)[:13] for split in there.splits.values()]


def test_newest_windows_are_the_last_rows_of_each_series(beijing):
    encoding = dataclasses.replace(beijing, relative="last").load().input_encoding
    new = newest_windows(encoding, Path(beijing.path))
    assert new.names == ("Aotizhongxin", "Dingling")
    np.testing.assert_array_equal(new.inputs[:, :, 0], [np.arange(-5.0, 1)] * 2)
    np.testing.assert_array_equal(new.origins, [[239] * 3 + [2] * 3, [1239] * 3 + [2] * 3])
    columns = new.columns(encoding, new.origins + np.tile(np.arange(1, 4), 2), values_of(encoding))
    assert list(columns) == ["station", "time", "prediction_load", "prediction_dew"]
    assert columns["time"].tolist() == [f"{HOURS[-1] + np.timedelta64(ahead, 'h')}:00:00" for ahead in (1, 2, 3)] * 2
    assert columns["prediction_load"].tolist() == [240, 241, 242, 1240, 1241, 1242]


def test_newest_rows_that_do_not_suffice_are_refused(tmp_path, caplog):
    path = tmp_path / "a.csv"
    write(path, RANDOM.randn(240), HOURS)
    encoding = jaxflow.Series(str(path), time="t", columns=("x",), length=6).load().input_encoding
    write(path, RANDOM.randn(5), HOURS[:5])
    with pytest.raises(jaxflow.UserError, match="has 5 rows with all values; the model looks back at 6"):
        newest_windows(encoding, path)
    write(path, RANDOM.randn(9), np.delete(HOURS[:10], 6))
    with pytest.raises(jaxflow.UserError, match=r"the newest 6 rows of .* span a gap after 2013-03-01T05"):
        newest_windows(encoding, path)
    filling = dataclasses.replace(encoding, gaps="fill")
    assert newest_windows(filling, path).inputs.shape == (1, 6, 1)


def test_a_newest_row_that_lacks_a_value_is_said(tmp_path, said):
    values = [*map(str, range(240))]
    path = Path(write(tmp_path / "a.csv", values, HOURS))
    encoding = jaxflow.Series(str(path), time="t", columns=("x",), length=6).load().input_encoding
    said()
    newest_windows(encoding, path)
    assert "lack" not in said()
    write(path, [*values[:-2], "", ""], HOURS)
    new = newest_windows(encoding, path)
    assert new.times.tolist() == [HOURS[-3]]
    assert (
        f"2 rows of {path} lack a value (x 2): left out; the newest that is used is {new.times[0]}, and the forecast "
        "begins after it"
    ) in said()
    write(path, ["", *values[1:]], HOURS)
    newest_windows(encoding, path)
    assert said().rstrip().endswith(f"1 row of {path} lacks a value (x 1): left out")
    write(path, [*values[:-1], ""], HOURS)
    assert newest_windows(dataclasses.replace(encoding, gaps="fill"), path).inputs[0, -1, 0] == 238
    assert f"1 row of {path} lacks a value (x 1): filled with the last one before it" in said()


def test_the_newest_rows_of_several_series_are_compared_each_with_its_own(beijing, said):
    encoding, path = beijing.load().input_encoding, Path(beijing.path)
    said()
    newest_windows(encoding, path)
    assert f"2 rows of {path} lack a value (load 2): left out" in said().splitlines()  # within, and no newest one
    last = HOURS[-1].astype(object)
    newest = f"{last.year},{last.month},{last.day},{last.hour},"
    lines = [
        line.split(",") if newest in line and line.endswith("Dingling") else line
        for line in path.read_text().splitlines()
    ]
    lines = [",".join([*line[:5], "NA", *line[6:]]) if isinstance(line, list) else line for line in lines]
    path.write_text("\n".join(lines) + "\n")
    newest_windows(encoding, path)
    told = said()
    assert "lack a value (load 3): left out; they are the newest of 1 series, whose forecast begins after" in told
    assert f"Dingling after {HOURS[-2]}" in told


def test_a_series_has_the_digests_of_its_windows_and_a_digit_that_float32_lacks_is_noticed(tmp_path):
    values = 1.7e9 + RANDOM.randn(80).round(2)
    digests = []
    for change in (0, 0.01):
        values[20] += change
        path = write(tmp_path / "a.csv", [f"{value:.2f}" for value in values])
        digests.append(fingerprint(jaxflow.Series(path, time="t", columns=("x",), length=4).load().splits["train"]))
    assert digests[0]["targets"] == digests[1]["targets"]
    assert digests[0]["exact_targets"] != digests[1]["exact_targets"]
    with pytest.raises(jaxflow.UserError, match=r"the data changed .*the targets of examples"):
        check_unchanged(tmp_path, {"contents": digests[0]}, {"contents": digests[1]})
    check_unchanged(tmp_path, {"contents": digests[0]}, {"contents": dict(digests[0])})
    plain = jaxflow.Series(write(tmp_path / "b.csv", range(80)), time="t", columns=("x",), length=4).load()
    train = plain.splits["train"]
    windows = ArraySplit(train.inputs, train.targets.astype(np.float32), ())  # as earlier versions held them
    assert fingerprint(train) == fingerprint(windows)


def test_a_series_with_a_gap_does_not_stop_the_others(beijing, said):
    encoding, path = beijing.load().input_encoding, Path(beijing.path)
    last = HOURS[-3].astype(object)
    gone = f",{last.year},{last.month},{last.day},{last.hour},"
    lines = [line for line in path.read_text().splitlines() if not (gone in line and line.endswith("Dingling"))]
    path.write_text("\n".join(lines) + "\n")
    new = newest_windows(encoding, path)
    np.testing.assert_array_equal(new.inputs[:, :, 0], [np.arange(234.0, 240)])
    assert "1 series are left out, Dingling: the newest 6 rows of series Dingling" in said()
    assert new.columns(encoding, np.zeros((1, 6)), values_of(encoding))["station"].tolist() == ["Aotizhongxin"] * 3
    path.write_text("\n".join(line for line in lines if not line.endswith("Aotizhongxin")) + "\n")
    with pytest.raises(jaxflow.UserError, match=r"the newest 6 rows of series Dingling of .* span a gap after"):
        newest_windows(encoding, path)
