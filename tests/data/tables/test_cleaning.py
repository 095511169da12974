import hashlib
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from scipy import stats

from jaxflow import Category, HoldOut, Table
from jaxflow.data.profiling.describe import describe
from jaxflow.data.profiling.sample import take_sample
from jaxflow.data.tables.cleaning import Outliers, filter_rows
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.data.tables.split_keys import keys_from_cells
from jaxflow.errors import UserError

HEADER = ["who", "size", "weight", "colour", "big"]


def rows(count=200):
    random = np.random.RandomState(0)
    sizes, weights = random.randn(2, count).round(2)
    return [[f"p{i}", sizes[i], weights[i], "red" if i % 3 else "blue", int(sizes[i] > 0)] for i in range(count)]


def write(path, lines):
    path.write_text("\n".join(",".join(map(str, line)) for line in [HEADER, *lines]) + "\n")
    return str(path)


def table(path, lines, **settings):
    return Table(write(path / "toy.csv", lines), target="big", id="who", **settings)


def ids(dataset):
    return {name: set(split.ids) for name, split in dataset.splits.items()}


def test_the_quartile_rule_is_tukeys():
    values = np.append(np.random.RandomState(0).randn(500), [9.0, -9.0, np.nan])
    parts = {"train": np.arange(503)}
    for beyond in (1.5, 3.0):
        kept, excluded = Outliers(threshold=beyond).drop({"x": values}, parts)
        low, high = np.nanquantile(values, (0.25, 0.75))
        inside = ~((values < low - beyond * stats.iqr(values[:-1])) | (values > high + beyond * stats.iqr(values[:-1])))
        np.testing.assert_array_equal(kept["train"], np.flatnonzero(inside))
        assert excluded == {"outlier in x": 503 - len(kept["train"])}
        assert 502 in kept["train"]  # a missing number is no outlier


def test_the_quantile_rule_takes_its_share_at_either_end():
    kept, excluded = Outliers("quantile", 0.1).drop({"x": np.arange(101.0)}, {"train": np.arange(101)})
    np.testing.assert_array_equal(kept["train"], np.arange(10, 91))
    assert excluded == {"outlier in x": 20}


def test_a_column_that_is_mostly_one_number_has_no_quartiles_to_lie_beyond():
    fares = np.append(np.zeros(90), np.arange(10.0))
    assert Outliers().drop({"x": fares}, {"train": np.arange(100)})[1] == {}


def test_validation_and_test_keep_their_odd_rows_and_decide_nothing(tmp_path):
    lines = rows()
    plain = ids(table(tmp_path, lines).load())
    odd = {name: sorted(names)[0] for name, names in plain.items()}
    lines = [[line[0], 1e6 if line[0] in odd.values() else line[1], *line[2:]] for line in lines]
    before = table(tmp_path, lines, outliers=Outliers(threshold=4.0)).load()
    assert before.excluded == {"outlier in size": 1}
    assert ids(before) == plain | {"train": plain["train"] - {odd["train"]}}
    assert before.splits["train"].inputs[:, 0].max() < 5  # scaled without it
    assert before.splits["test"].inputs[:, 0].max() > 1e5
    both = table(tmp_path, lines, outliers=Outliers(threshold=4.0, held_out=True)).load()
    assert both.excluded == {"outlier in size": 3}
    assert ids(both) == {name: names - {odd[name]} for name, names in plain.items()}
    # However far out the held-out rows lie, the same training rows go.
    held_out = plain["validation"] | plain["test"]
    lines = [[line[0], 1e9 if line[0] in held_out else line[1], *line[2:]] for line in lines]
    after = table(tmp_path, lines, outliers=Outliers(threshold=4.0)).load()
    assert ids(after) == ids(before)
    assert after.input_encoding == before.input_encoding


def test_only_the_columns_that_are_named_are_looked_at(tmp_path):
    lines = rows()
    one, other = sorted(ids(table(tmp_path, lines).load())["train"])[:2]
    for line in lines:
        line[1] = -1e6 if line[0] == one else line[1]
        line[2] = 1e6 if line[0] in (one, other) else line[2]
    assert table(tmp_path, lines, outliers=Outliers(threshold=4.0)).load().excluded == {
        "outlier in size": 1,
        "outlier in weight": 1,
    }
    named = table(tmp_path, lines, outliers=Outliers(threshold=4.0, columns=("weight",))).load()
    assert named.excluded == {"outlier in weight": 2}
    # The target may be named, where it is a number.
    priced = Table(str(tmp_path / "toy.csv"), "weight", id="who", outliers=Outliers(threshold=4.0, columns=("weight",)))
    assert priced.load().splits["train"].targets.max() < 10


def test_rows_go_by_the_first_reason_and_are_counted_once(tmp_path):
    lines = rows()
    lines[0][4] = ""  # no target
    lines[1][3] = ""  # no colour
    lines[2][3] = lines[2][4] = ""  # neither
    lines[3][1] = lines[3][2] = ""  # two of three columns
    lines[4][1] = ""  # one of three: filled in
    lines[5:7] = [["a", *lines[6][1:]], ["b", *lines[6][1:]]]  # equal but for their names
    path = Path(write(tmp_path / "toy.csv", lines))
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    cleaned = table(tmp_path, lines, required=("colour",), max_missing_fraction=0.5, duplicates="drop").load()
    assert cleaned.excluded == {
        "no big": 2,
        "no colour": 1,
        "more than 50% of the columns missing": 1,
        "equal to an earlier row": 1,
    }
    everyone = set.union(*ids(cleaned).values())
    assert everyone == {line[0] for line in lines} - {"p0", "p1", "p2", "p3", "b"}
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert table(tmp_path, lines).load().excluded == {"no big": 2}


def test_what_is_left_out_is_said_once_and_described(tmp_path, said):
    lines = rows()
    lines[0][1] = ""
    dataset = table(tmp_path, lines, required=("size",)).load()
    assert said().count("1 left out: no size") == 1
    samples = {name: take_sample(split) for name, split in dataset.splits.items()}
    assert describe(dataset, samples)["excluded"] == {"no size": 1}


def test_share_of_missing_columns_against_counting():
    random = np.random.RandomState(3)
    raw = {name: np.where(random.rand(300) < 0.4, None, "x") for name in "abcde"}
    for most in (0.0, 0.2, 0.5, 1.0):
        table = RawTable(pyarrow.table({name: pyarrow.array(raw[name], pyarrow.string()) for name in raw}))
        kept, excluded = filter_rows(table, (), "abcde", most, "keep", ())
        counts = sum((raw[name] == None).astype(int) for name in "abcde")  # noqa: E711
        np.testing.assert_array_equal(kept, np.flatnonzero(counts <= 5 * most))
        assert sum(excluded.values()) == 300 - len(kept)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Outliers("sigma"), "outliers.method is 'sigma'; it must be one of iqr, quantile"),
        (lambda: Outliers(threshold=0), "Outliers.threshold is 0; it must be more than 0"),
        (lambda: Outliers("quantile"), r"outliers.threshold is 3.0; with quantile it must lie between 0 and 0\.5"),
        (lambda: Table("a.csv", "b", max_missing_fraction=2), "Table.max_missing_fraction is 2; it must be in"),
        (lambda: Table("a.csv", "b", duplicates="remove"), "data.duplicates is 'remove'"),
        (
            lambda: Category("x", impute="median"),
            "impute of column x is 'median'; it must be one of as_category, mode, constant",
        ),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"required": ("shape",)}, "data.required names 'shape', but .* has the columns who, size"),
        ({"outliers": Outliers(columns=("shape",))}, "data.outliers.columns names 'shape'"),
        ({"outliers": Outliers(columns=("colour",))}, "column colour holds numbers, but '(red|blue)' in line 2"),
        ({"outliers": Outliers(), "drop": ("size", "weight")}, "data.outliers looks at numbers, and no column holds"),
        ({"outliers": Outliers("quantile", 0.4999)}, "every training row has an outlier"),
        ({"columns": (Category("big"),)}, "data.columns names big, the target; it cannot be an input too"),
    ],
)
def test_cleaning_that_does_not_fit_the_table_is_one_line(settings, message, tmp_path):
    with pytest.raises(UserError, match=message):
        table(tmp_path, rows(), **settings).load()


def test_a_table_of_which_nothing_is_left_is_one_line(tmp_path):
    lines = [[line[0], "", *line[2:]] for line in rows(30)]
    with pytest.raises(UserError, match=r"no row of .* is left \(30 no size\); ask less of them"):
        table(tmp_path, lines, required=("size",)).load()


def test_outliers_may_not_take_a_class_away(tmp_path):
    lines = rows()
    last = sorted(ids(table(tmp_path, lines, split=HoldOut(0.1, 0.3)).load())["train"])[0]
    held = sorted(ids(table(tmp_path, lines, split=HoldOut(0.1, 0.3)).load())["test"])[0]
    lines = [[*line[:1], 1e6, *line[2:4], 2] if line[0] == last else line for line in lines]
    lines = [[*line[:4], 2] if line[0] == held else line for line in lines]
    with pytest.raises(UserError, match=r"class '2' of target .* and none in the train split"):
        table(tmp_path, lines, split=HoldOut(0.1, 0.3), outliers=Outliers()).load()


def test_equal_rows_are_equal_in_any_spelling():
    def keys(*cells):
        return keys_from_cells(RawTable(pyarrow.table({"x": list(cells), "y": ["k"] * len(cells)})))

    for spellings in (["3", "3.0", " 3 ", "+3", "3."], ["True", "TRUE", "true"], ["0.5", ".50"], ["a", "a\u00a0"]):
        assert len(set(keys(*spellings))) == 1
    assert len(set(keys("7", "007", "7.5", "T"))) == 4
    # One spelling of each value keeps its digest, so that splits do not move.
    for cell in ("3.0", " 3", "TRUE", "good."):
        assert keys(cell, "other")[0] == hashlib.sha256(f"{cell!r}\x1f'k'".encode()).hexdigest()[:16]


def test_equal_rows_are_dropped_across_the_splits_of_a_column(tmp_path):
    lines = [[*line[1:], ["train", "test"][i % 2]] for i, line in enumerate(rows())]
    lines += [[*line[:-1], "test"] for line in lines[:10:2]]
    text = [",".join(map(str, line)) for line in [[*HEADER[1:], "part"], *lines]]
    (tmp_path / "a.csv").write_text("\n".join(text) + "\n")
    dataset = Table(str(tmp_path / "a.csv"), "big", split="part", duplicates="drop").load()
    assert dataset.excluded["equal to an earlier row"] == 5
