import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import jaxflow
from jaxflow import Category, Date, HoldOut, KFold, Number, Table, TimeSplit
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.tables.columns import natural_order
from jaxflow.data.tables.encode import encode_table
from jaxflow.errors import UserError
from jaxflow.evaluation.units import split_units
from jaxflow.serialization import from_json, to_json
from tests.conftest import ROOT, assert_same_splits, joined

TITANIC = ROOT.parent / "shared" / "data" / "titanic.csv"


def rows(count=200, seed=0):
    """A table whose target hangs on its columns: numbers, a category, a boolean, dates; some of it missing."""
    random = np.random.RandomState(seed)
    lines = []
    for index in range(count):
        size, colour = random.rand() * 10, random.choice(["red", "green", "blue"])
        known = "" if random.rand() < 0.1 else f"{size:.2f}"
        day = np.datetime64("2024-01-01") + np.timedelta64(random.randint(0, 300), "D")
        lines.append([f"p{index}", known, colour, random.choice(["true", "no"]), str(day), int(size > 5)])
    return lines


HEADER = ["who", "size", "colour", "new", "day", "big"]


def write(path, lines, header=HEADER):
    path.write_text("\n".join(",".join(map(str, line)) for line in [header, *lines]) + "\n")
    return str(path)


@pytest.fixture
def table(tmp_path):
    return Table(write(tmp_path / "toy.csv", rows()), target="big", id="who")


def test_a_table_becomes_typed_features(table):
    dataset = table.load()
    assert list(dataset.input_encoding.features) == [
        "size", "size: missing", "colour = blue", "colour = green", "colour = red", "new", "day",
        "day: sine of year", "day: cosine of year", "day: sine of week", "day: cosine of week",
    ]  # fmt: skip
    assert dataset.schema.target == jaxflow.Target("class", ("0", "1"))
    train = dataset.splits["train"]
    np.testing.assert_allclose(train.inputs[:, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(train.inputs[:, 0].std(), 1, rtol=1e-5)
    lines = {line[0]: line for line in rows()}
    for split in dataset.splits.values():
        for index, target in enumerate(split.targets):
            line = lines[split.id(index)]
            assert target == line[-1]
            assert split.inputs[index, 2:5].tolist() == [float(line[2] == c) for c in ("blue", "green", "red")]
            assert split.inputs[index, 1] == (line[1] == "")


@pytest.mark.parametrize(
    "change",
    [{}, {"category": Category(encode="target")}, {"number": Number(winsorize=0.05, scale="robust")}],
)
def test_nothing_of_validation_and_test_reaches_what_is_fitted(change, table, tmp_path):
    before = dataclasses.replace(table, **change).load()
    held_out = {split.id(i) for name, split in before.splits.items() if name != "train" for i in range(len(split))}
    assert len(held_out) > 20
    lines = [
        line if line[0] not in held_out else [line[0], 1e6, "purple", "yes", "1970-01-01", 1 - line[-1]]
        for line in rows()
    ]
    after = dataclasses.replace(table, path=write(tmp_path / "leak.csv", lines), **change).load()
    assert after.input_encoding == before.input_encoding
    np.testing.assert_array_equal(after.splits["train"].inputs, before.splits["train"].inputs)
    assert not np.array_equal(after.splits["test"].inputs, before.splits["test"].inputs)


def test_added_rows_move_no_old_one_and_order_does_not_matter(table, tmp_path):
    before = table.load()
    lines = rows(300)[::-1]
    lines[100:] = rows()[::-1]  # the first 200 are drawn alike
    after = dataclasses.replace(table, path=write(tmp_path / "more.csv", lines)).load()
    for name, split in before.splits.items():
        now = {after.splits[name].id(i) for i in range(len(after.splits[name]))}
        assert {split.id(i) for i in range(len(split))} <= now


def test_rows_without_names_are_named_by_what_they_hold(tmp_path):
    lines = [line[1:] for line in rows()]
    first = Table(write(tmp_path / "a.csv", lines, HEADER[1:]), "big").load()
    second = Table(write(tmp_path / "b.csv", lines[::-1], HEADER[1:]), "big").load()
    for name, split in first.splits.items():
        assert sorted(split.ids) == sorted(second.splits[name].ids)
    twice = Table(write(tmp_path / "c.csv", lines * 2, HEADER[1:]), "big")
    assert sum(map(len, twice.load().splits.values())) == 400
    cleaned = dataclasses.replace(twice, duplicates="drop").load()
    assert cleaned.excluded == {"equal to an earlier row": 200}


def read_back(encoding):
    return from_json(json.loads(json.dumps(to_json(encoding))))


def test_new_rows_are_encoded_as_the_old_ones(table, tmp_path):
    dataset = table.load()
    inputs, ids = joined(
        encode_table(from_json(json.loads(json.dumps(to_json(dataset.input_encoding)))), Path(table.path))
    )
    for split in dataset.splits.values():
        for index in range(len(split)):
            np.testing.assert_array_equal(inputs[ids.index(split.id(index))], split.inputs[index])
    new = write(tmp_path / "new.csv", [["x", "3", "purple", "yes", "2031-05-05"]], HEADER[:-1])
    inputs, ids = joined(encode_table(dataset.input_encoding, Path(new)))
    assert ids == ["x"]
    np.testing.assert_array_equal(inputs[0, 2:5], 0)  # a colour that training never saw
    with pytest.raises(UserError, match="has no column day; the model takes what it was trained on"):
        joined(encode_table(dataset.input_encoding, Path(write(tmp_path / "less.csv", [[1] * 4], HEADER[:4]))))


def test_parquet_is_csv(table, tmp_path):
    lines = rows()
    columns = dict(zip(HEADER, map(list, zip(*lines))))
    columns["size"] = [None if value == "" else float(value) for value in columns["size"]]
    columns["new"] = [value == "true" for value in columns["new"]]
    columns["day"] = np.array(columns["day"], "datetime64[s]")
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "toy.parquet")
    ours, reference = dataclasses.replace(table, path=str(tmp_path / "toy.parquet")).load(), table.load()
    for name, split in reference.splits.items():
        np.testing.assert_array_equal(ours.splits[name].inputs, split.inputs)
        np.testing.assert_array_equal(ours.splits[name].targets, split.targets)


def test_numbers_can_be_the_target(table):
    dataset = dataclasses.replace(table, target="size", drop=("who",)).load()
    assert dataset.schema.target.kind == "number"
    assert dataset.excluded == {"no size": sum(line[1] == "" for line in rows())}
    sizes = {line[0]: line[1] for line in rows()}
    test = dataset.splits["test"]
    assert test.targets.shape == (len(test), 1)
    for index in range(len(test)):
        assert test.targets[index, 0] == float(sizes[test.id(index)])
    few = dataclasses.replace(table, task="number").load()
    assert few.schema.target.kind == "number"


def test_groups_are_the_units_of_intervals_from_memory_and_from_the_cache(table):
    grouped = dataclasses.replace(table, group="day", split=HoldOut(0.3, 0.3))
    lines = {line[0]: line for line in rows()}
    for in_memory in (True, False):
        dataset = dataclasses.replace(grouped, in_memory=in_memory).load()
        test = dataset.splits["test"]
        days = [lines[test.id(index)][4] for index in range(len(test))]
        units = split_units(dataset, "test")
        assert units.noun == "group"
        assert units.count == len(set(days)) < len(days)
        assert all((units.index[0] == unit) == (days[0] == day) for unit, day in zip(units.index, days))


def test_splits_by_group_time_class_and_fold(table):
    def sides(changed):
        return {name: set(split.ids) for name, split in changed.load().splits.items()}

    lines = {line[0]: line for line in rows()}
    groups = sides(dataclasses.replace(table, group="day", split=HoldOut(0.3, 0.3)))
    days = [{lines[id_][4] for id_ in ids} for ids in groups.values()]
    assert sum(map(len, days)) == len(set.union(*days))
    for in_memory in (True, False):
        kept = dataclasses.replace(table, group="day", split=HoldOut(0.3, 0.3), in_memory=in_memory).load()
        for name, split in kept.splits.items():
            days = [lines[split.id(index)][4] for index in range(len(split))]
            assert len(set(zip(kept.groups[name], days))) == len(set(days)) == len(set(kept.groups[name]))
    times = sides(dataclasses.replace(table, time="day", split=TimeSplit(0.2, 0.2)))
    ranges = [[lines[id_][4] for id_ in times[name]] for name in ("train", "validation", "test")]
    assert max(ranges[0]) < min(ranges[1])
    assert max(ranges[1]) < min(ranges[2])
    folds = [sides(dataclasses.replace(table, split=KFold(fold, 4)))["test"] for fold in range(4)]
    assert sum(map(len, folds)) == 200
    assert set.union(*folds) == set(lines)
    strata = sides(dataclasses.replace(table, split=HoldOut(0.1, 0.2, stratify=True)))
    big = sum(line[-1] for line in rows())
    assert abs(sum(lines[id_][-1] for id_ in strata["test"]) - 0.2 * big) <= 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", r"line 3: there are 1 cells in 2 columns; no whole row follows"),
        ("a,b\n1,2\n3,4,5\n", r"line 3: there are 3 cells in 2 columns; 3,4 may be a number with a decimal comma"),
        ("a,b\n\xff\xfe,2\n", "save it as UTF-8"),
        ("a,a\n1,2\n", "two columns named 'a'; rename one"),
        ("a,b\n", "has no rows"),
        ("", "cannot be read as a table"),
        ("a,b\n" + "1,\n" * 5, "every b in .* is missing"),
        ("a,b\n" + "1,x\n" * 50, "target b has one class only, 'x'"),
        ("b\n" + "x\ny\n" * 30, "no column left to predict b from"),
        ("a,b\n" + "1,x\n1,y\n" * 30, "no column left to predict b from"),
        ("a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(60)) + "about 3,1\n", "'about 3' in line 62"),
        ("a,b\n" + "".join(f"2024-01-{i % 28 + 1:02},{i % 2}\n" for i in range(60)) + "03/04/2024,1\n" * 3,
         "column a holds .*dates.* '03/04/2024' in line 62"),
        ("a,b\n" + "".join(f"{i},{i}.5\n" for i in range(60)) + "3,inf\n", "target b is not finite in line 62"),
    ],
)  # fmt: skip
def test_bad_tables_are_one_line(text, message, tmp_path):
    path = tmp_path / "bad table ü.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=message):
        Table(str(path), "b").load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "nowhere.csv"}, "no table at nowhere.csv"),
        ({"target": "large"}, "data.target names 'large', but .* has the columns who, size"),
        ({"drop": ("shape",)}, "data.drop names 'shape'"),
        (
            {"columns": (Number("colour"),)},
            r"column colour holds numbers, but '(red|green|blue)' in line 2, "
            r"and no other cell is one; .* or drop Number\('colour'\)$",
        ),
        (
            {"columns": (Date("day", format="%d.%m.%Y"),)},
            r"column day holds dates \(%d.%m.%Y\), but '2024-.*, and no "
            r"other cell is one; .* or change or drop Date\('day', format='%d.%m.%Y'\)$",
        ),
        ({"id": "colour"}, "column colour names two rows"),
        ({"split": TimeSplit()}, "needs times"),
        ({"split": TimeSplit(), "time": "colour"}, "neither dates nor numbers"),
        ({"target": "size,shape"}, "data.target names 'size,shape'"),
        ({"target": "size, colour"}, "perhaps you meant 'size' and 'colour', each a name of its own"),
        ({"drop": ("('size', 'big')",)}, "perhaps you meant 'size' and 'big', each a name of its own"),
        ({"target": 3}, "data.target is 3; columns are named by texts: write '3'"),
        ({"target": ("size", 3)}, r"columns are named by texts: write \('size', '3'\)"),
        ({"split": TimeSplit(), "time": "size"}, "column size, which data.time names, is empty in 20 of 200 rows"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(change, message, table):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(table, **change).load()


@pytest.mark.parametrize("columns", [(), (Date("day"),)])
def test_how_times_are_written_is_said_once(columns, tmp_path, caplog):
    days = [f"{1 + row % 28:02d}.{1 + row // 28 % 12:02d}.2024" for row in range(200)]
    path = write(tmp_path / "a.csv", [(day, i * i % 97, i % 2) for i, day in enumerate(days)], ("day", "x", "y"))
    with caplog.at_level("INFO", "jaxflow"):
        Table(path, "y", time="day", split=TimeSplit(0.1, 0.1), columns=columns).load()
    assert caplog.text.count("'01.01.2024' is read as a date, %d.%m.%Y") == 1


def test_a_number_of_examples_that_may_be_a_year_is_named(caplog):
    days = np.arange("2010-01-01", "2024-01-01", dtype="datetime64[D]")
    keys = SplitKeys([str(day) for day in days], times=days)
    with caplog.at_level("INFO", "jaxflow"):
        assert len(TimeSplit(0, 2015).split(keys)["test"]) == 2015
        assert "split.test is 2015 examples; all from a year on are split.test='2015-01'" in caplog.text
        assert len(TimeSplit(0, "2015-01").split(keys)["test"]) == 9 * 365 + 2
    assert caplog.text.count("all from a year on") == 1


def test_a_class_outside_train_is_named(tmp_path):
    lines = rows(40)
    dataset = Table(write(tmp_path / "a.csv", lines), "big", id="who").load()
    lonely = dataset.splits["test"].id(0)
    lines = [[*line[:-1], "2" if line[0] == lonely else line[-1]] for line in lines]
    with pytest.raises(UserError, match=r"class '2' of target .* and none in the train split"):
        Table(write(tmp_path / "b.csv", lines), "big", id="who").load()


def test_infinite_numbers_count_as_missing(table, tmp_path):
    lines = [[line[0], "inf" if line[1] == "" else line[1], *line[2:]] for line in rows()]
    ours = dataclasses.replace(table, path=write(tmp_path / "inf.csv", lines)).load()
    np.testing.assert_array_equal(ours.splits["train"].inputs, table.load().splits["train"].inputs)


def test_ten_thousand_categories_are_fifty_and_other(tmp_path):
    lines = [[f"word{i % 5000}", i % 2] for i in range(15_000)]
    dataset = Table(write(tmp_path / "many.csv", lines, ["word", "b"]), "b").load()
    assert len(dataset.input_encoding.features) == 51
    encoded = Table(str(tmp_path / "many.csv"), "b", category=Category(encode="target", max_categories=5000)).load()
    assert encoded.input_encoding.features == ("word: target",)


def test_numbers_of_categories_lie_last(table):
    embedded = (Category("colour", encode="index"), Category("new", encode="index"))
    dataset = dataclasses.replace(table, columns=embedded).load()
    assert dataset.input_encoding.features[:2] == ("size", "size: missing")
    assert dataset.input_encoding.features[-2:] == ("colour", "new")
    assert dataset.schema.inputs.cardinalities == (4, 3)
    lines = {line[0]: line for line in rows()}
    for split in dataset.splits.values():
        for index in range(len(split)):
            line = lines[split.id(index)]
            place = ["blue", "green", "red"].index(line[2]) + 1, ["no", "true"].index(line[3]) + 1
            assert tuple(split.inputs[index, -2:]) == place
    again, ids = joined(
        encode_table(from_json(json.loads(json.dumps(to_json(dataset.input_encoding)))), Path(table.path))
    )
    train = dataset.splits["train"]
    np.testing.assert_array_equal(again[[ids.index(name) for name in train.ids]], train.inputs)


@pytest.mark.slow
def test_ten_thousand_categories_are_learned_and_unseen_ones_predicted(tmp_path):
    random = np.random.RandomState(0)
    good = random.rand(10_000) < 0.5
    lines = [[i, f"word{i % 10_000}", round(random.randn(), 2), int(good[i % 10_000])] for i in range(60_000)]
    header = ["who", "word", "noise", "good"]
    data = Table(
        write(tmp_path / "many.csv", lines, header), "good", id="who", columns=(Category("word", encode="index"),)
    )
    experiment = jaxflow.Experiment(
        data=data, model=jaxflow.MLP(hidden=(16,)), problem=jaxflow.Classification(), optimizer=jaxflow.Adam(1e-2),
        batch_size=512, epochs=3,
    )  # fmt: skip
    jaxflow.train(experiment, tmp_path / "run")
    assert jaxflow.evaluate(tmp_path / "run")["test"]["accuracy"] > 0.95
    new = write(tmp_path / "new.csv", [[1, "never seen", 0.0], [2, "nor this", 0.0], [3, "word7", 0.0]], header[:-1])
    lines = [line.split(",") for line in jaxflow.predict(tmp_path / "run", new).read_text().splitlines()]
    assert lines[1][1:] == lines[2][1:]
    assert 0.2 < float(lines[1][lines[0].index("p_1")]) < 0.8  # nothing is known of it
    assert lines[3][1] == str(int(good[7]))


@pytest.mark.slow
def test_a_run_on_a_table_predicts_new_rows_as_it_evaluated_them(table, tmp_path):
    experiment = jaxflow.Experiment(
        data=table, model=jaxflow.MLP(hidden=(16,)), problem=jaxflow.Classification(), optimizer=jaxflow.Adam(1e-2),
        batch_size=16, epochs=20,
    )  # fmt: skip
    jaxflow.train(experiment, tmp_path / "run")
    results = jaxflow.evaluate(tmp_path / "run")
    assert results["test"]["accuracy"] > results["baseline"]["accuracy"] + 0.2
    output = jaxflow.predict(tmp_path / "run", table.path)
    predicted = dict(line.split(",")[:2] for line in output.read_text().splitlines()[1:])
    for line in (tmp_path / "run" / "predictions" / "test.csv").read_text().splitlines()[1:]:
        id_, _, prediction, *_ = line.split(",")
        assert predicted[id_] == prediction
    # The same columns in other units would be encoded anew, and meet a model that knows nothing of it.
    write(Path(table.path), [[line[0], line[1] and float(line[1]) * 1000, *line[2:]] for line in rows()])
    with pytest.raises(
        UserError, match=r"the data changed since .* was trained \(what was fitted to a column \(size, \w+: \S+ -> "
    ):
        jaxflow.evaluate(tmp_path / "run")


@pytest.mark.skipif(not TITANIC.exists(), reason="needs the table in ../shared")
def test_titanic_as_it_lies_on_disk():
    dataset = Table(str(TITANIC), "survived", drop=("name", "ticket", "cabin")).load()
    assert sum(map(len, dataset.splits.values())) == 891
    assert list(dataset.input_encoding.features) == [
        "pclass", "sex = female", "sex = male", "age", "age: missing", "sibsp", "parch", "fare",
        "embarked = missing", "embarked = C", "embarked = Q", "embarked = S",
    ]  # fmt: skip


def test_what_stands_for_nothing_in_parquet_is_missing(tmp_path):
    random = np.random.RandomState(0)
    numbers = random.rand(80)
    numbers[::5] = np.nan
    target = [None if index % 10 == 3 else float(index % 2) for index in range(80)]
    pyarrow.parquet.write_table(pyarrow.table({"x": numbers, "y": target}), tmp_path / "a.parquet")
    target = [np.nan if value is None else value for value in target]
    pyarrow.parquet.write_table(pyarrow.table({"x": numbers, "y": target}), tmp_path / "b.parquet")
    nulls, nans = (Table(str(tmp_path / f"{name}.parquet"), "y", required=("x",)).load() for name in "ab")
    assert nulls.excluded == nans.excluded == {"no y": 8, "no x": 16}
    assert nulls.schema.target.names == nans.schema.target.names == ("0", "1")
    assert_same_splits(nulls, nans)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            pyarrow.array([253402300800] * 40, pyarrow.timestamp("s")),
            "column x holds what cannot be read, between row 1",
        ),
        (
            pyarrow.array([3_000_000] * 40, pyarrow.date32()),
            "column x holds what cannot be read, between row 1 and row 40",
        ),
        (
            pyarrow.StringArray.from_buffers(
                40, pyarrow.py_buffer(np.arange(41, dtype=np.int32)), pyarrow.py_buffer(b"\xff" * 40)
            ),
            "column x holds what cannot be read, between row 1 and row 40: 'utf-8' codec",
        ),
    ],
)
def test_cells_of_parquet_that_cannot_be_read_are_named(column, message, tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"x": column, "y": np.arange(40) % 2}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=message):
        Table(str(tmp_path / "a.parquet"), "y").load()


def test_classes_and_categories_have_one_name_however_they_are_written(tmp_path):
    codes = [["1", " 1", "0", " 0"][index % 4] for index in range(80)]
    words = [["yes", " yes", "no", "no "][index % 4] for index in range(80)]
    path = write(tmp_path / "a.csv", list(zip(range(80), codes, words)), ["x", "code", "word"])
    assert Table(path, "code", drop=("word",)).load().schema.target.names == ("0", "1")
    assert Table(path, "word", drop=("code",)).load().schema.target.names == ("no", "yes")
    table = Table(path, "word", columns=(Category("code"),))
    pyarrow.parquet.write_table(
        pyarrow.table({"x": np.arange(4), "code": [1.0, 1.0, 0.0, 0.0]}), tmp_path / "new.parquet"
    )
    encoding = table.load().input_encoding
    inputs, _ = joined(encode_table(encoding, tmp_path / "new.parquet"))
    first = encoding.features.index("code = 0")
    np.testing.assert_array_equal(inputs[:, first : first + 2], np.eye(2)[[1, 1, 0, 0]])


def test_categories_that_training_never_saw_are_counted(table, tmp_path, said):
    encoding = table.load().input_encoding
    said()
    lines = [[*line[:2], "violet" if index < 3 else line[2], *line[3:]] for index, line in enumerate(rows(20))]
    joined(encode_table(encoding, Path(write(tmp_path / "new.csv", lines))))
    assert said() == "3 of 20 rows hold a colour that the model does not know"


def test_numbers_that_float32_cannot_hold_are_missing(tmp_path):
    cells = ["1.7e308", "-1.7e308", "1e39", *range(77)]
    path = write(tmp_path / "a.csv", [(cell, i % 2) for i, cell in enumerate(cells)], ["x", "y"])
    dataset = Table(path, "y", split=HoldOut(0, 0.1)).load()
    inputs = np.concatenate([split.inputs for split in dataset.splits.values()])
    assert np.isfinite(inputs).all()
    assert inputs[:, 1].sum() == 3


def test_an_empty_first_line_changes_no_types(tmp_path):
    lines = [(["01", "1", "02", "007"][i % 4], i, i % 2) for i in range(80)]
    path = Path(write(tmp_path / "a.csv", lines, ["code", "x", "y"]))
    expected = Table(str(path), "y", columns=(Category("code"),)).load().input_encoding
    path.write_text("\n" + path.read_text())
    assert Table(str(path), "y", columns=(Category("code"),)).load().input_encoding == expected


def test_moments_with_an_offset_are_those_of_universal_time(tmp_path):
    moments = np.datetime64("2024-01-01T02:30") + np.arange(60) * np.timedelta64(7, "h")
    lines = [(f"{moment + np.timedelta64(5, 'h')}+05:00", i % 2) for i, moment in enumerate(moments)]
    encodings = []
    for cells in (lines, [(moment, i % 2) for i, moment in enumerate(moments)]):
        path = write(tmp_path / f"{len(encodings)}.csv", cells, ["when", "y"])
        encodings.append(Table(path, "y", split=HoldOut(0, 0)).load().input_encoding)
    assert encodings[0] == encodings[1]


def test_a_format_of_dates_is_checked():
    with pytest.raises(UserError, match=r"the format of column day is '%Q': 'Q' is a bad directive"):
        Date("day", "%Q")


def test_classes_sort_the_same_way_in_whatever_order_they_come():
    names = ["NAN", "0", "1", "inf", "-3", "a", "nan"]
    orders = {tuple(sorted(np.random.RandomState(i).permutation(names), key=natural_order)) for i in range(50)}
    assert len(orders) == 1


def test_a_file_with_a_long_name_can_stay_on_disk(tmp_path):
    path = write(tmp_path / f"{'é' * 120}.csv", rows(), HEADER)
    assert_same_splits(Table(path, "big", id="who", in_memory=False).load(), Table(path, "big", id="who").load())


def test_a_target_that_nobody_named_is_asked_for_with_the_columns_of_the_file(tmp_path):
    (tmp_path / "a.csv").write_text("age,plan,status\n3,pro,left\n5,basic,stayed\n")
    with pytest.raises(UserError, match=r"data.target names no column; .*a.csv has the columns age, plan, status: .*"):
        Table(str(tmp_path / "a.csv")).load()


def test_a_format_that_reads_no_cell_is_not_said_to_read_them(tmp_path, caplog):
    (tmp_path / "a.csv").write_text("day,status\n" + "2022-09-01,left\n2022-10-02,stayed\n" * 20)
    with caplog.at_level("INFO", "jaxflow"), pytest.raises(UserError, match="no other cell is one"):
        Table(str(tmp_path / "a.csv"), "status", columns=(Date("day", format="%d.%m.%Y"),)).load()
    assert "is read as a date" not in caplog.text


def test_a_rare_class_that_is_a_number_may_be_no_class(tmp_path):
    (tmp_path / "a.csv").write_text(
        "x,visits,part\n"
        + "".join(f"{row},{row % 3},{('train', 'train', 'test')[row // 20]}\n" for row in range(60))
        + "60,7,test\n"
    )
    with pytest.raises(UserError, match=r"class '7' .* none in the train split; predict a number, data.task='number'"):
        Table(str(tmp_path / "a.csv"), "visits", split=HoldOut(column="part")).load()


def test_codes_with_a_number_now_and_then_have_no_mark_for_missing_values(tmp_path, caplog):
    tickets = [f"{row}" for row in range(60)] + [f"CA {row}" for row in range(30)] * 2
    (tmp_path / "a.csv").write_text(
        "ticket,x,status\n" + "".join(f"{cell},{row},{'ab'[row % 2]}\n" for row, cell in enumerate(tickets))
    )
    with caplog.at_level("INFO", "jaxflow"):
        Table(str(tmp_path / "a.csv"), "status").load()
    assert "missing_also=(" not in caplog.text
