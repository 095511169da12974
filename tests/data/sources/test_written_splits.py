"""Splits that are written down, in every source that can have them: a column, a second file, a table of ids."""

from dataclasses import replace

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from jaxflow import AudioFolder, HoldOut, ImageFolder, ImageMasks, KFold, LabelledText, Table, Text, TimeSplit
from jaxflow.data.inference_inputs import read_inputs
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.errors import UserError
from tests.conftest import assert_same_splits, joined

SPLITS = ["train", "train", "Training", "val", " dev ", "TEST"]
IN_SPLITS = {"train": {0, 1, 2}, "validation": {3, 4}, "test": {5}}  # by the remainder of a row's number


def write(path, header, rows):
    separator = "\t" if path.suffix == ".tsv" else ","
    path.write_text("\n".join(separator.join(map(str, row)) for row in [header, *rows]) + "\n")
    return str(path)


def rows(count=90, seed=0):
    """A name, a number, a category, and a class that hangs on the number."""
    sizes = np.random.RandomState(seed).rand(count)
    return [(f"r{i}", f"{size:.4f}", "xyz"[i % 3], "yes" if size > 0.5 else "no") for i, size in enumerate(sizes)]


HEADER = ("who", "size", "kind", "big")


def numbers_in(dataset):
    """The number at the end of each example's name, by split."""
    ids = {name: [split.id(i) for i in range(len(split))] for name, split in dataset.splits.items()}
    return {name: [int("".join(filter(str.isdigit, id_))) for id_ in found] for name, found in ids.items()}


def assert_written(dataset, count=90):
    held = numbers_in(dataset)
    assert {name: {number % 6 for number in numbers} for name, numbers in held.items()} == IN_SPLITS
    assert sum(map(len, held.values())) == count


@pytest.fixture
def images(tmp_path):
    """Sixty images of two classes in one folder, named by a table of labels that has the splits and folds too."""
    folder, lines = tmp_path / "images", []
    folder.mkdir()
    for i in range(60):
        Image.fromarray(np.full((4, 4, 3), i, np.uint8)).save(folder / f"{i}.png")
        lines.append((f"{i}.png", "ab"[i % 2], SPLITS[i % 6], i % 3 + 8))
    write(folder / "labels.csv", ("path", "label", "use", "fold"), lines)
    return folder


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_table_with_a_column_of_splits(tmp_path, in_memory, said):
    lines = [(*row, SPLITS[i % 6]) for i, row in enumerate(rows())]
    path = write(tmp_path / "a.csv", (*HEADER, "use"), lines)
    table = Table(path, target="big", id="who", split="use", in_memory=in_memory)
    dataset = table.load()
    assert_written(dataset)
    assert list(dataset.input_encoding.features) == [
        "size",
        "kind = x",
        "kind = y",
        "kind = z",
    ]  # the split is no input
    long = Table(path, target="big", id="who", split=HoldOut(column="use"), in_memory=in_memory)
    assert_same_splits(dataset, long.load())
    assert "left out" not in said()


def test_what_is_fitted_is_fitted_to_the_written_train_split(tmp_path):
    lines = [(*row, SPLITS[i % 6]) for i, row in enumerate(rows())]
    one = Table(write(tmp_path / "a.csv", (*HEADER, "use"), lines), target="big", id="who", split="use").load()
    lines = [(who, size if use.strip()[1].lower() == "r" else 1e6, *rest, use) for who, size, *rest, use in lines]
    other = Table(write(tmp_path / "b.csv", (*HEADER, "use"), lines), target="big", id="who", split="use").load()
    assert one.input_encoding == other.input_encoding


def test_what_a_column_lacks_is_taken_out_of_train(tmp_path, said):
    lines = [(*row, "train" if i % 3 else "test") for i, row in enumerate(rows())]
    path = write(tmp_path / "a.csv", (*HEADER, "use"), lines)
    held = numbers_in(Table(path, target="big", id="who", split=HoldOut(0.2, 0.9 - 0.2, column="use")).load())
    assert {number % 3 for number in held["test"]} == {0}
    assert len(held["test"]) == 30
    keys = SplitKeys([f"r{i}" for i in range(90) if i % 3])
    expected = HoldOut(0.2, 0).split(keys)["validation"]  # of the rows that are train, as if there were no others
    assert [f"r{number}" for number in held["validation"]] == [keys.ids[index] for index in expected]
    assert "no validation, which data.split takes out of train" in said()
    assert set(Table(path, target="big", id="who", split=HoldOut(0, column="use")).load().splits) == {"train", "test"}


def test_rows_of_which_nothing_is_written_are_left_out_and_counted(tmp_path, said):
    lines = [(*row, ["train", "val", "test", ""][i % 4]) for i, row in enumerate(rows(80))]
    dataset = Table(write(tmp_path / "a.csv", (*HEADER, "use"), lines), target="big", id="who", split="use").load()
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 20, "validation": 20, "test": 20}
    assert dataset.excluded == {"in no split": 20}
    assert "says nothing of 20 examples: left out" in said()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_folds_that_are_written_down_are_tested_one_after_the_other(tmp_path, suffix):
    columns = dict(zip((*HEADER, "fold"), zip(*((*row, i % 11 + 1) for i, row in enumerate(rows(99))))))
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.table({name: list(cells) for name, cells in columns.items()}), path)
    else:
        write(path, columns, zip(*columns.values()))
    for fold in (0, 1, 10):  # fold 10 comes after fold 9, not after fold 1
        dataset = Table(str(path), target="big", id="who", split=KFold(fold, 11, column="fold")).load()
        held = {name: {n % 11 for n in numbers} for name, numbers in numbers_in(dataset).items()}
        assert (held["test"], held["validation"]) == ({fold}, {(fold + 1) % 11})
        assert held["train"] == set(range(11)) - {fold, (fold + 1) % 11}
        assert "fold" not in dataset.input_encoding.features


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_second_file_is_the_test_split(tmp_path, in_memory, said):
    first, second = rows(90), rows(40, seed=1)
    path = write(tmp_path / "adult.data", HEADER, first)
    other = write(tmp_path / "adult.test", HEADER[::-1], [row[::-1] for row in second])  # columns in another order
    table = Table(path, target="big", test=other, drop=("who",), in_memory=in_memory)
    dataset = table.load()
    assert "no validation, which data.split takes out of train" in said()
    sizes = {name: len(split) for name, split in dataset.splits.items()}
    assert sizes["test"] == 40
    assert sizes["train"] + sizes["validation"] == 90
    expected = np.array([float(size) for _, size, _, _ in second])
    encoder = dataset.input_encoding.columns[0]
    inputs = dataset.splits["test"].rows(np.arange(40))["inputs"][:, 0]
    np.testing.assert_allclose(inputs, (expected - encoder.shift) / encoder.width, rtol=1e-5)
    # The rows that are held out for validation are those of the first file alone.
    alone = Table(path, target="big", split=HoldOut(test=0), drop=("who",)).load()
    for name in ("train", "validation"):
        assert [dataset.splits[name].id(i) for i in range(sizes[name])] == [
            alone.splits[name].id(i) for i in range(len(alone.splits[name]))
        ]


def test_a_file_for_each_split(tmp_path):
    paths = [write(tmp_path / f"{i}.csv", HEADER, rows(20 + i, seed=i)) for i in range(3)]
    dataset = Table(paths[0], target="big", drop=("who",), validation=paths[1], test=paths[2]).load()
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 20, "validation": 21, "test": 22}
    mistake = [*rows(20), ("r20", "many", "x", "yes")]
    with pytest.raises(UserError, match=r"line 22 of 1.csv"):
        Table(paths[0], target="big", drop=("who",), test=write(tmp_path / "1.csv", HEADER, mistake)).load()


def test_a_changed_second_file_is_read_anew(tmp_path):
    path = write(tmp_path / "a.csv", HEADER, rows())
    other = write(tmp_path / "b.csv", HEADER, rows(20, 1))
    table = Table(path, target="big", drop=("who",), test=other, in_memory=False)
    assert len(table.load().splits["test"]) == 20
    write(tmp_path / "b.csv", HEADER, rows(30, 1))
    assert len(table.load().splits["test"]) == 30


def test_the_last_rows_of_the_first_file_validate_a_second_one(tmp_path):
    lines = [(*row, f"2024-01-{i // 3 + 1:02}") for i, row in enumerate(rows())]
    path = write(tmp_path / "a.csv", (*HEADER, "day"), lines)
    later = write(tmp_path / "b.csv", (*HEADER, "day"), [(*row, "2024-02-01") for row in rows(9, 1)])
    table = Table(path, target="big", drop=("who",), time="day", split=TimeSplit(validation="2024-01-21"), test=later)
    assert {name: len(s) for name, s in table.load().splits.items()} == {"train": 60, "validation": 30, "test": 9}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_table_of_ids_may_be_written_as_any_table(tmp_path, delimiter, encoding):
    path = write(tmp_path / "a.csv", HEADER, rows())
    lines = [f"who{delimiter}größe{delimiter}use"]
    lines += [f"r{i}{delimiter}1,5{delimiter}{SPLITS[i % 6]}" for i in range(60)]
    ids = tmp_path / "ids.csv"
    ids.write_bytes("\n".join(lines).encode(encoding))
    split = HoldOut(column="use", table=str(ids))
    assert_written(Table(path, target="big", id="who", split=split).load(), 60)


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_a_table_of_ids_says_the_splits(tmp_path, suffix, said):
    path = write(tmp_path / "a.csv", HEADER, rows())
    ids = write(
        tmp_path / f"ids.{suffix}", ("use", "who"), [(SPLITS[i % 6], f"r{i}") for i in range(60)] + [("test", "q")]
    )
    dataset = Table(path, target="big", id="who", split=HoldOut(column="use", table=ids)).load()
    assert_written(dataset, 60)
    assert dataset.excluded == {"in no split": 30}
    messages = said()
    assert "names 1 examples that the data does not have, the first 'q'" in messages
    assert f"splits by column use of {ids}, which names examples in column who" in messages


def test_images_are_split_by_a_column_of_their_table(images):
    source = ImageFolder(str(images), labels="labels.csv", size=(4, 4), split="use")
    assert_written(source.load(), 60)
    folds = ImageFolder(str(images), labels="labels.csv", size=(4, 4), split=KFold(1, 3, column="fold")).load()
    assert {name: {n % 3 for n in numbers} for name, numbers in numbers_in(folds).items()} == {
        "train": {0}, "validation": {2}, "test": {1},
    }  # fmt: skip


def test_files_are_split_by_a_table_of_their_names(images, tmp_path):
    for i in range(60):
        name = images / f"{i}.png"
        (images / "ab"[i % 2]).mkdir(exist_ok=True)
        name.rename(images / "ab"[i % 2] / name.name)
    table = write(tmp_path / "esc50.csv", ("filename", "fold"), [(f"{i}.png", SPLITS[i % 6]) for i in range(60)])
    assert_written(ImageFolder(str(images), size=(4, 4), split=HoldOut(column="fold", table=table)).load(), 60)
    paths = write(tmp_path / "paths.csv", ("path", "fold"), [(f"{'ab'[i % 2]}/{i}.png", i % 4) for i in range(60)])
    dataset = ImageFolder(str(images), size=(4, 4), split=KFold(2, 4, column="fold", table=paths)).load()
    assert {n % 4 for n in numbers_in(dataset)["test"]} == {2}


def test_masks_and_sounds_are_split_by_a_table_of_their_names(tmp_path):
    for side in ("images", "masks"):
        (tmp_path / "scenes" / side).mkdir(parents=True)
        for i in range(12):
            Image.fromarray(np.eye(4, dtype=np.uint8) * (i % 3)).save(tmp_path / "scenes" / side / f"{i}.png")
    table = write(tmp_path / "t.csv", ("name", "part"), [(f"{i}.png", SPLITS[i % 6]) for i in range(12)])
    split = HoldOut(column="part", table=table)
    assert_written(ImageMasks(str(tmp_path / "scenes"), size=(4, 4), split=split).load(), 12)
    soundfile = pytest.importorskip("soundfile")
    (tmp_path / "clips").mkdir()
    for i in range(12):
        soundfile.write(tmp_path / "clips" / f"{'ab'[i % 2]}_{i}.wav", np.full(80, i / 12), 8000)
    table = write(tmp_path / "t.csv", ("name", "part"), [(f"{'ab'[i % 2]}_{i}.wav", SPLITS[i % 6]) for i in range(12)])
    assert_written(AudioFolder(str(tmp_path / "clips"), sample_rate=8000, seconds=0.01, split=split).load(), 12)


@pytest.mark.parametrize("in_memory", [True, False])
def test_texts_are_split_by_a_column_and_by_files(tmp_path, in_memory):
    lines = [(f"text number {i}", "ab"[i % 2], SPLITS[i % 6]) for i in range(60)]
    path = write(tmp_path / "a.csv", ("text", "label", "use"), lines)
    whole = LabelledText(path, length=16, split="use", in_memory=in_memory).load()
    assert {name: len(split) for name, split in whole.splits.items()} == {"train": 30, "validation": 20, "test": 10}
    parts = {name: [line for i, line in enumerate(lines) if i % 6 in held] for name, held in IN_SPLITS.items()}
    files = {name: write(tmp_path / f"{name}.csv", ("text", "label", "use"), part) for name, part in parts.items()}
    source = LabelledText(files.pop("train"), length=16, in_memory=in_memory, **files).load()
    for name, split in whole.splits.items():
        other = source.splits[name]
        names = {split.id(i): i for i in range(len(split))}
        order = np.array([names[other.id(i)] for i in range(len(other))])
        everything = np.arange(len(other))
        np.testing.assert_array_equal(other.rows(everything)["inputs"], split.rows(order)["inputs"])
        np.testing.assert_array_equal(other.targets, split.targets[order])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"split": "kind"},
            r"holds x, y, z, .*if these are folds, write split=KFold\(folds=3, column='kind'",
        ),
        ({"split": "uses"}, "data.split names 'uses', but the table has the columns who, size, kind, big"),
        ({"split": KFold(column="kind")}, r"has 3 folds \(x, y, z\), and split.folds is 5; write KFold\(folds=3"),
        ({"split": HoldOut(column="a", table="nowhere.csv")}, "split.table nowhere.csv cannot be read"),
        ({"split": HoldOut(column="size", table="a.csv")}, "names none of the 90 examples"),
        ({"split": HoldOut(column="sizes", table="a.csv")}, r"there is no column 'sizes' \(data\.split\.column\)"),
        ({"split": HoldOut(column="kind", table="twice.csv")}, "line 3: 'r1' is test, and train above"),
        ({"test": "nowhere.csv"}, "no table at nowhere.csv"),
        (
            {"test": "less.csv"},
            "less.csv has no big to compare with, .*leave data.test out, .*predict --input less.csv",
        ),
        ({"test": "empty.csv"}, "empty.csv has no big to compare with, .*leave data.test out, .*predict --input"),
        ({"test": "short.csv"}, "short.csv lacks size, unlike a.csv; the files of splits have the same columns"),
        ({"test": "more.csv"}, "more.csv has more besides, unlike a.csv"),
        ({"test": "b.csv", "split": KFold()}, "data.test and data.validation name the splits"),
        ({"test": "b.csv", "split": "kind"}, "data.test and data.validation name the splits"),
    ],
)
def test_what_is_written_amiss_is_one_line(tmp_path, monkeypatch, fields, message):
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name, HEADER, rows())
    write(tmp_path / "less.csv", HEADER[:-1], [row[:-1] for row in rows()])
    write(tmp_path / "empty.csv", HEADER, [(*row[:-1], "") for row in rows()])
    write(tmp_path / "short.csv", ("who", "kind", "big"), [(row[0], *row[2:]) for row in rows()])
    write(tmp_path / "more.csv", (*HEADER, "more"), [(*row, 1) for row in rows()])
    write(tmp_path / "twice.csv", ("id", "kind"), [("r1", "train"), ("r1", "test")])
    with pytest.raises(UserError, match=message):
        Table("a.csv", target="big", **fields).load()


@pytest.mark.parametrize("names", [("train", "valid", "test"), ("Train", "test"), ("1", "2", "dev")])
@pytest.mark.parametrize("apart", [False, True])
def test_names_of_splits_are_no_folds(tmp_path, monkeypatch, names, apart):
    monkeypatch.chdir(tmp_path)
    part = [names[i % len(names)] for i in range(90)]
    write(tmp_path / "a.csv", (*HEADER, "part"), [(*row, name) for row, name in zip(rows(), part)])
    write(tmp_path / "ids.csv", ("id", "part"), [(row[0], name) for row, name in zip(rows(), part)])
    table = "ids.csv" if apart else None
    for folds in (len(names), 5):
        rule = KFold(folds=folds, column="part", table=table, validation=folds > 2)
        said = mistake(Table("a.csv", target="big", id="who", split=rule))
        assert "names of splits" in said
        assert said.endswith(f"write split=HoldOut(column='part'{f', table={table!r}' if apart else ''})")
        assert "write KFold" not in said


def test_a_class_without_training_examples_is_put_down_to_the_split_at_hand(tmp_path):
    lines = [(*row[:3], "rare" if i % 6 == 5 else "often", SPLITS[i % 6]) for i, row in enumerate(rows())]
    path = write(tmp_path / "a.csv", (*HEADER, "use"), lines)
    with pytest.raises(UserError, match="none in the train split; put some of it into train, as column use of"):
        Table(path, target="big", id="who", split="use").load()
    lines = [(*row[:3], "rare" if i == 0 else "often") for i, row in enumerate(rows())]
    path = write(tmp_path / "a.csv", HEADER, lines)
    for split, advice in ((HoldOut(0, 0.95), "HoldOut"), (KFold(folds=2, validation=False), "KFold")):
        wrong = [mistake(Table(path, target="big", id="who", split=replace(split, seed=seed))) for seed in range(9)]
        assert any(f"stratify: split={advice}(stratify=True)" in text for text in wrong)


def mistake(source):
    """What loading raises; the empty text where all is well."""
    try:
        source.load()
    except UserError as error:
        return str(error)
    return ""


def test_folders_of_splits_do_not_take_other_splits(images):
    with pytest.raises(UserError, match=r"data.split names 'nothing', but labels.csv has no such column"):
        ImageFolder(str(images), labels="labels.csv", split="nothing").load()
    for i in range(60):
        (images / "ab"[i % 2]).mkdir(exist_ok=True)
        (images / f"{i}.png").rename(images / "ab"[i % 2] / f"{i}.png")
    with pytest.raises(UserError, match=r"has no table; name the one that has it: split.table"):
        ImageFolder(str(images), split="use").load()


ADULT = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship", "race",
    "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
)  # fmt: skip


def adult_rows(count, end, seed):
    """Rows as the official files have them: a space after each comma, ? where a cell is missing."""
    random = np.random.RandomState(seed)
    for _ in range(count):
        age, sector = random.randint(17, 91), random.choice(["Private", "State-gov", "?"])
        cells = [age, sector, random.randint(10**6), "HS-grad", 9, random.choice(["Divorced", "Separated"]), "Sales"]
        cells += ["Not-in-family", "White", random.choice(["Male", "Female"]), 0, 0, random.randint(1, 99)]
        yield ", ".join(map(str, [*cells, "United-States", (">50K" if age > 50 else "<=50K") + end]))


@pytest.mark.parametrize("in_memory", [True, False])
def test_adult_is_read_from_its_official_files(tmp_path, in_memory):
    (tmp_path / "adult.data").write_text("\n".join([*adult_rows(200, "", 0), ""]))
    (tmp_path / "adult.test").write_text("\n".join(["|1x3 Cross validator", *adult_rows(90, ".", 1), ""]))
    source = Table(
        str(tmp_path / "adult.data"),
        target="income",
        test=str(tmp_path / "adult.test"),
        names=ADULT,
        in_memory=in_memory,
    )
    dataset = source.load()
    assert dataset.schema.target.names == ("<=50K", ">50K")
    assert {name: len(split) for name, split in dataset.splits.items() if name == "test"} == {"test": 90}
    assert sum(map(len, dataset.splits.values())) == 290
    ages = [int(row.split(",")[0]) for row in adult_rows(90, ".", 1)]
    np.testing.assert_array_equal(dataset.splits["test"].targets, np.array(ages) > 50)
    inputs, _ = joined(read_inputs(tmp_path / "adult.test", dataset.schema.inputs, dataset.input_encoding))
    np.testing.assert_array_equal(inputs, dataset.splits["test"].rows(np.arange(90))["inputs"])  # predict = evaluate


@pytest.mark.parametrize("layout", ["{split}.txt", "{split}/{number}.txt"])
def test_texts_of_a_language_model_stay_in_their_splits(tmp_path, layout, said):
    for split in ("train", "valid", "test"):
        for number in range(3):
            path = tmp_path / "wiki" / layout.format(split=split, number=number)
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(f"{split} " * 40)
    dataset = Text(str(tmp_path / "wiki"), length=8).load()
    assert "splits by the names of folders or files" in said()
    for name, part in (("train", "train"), ("validation", "valid"), ("test", "test")):
        ids = [dataset.splits[name].id(i) for i in range(len(dataset.splits[name]))]
        assert all(id_.startswith(part) for id_ in ids)
    assert set("".join(dataset.input_encoding.tokenizer.vocabulary)) >= set("train ")
    assert "v" not in dataset.input_encoding.tokenizer.vocabulary  # which no training text has
    for number in range(9):  # a name that means nothing: all of them are split by name, as ever
        (tmp_path / "wiki" / f"page {number}.txt").write_text("page " * 40)
    Text(str(tmp_path / "wiki"), length=8, split=HoldOut(0.3, 0.3)).load()
    assert "splits by the names" not in said()


def test_texts_of_a_language_model_are_split_by_a_table_of_their_names(tmp_path):
    (tmp_path / "plays").mkdir()
    for i in range(12):
        (tmp_path / "plays" / f"{i}.txt").write_text(f"play {i} " * 20)
    table = write(tmp_path / "t.csv", ("file", "part"), [(f"{i}.txt", SPLITS[i % 6]) for i in range(9)])
    for _ in range(2):  # the second time from the cache
        dataset = Text(str(tmp_path / "plays"), length=8, split=HoldOut(column="part", table=table)).load()
        held = {
            name: {split.id(i).partition(".")[0] for i in range(len(split))} for name, split in dataset.splits.items()
        }
        assert held == {"train": {"0", "1", "2", "6", "7", "8"}, "validation": {"3", "4"}, "test": {"5"}}
        assert dataset.excluded == {"texts in no split": 3}


def test_a_text_is_divided_by_characters(tmp_path):
    (tmp_path / "a.txt").write_text("0123456789" * 100)
    dataset = Text(str(tmp_path / "a.txt"), length=9, split=TimeSplit(train=500, validation=200, test=100)).load()
    sizes = {name: sum(len(row[row >= 0]) + 1 for row in split.targets) for name, split in dataset.splits.items()}
    assert {name: abs(size - {"train": 500, "validation": 200, "test": 100}[name]) < 60 for name, size in sizes.items()}
    assert dataset.excluded == {"characters in no split": 200}
    with pytest.raises(UserError, match="hold out fractions or characters of it"):
        Text(str(tmp_path / "a.txt"), split=TimeSplit("2020")).load()


def test_one_file_is_not_two_splits(tmp_path):
    path = str(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("text,label,x\n" + "".join(f"t{i},{'ab'[i % 2]},{i}\n" for i in range(40)))
    (tmp_path / "again.csv").symlink_to(path)
    for source in (
        Table(path, target="label", test=path),
        Table(path, target="label", validation=str(tmp_path / "again.csv")),
        LabelledText(path, length=4, test=path),
    ):
        with pytest.raises(UserError, match=r"is the file of the train split and of the (test|validation) split"):
            source.load()


def test_copies_across_splits_that_are_written_down_are_said(tmp_path, images, said):
    lines = [row[1:] for row in rows()]
    first = write(tmp_path / "a.csv", HEADER[1:], lines)
    other = write(tmp_path / "b.csv", HEADER[1:], [*lines[:7], *([f"{9 + i}.5", "x", "yes"] for i in range(20))])
    copies = "7 examples of the test split of the table's files are in train too"
    Table(first, target="big", test=other, split=HoldOut(validation=0)).load()
    assert copies in said()
    whole = [(*row, SPLITS[i % 6]) for i, row in enumerate(lines)]
    whole += [(*row, "test") for i, row in enumerate(lines) if SPLITS[i % 6] == "train"][:4]
    Table(write(tmp_path / "c.csv", (*HEADER[1:], "use"), whole), target="big", split="use").load()
    assert "4 examples of the test split of column use of the table are in train too" in said()
    held = [i for i in range(60) if SPLITS[i % 6] in ("test", "val")][:2]
    for i in held:
        (images / f"{i}.png").write_bytes((images / "0.png").read_bytes())
    source = ImageFolder(str(images), labels="labels.csv", size=(4, 4), split="use")
    source.load()
    told = [line for line in said().splitlines() if "are in train too" in line]
    assert len(told) == len({SPLITS[i % 6] for i in held})
    ImageFolder(str(images), labels="labels.csv", size=(4, 4)).load()  # of one split, which nothing is written of
    assert "in train too" not in said()


def test_evaluation_beside_testing_is_validation():
    def split(*written):
        keys = SplitKeys(list("abc"), written=written, written_in="column c")
        return {name: rows.tolist() for name, rows in HoldOut(0, 0).split(keys).items() if len(rows)}

    assert split("training", "evaluation", "testing") == {"train": [0], "validation": [1], "test": [2]}
    assert split("training", "dev", "evaluation") == {"train": [0], "validation": [1], "test": [2]}


@pytest.mark.parametrize("names", [("train", "dev", "eval", "test"), ("train", "Evaluation", "testing", "Valid")])
def test_evaluation_beside_validation_and_test_is_asked_about(names, tmp_path):
    keys = SplitKeys(list("abcd"), written=names, written_in="column c")
    with pytest.raises(UserError, match=r"names in column c say (dev, eval|valid, evaluation) and test: .* may be"):
        HoldOut(0, 0).split(keys)
    for name in names:
        (tmp_path / f"{name}.txt").write_text("words " * 20)
    with pytest.raises(UserError, match="may be validation or test"):
        Text(str(tmp_path), length=4).load()
