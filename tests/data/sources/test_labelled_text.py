"""Texts with classes from tables and folders."""

import json

import numpy as np
import pytest

import jaxflow
from jaxflow import HoldOut, KFold, LabelledText, UserError
from jaxflow.data.texts.encode import encode_texts
from jaxflow.data.texts.tokenizers import END
from jaxflow.serialization import from_json, to_json
from tests.conftest import joined

WORDS = {"good": ("fine", "great", "lovely"), "bad": ("awful", "poor", "dire")}


def examples(count=40):
    """Texts of a few words, of one class or the other; all differ."""
    generator = np.random.RandomState(0)
    labels = [list(WORDS)[i % 2] for i in range(count)]
    return [(" ".join(generator.choice(WORDS[label], 1 + i % 4)) + f", {i}", label) for i, label in enumerate(labels)]


def write(folder, source, rows):
    if source == "folder":
        for number, (text, label) in enumerate(rows):
            path = folder / "texts" / label / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(folder / "texts")
    path = folder / f"rows.{source}"
    if source == "jsonl":
        path.write_text("".join(json.dumps({"label": label, "text": text}) + "\n" for text, label in rows))
    else:
        path.write_text("".join("\t".join(row) + "\n" for row in [("text", "label"), *rows]))
    return str(path)


def contents(dataset):
    """Lists the text and class of every example, by split."""
    names = dataset.schema.target.names
    return {
        name: {
            (dataset.input_encoding.tokenizer.decode(row), names[t])
            for row, t in zip(split.inputs.tolist(), split.targets)
        }
        for name, split in dataset.splits.items()
    }


@pytest.mark.parametrize("source", ["folder", "tsv", "jsonl"])
def test_texts_and_classes_are_those_on_disk(source, tmp_path):
    dataset = LabelledText(write(tmp_path, source, examples()), length=40, tokens=jaxflow.Bytes()).load()
    assert set().union(*contents(dataset).values()) == set(examples())
    assert dataset.schema.target.names == ("bad", "good")
    assert dataset.schema.inputs.vocab_size == 257
    assert dataset.schema.inputs.dtype == "int16"
    for split in dataset.splits.values():
        padding = split.inputs == END
        assert (np.diff(padding.astype(int), axis=1) >= 0).all()  # at the end alone
    short = LabelledText(write(tmp_path, source, examples()), length=4, tokens=jaxflow.Bytes()).load()
    for name, split in short.splits.items():
        np.testing.assert_array_equal(split.inputs, dataset.splits[name].inputs[:, :4])


def test_official_splits_of_a_folder_are_kept(tmp_path):
    for number, (text, label) in enumerate(examples()):
        path = tmp_path / ("train" if number % 4 else "test") / label / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = contents(LabelledText(str(tmp_path), length=40, tokens=jaxflow.Bytes()).load())
    assert found["test"] == {example for number, example in enumerate(examples()) if number % 4 == 0}
    assert found["validation"]


@pytest.mark.parametrize("tokens", [jaxflow.Characters(), jaxflow.BPE(270)], ids=["characters", "bpe"])
def test_the_tokenizer_knows_the_training_split_alone(tokens, tmp_path):
    rows = [(text + chr(0x400 + i) * 3, label) for i, (text, label) in enumerate(examples())]
    path = write(tmp_path, "jsonl", rows)
    train = {text for text, _ in contents(LabelledText(path, length=80, tokens=jaxflow.Bytes()).load())["train"]}
    fitted = LabelledText(path, length=80, tokens=tokens).load().input_encoding.tokenizer
    assert fitted == tokens.fit(text for text, _ in rows if text in train)
    assert fitted != tokens.fit(text for text, _ in rows)


def test_equal_texts_are_of_one_split(tmp_path):
    dataset = LabelledText(write(tmp_path, "jsonl", examples(30) * 3), length=40, tokens=jaxflow.Bytes()).load()
    assert sum(map(len, dataset.splits.values())) == 90
    found = contents(dataset)
    assert not found["train"] & (found["validation"] | found["test"])


def test_what_has_no_text_or_no_class_is_left_out_and_counted(tmp_path):
    rows = [*examples(), ("", "good"), (" ", "bad"), ("text", ""), ("", "")]
    dataset = LabelledText(write(tmp_path, "jsonl", rows), length=40).load()
    assert dataset.excluded == {"empty texts": 3, "no class": 1}
    assert sum(map(len, dataset.splits.values())) == 40


@pytest.mark.parametrize("source", ["folder", "jsonl", "tsv", "txt"])
def test_new_texts_become_the_same_tokens(source, tmp_path):
    dataset = LabelledText(write(tmp_path, "jsonl", examples()), length=40).load()
    encoding, feature = dataset.input_encoding, dataset.schema.inputs
    texts = [text for text, _ in examples()[:5]]
    (tmp_path / "new").mkdir()
    if source == "txt":
        path = tmp_path / "new" / "a.txt"
        path.write_text("\n".join(texts))
    else:
        path = tmp_path / "new" / write(tmp_path / "new", source, [(text, "good") for text in texts])
    inputs, names = joined(encode_texts(from_json(json.loads(json.dumps(to_json(encoding)))), path, feature, rows=2))
    assert [encoding.tokenizer.decode(row) for row in inputs.tolist()] == texts
    assert (inputs.shape, inputs.dtype) == ((5, 40), feature.dtype)
    first = 2 if source == "tsv" else 1  # the line of the names
    assert names == [f"good/{i}.txt" if source == "folder" else f"line {i + first}" for i in range(5)]


@pytest.mark.parametrize("other", [{"tokens": jaxflow.Bytes()}, {"length": 8}, {"split": HoldOut(0.3)},
                                   {"text": "other"}, {"label": "half"}])  # fmt: skip
def test_no_field_is_dead(other, tmp_path):
    rows = [
        {"text": text, "label": label, "other": text[::-1], "half": "ab"[i // 20]}
        for i, (text, label) in enumerate(examples())
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def held(**fields):
        dataset = LabelledText(str(tmp_path / "a.jsonl"), **{"length": 40} | fields).load()
        return dataset.schema.target.names, [split.inputs.tolist() for split in dataset.splits.values()]

    assert held(**other) != held()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text,label\n" + "x,a\ny,a\n" * 9, r"all 18 texts of .*a\.csv are of one class, 'a'"),
        ("a.csv", "text,label\n,a\n", r"a\.csv holds no text with a class"),
        (
            "a.csv",
            "text,kind\nx,a\n",
            r"line 1, .*: there is no column 'label' \(data\.label\); it has text, kind; .*--data\.label=NAME$",
        ),
        ("a.csv", "text,label\nx,a,b\n", "line 2: there are 3 cells in 2 columns"),
        ("a.jsonl", '{"text": "x"}\n', r"line 1: there is no column 'label' \(data\.label\); it has text"),
        (
            "a.csv",
            "Stars,Reviews,Text_body\n5,x,y\n",
            r"no column 'text' \(data\.text\) and no 'label' \(data\.label\); it has Text_body, Stars, Reviews; "
            r"perhaps you meant 'Text_body'; name what is meant: --data\.text=NAME --data\.label=NAME$",
        ),
        ("a.csv", "text,text,label\nx,y,a\n", "there are 2 columns named 'text'; rename all but one of them"),
        ("a.csv", None, r"no texts at .*a\.csv; data\.path takes a folder of \.txt files, or \.csv"),
        ("nothing", None, r"no texts at .*nothing; data\.path takes"),
        ("a.txt", "x", r"a\.txt is no table of texts; data\.path takes \.csv, \.tsv, \.jsonl, or a folder"),
        ("a.csv", "text,label\n" + "".join(f"x{i},a\n" for i in range(30)) + "y,b\n", r"class 'b' of|test split"),
    ],
)
def test_texts_that_make_no_dataset_are_refused(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        LabelledText(str(tmp_path / name), split=HoldOut(0.3, 0.6)).load()
    with pytest.raises(UserError, match=r"LabelledText\.length is 0"):
        LabelledText(str(tmp_path / name), length=0)
    for settings in ({"label": "text"}, {"split": "text"}, {"split": KFold(column="label")}):
        with pytest.raises(UserError, match=r"data\.text, data\.label and data\.split name one column twice"):
            LabelledText(str(tmp_path / name), **settings)


def test_only_ends_of_lines_part_texts_to_be_predicted(tmp_path):
    dataset = LabelledText(write(tmp_path, "tsv", examples()), length=9, split=HoldOut(0, 0)).load()
    (tmp_path / "new.txt").write_bytes("fine\x0cgreat\r\npoor\u2028dire\nlovely\n".encode())
    inputs, ids = joined(encode_texts(dataset.input_encoding, tmp_path / "new.txt", dataset.schema.inputs, rows=2))
    assert ids == ["line 1", "line 2", "line 3"]
    assert dataset.input_encoding.tokenizer.decode(inputs[2]) == "lovely"


def test_labels_that_say_nothing_are_no_classes(tmp_path):
    labels = ["nan", "NA", "N/A", "None", "pos", "neg"]
    rows = [f"film {i},{labels[i % 6]}" for i in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    dataset = LabelledText(str(tmp_path / "a.csv"), length=8, split=HoldOut(0, 0)).load()
    assert dataset.schema.target.names == ("neg", "pos")
    assert dataset.excluded == {f"no class: {label!r}": 10 for label in labels[:4]}


@pytest.mark.parametrize("source", ["folder", "tsv"])
def test_texts_have_no_times_to_be_split_by(tmp_path, source):
    path = write(tmp_path, source, examples())
    with pytest.raises(UserError, match=r"split TimeSplit needs times: .* other data is split by HoldOut\(\) or KFold"):
        LabelledText(path, split=jaxflow.TimeSplit()).load()


def test_a_class_of_the_written_train_split_alone_is_said(tmp_path, said):
    for folder in ("train/pos", "train/neg", "train/unsup", "test/pos", "test/neg"):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(4):
            (tmp_path / folder / f"{number}.txt").write_text(f"{folder} {number}")
    LabelledText(str(tmp_path), length=4, split=HoldOut(0.0)).load()
    assert "train alone has 1 of the 3 classes (unsup), which nothing measures then" in said()
    LabelledText(str(tmp_path / "train"), length=4, split=HoldOut(0.3, 0.3)).load()
    assert "train alone" not in said()


@pytest.mark.parametrize("cell", ["{}.5 kg", "{}.5", "{}"])
def test_labels_that_are_numbers_of_their_own_are_no_classes(cell, tmp_path):
    path = write(tmp_path, "tsv", [(f"text {i}", cell.format(i)) for i in range(40)])
    with pytest.raises(UserError, match=r"label of .* 40 different texts such as .*numbers; name a column"):
        LabelledText(path, length=4).load()


def test_a_mark_among_classes_of_numbers_is_said(tmp_path, said):
    path = write(tmp_path, "tsv", [(f"text {i}", ("1", "2", ".")[i % 3]) for i in range(60)])
    assert LabelledText(path, length=4).load().schema.target.names == (".", "1", "2")
    assert "is read as 3 classes, which are numbers but for '.'" in said()
    path = write(tmp_path, "tsv", [(f"text {i}", ("1a", "2a", "12", "x")[i % 4]) for i in range(60)])
    LabelledText(path, length=4).load()
    assert "numbers but for" not in said()
