"""Texts cut into windows: every token is predicted once, none leaks, and where they lie changes nothing."""

import json
from pathlib import Path

import numpy as np
import pytest

import jaxflow
from jaxflow import HoldOut, KFold, Text, TimeSplit, UserError
from jaxflow.data.profiling.describe import class_counts
from jaxflow.data.texts import read
from jaxflow.data.texts.tokenizers import END, UNKNOWN
from jaxflow.data.texts.windows import WindowSplit
from jaxflow.schema import IGNORE
from tests.conftest import ROOT, assert_same_splits, sent_to_a_worker

SHAKESPEARE = ROOT.parent / "shared" / "data" / "tinyshakespeare.txt"
LETTERS = "".join(np.random.RandomState(0).choice(list("abcd efgh\n"), 1000))
SOURCES = ["file", "folder", "csv", "jsonl"]


@pytest.fixture
def make(tmp_path):
    """Writes the same 40 documents, or the first of them, in every layout."""

    def make(source, texts=None):
        texts = [LETTERS[i * 25 : i * 25 + 3 + i % 20] + str(i) for i in range(40)] if texts is None else texts
        if source == "file":
            path = tmp_path / "one.txt"
            path.write_text("".join(texts))
        elif source == "folder":
            path = tmp_path / "many"
            for number, text in enumerate(texts):
                (path / str(number % 3)).mkdir(parents=True, exist_ok=True)
                (path / str(number % 3) / f"{number:02d}.txt").write_text(text)
        elif source == "jsonl":
            path = tmp_path / "rows.jsonl"
            path.write_text("".join(json.dumps({"text": text, "n": 1}) + "\n" for text in texts))
        else:
            path = tmp_path / "rows.csv"
            path.write_text("n,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(texts)))
        return str(path)

    return make


def documents_of(split: WindowSplit, encoding) -> list[str]:
    """Decodes what a split holds, cut at the end tokens."""
    known = split.tokens[split.tokens != IGNORE]
    ends = np.flatnonzero(known == END)
    return [encoding.tokenizer.decode(part.tolist()) for part in np.split(known, ends) if len(part) > 1]


@pytest.mark.parametrize("stride", [None, 1, 5])
@pytest.mark.parametrize("documents", ["pack", "pad"])
@pytest.mark.parametrize("source", SOURCES)
def test_windows_in_memory_and_on_disk_are_the_same(source, documents, stride, make):
    given = Text(make(source), length=16, stride=stride, documents=documents)
    here, there = given.load(), jaxflow.Text(**{**vars(given), "in_memory": False}).load()
    assert_same_splits(here, there)
    assert here.input_encoding == there.input_encoding
    for split in there.splits.values():
        assert isinstance(split.tokens, np.memmap)
        travelled = sent_to_a_worker(split)[0]  # as to a worker process
        assert isinstance(travelled.tokens, np.memmap)
        np.testing.assert_array_equal(travelled.tokens, split.tokens)
        everything = split.rows(np.arange(len(split)))
        np.testing.assert_array_equal(everything["targets"], split.targets)
        # What a place is to predict is what the next place is given.
        known = everything["targets"][:, :-1] != IGNORE
        np.testing.assert_array_equal(everything["inputs"][:, 1:][known], everything["targets"][:, :-1][known])
        assert (everything["inputs"] >= 0).all()
        assert everything["targets"].dtype == there.schema.target.dtype == there.schema.inputs.dtype == "int8"


@pytest.mark.parametrize("source", SOURCES)
def test_every_token_but_the_first_is_predicted_once(source, make):
    dataset = Text(make(source), length=16).load()
    for split in dataset.splits.values():
        targets = split.targets[split.targets != IGNORE]
        np.testing.assert_array_equal(targets, split.tokens[split.tokens != IGNORE][1:])
        assert class_counts(dataset, split).sum() == len(targets)
        assert (split.targets != IGNORE).any(1).all()  # no window is empty


def test_documents_are_padded_and_never_joined(make):
    texts = [LETTERS[: 5 + i] for i in range(40)]
    dataset = Text(make("folder", texts), length=16, documents="pad").load()
    encoding, seen = dataset.input_encoding, []
    for split in dataset.splits.values():
        for row in range(len(split)):
            example = split.rows(np.array([row]))
            inputs, targets = example["inputs"][0], example["targets"][0]
            there = targets != IGNORE
            assert (inputs[~there] == END).all()
            assert (np.diff(there.astype(int)) <= 0).all()  # padding comes last
            first = split.id(row).endswith("+0")  # of its document: it begins with the end token before it
            assert (inputs[0] == END) == first
            assert END not in inputs[1:][there[1:]]
        seen += documents_of(split, encoding)
    assert sorted(seen) == sorted(texts)


@pytest.mark.parametrize("source", SOURCES[1:])
def test_no_document_changes_sides_when_others_are_added(source, make):
    def parts(texts):
        dataset = Text(make(source, texts), length=16, tokens=jaxflow.Bytes(), split=HoldOut(0.2, 0.3)).load()
        return {name: set(documents_of(split, dataset.input_encoding)) for name, split in dataset.splits.items()}

    texts = [LETTERS[i * 20 : i * 20 + 15] for i in range(50)]
    before, after = parts(texts[:40]), parts(texts)
    assert set().union(*after.values()) == set(texts)
    for name in before:
        assert len(before[name]) > 3
        assert before[name] == after[name] & set(texts[:40])


def test_one_text_is_split_in_order(make, tmp_path):
    dataset = Text(make("file", [LETTERS]), length=16, split=TimeSplit(0.2, 0.1)).load()
    parts = [
        dataset.input_encoding.tokenizer.decode(s.tokens[s.tokens != IGNORE].tolist()) for s in dataset.splits.values()
    ]
    assert parts == [LETTERS[:700], LETTERS[700:900], LETTERS[900:]]
    assert dataset.splits["validation"].id(1) == "one.txt validation+16"
    assert END not in dataset.splits["train"].tokens  # it ends in no place of its own
    whole = Text(make("file", [LETTERS]), length=16, split=TimeSplit(0.0, 0.1)).load()
    assert list(whole.splits) == ["train", "test"]


@pytest.mark.parametrize("tokens", [jaxflow.Characters(), jaxflow.BPE(270)], ids=["characters", "bpe"])
@pytest.mark.parametrize("source", SOURCES)
def test_the_tokenizer_knows_the_training_split_alone(source, tokens, make):
    texts = [LETTERS[i * 25 : i * 25 + 20] + chr(0x400 + i) * 3 for i in range(40)]  # each has what no other has
    dataset = Text(make(source, texts), length=16, tokens=tokens).load()
    train = documents_of(dataset.splits["train"], dataset.input_encoding)
    assert dataset.input_encoding.tokenizer == tokens.fit(train)
    assert dataset.input_encoding.tokenizer != tokens.fit(texts)


@pytest.mark.parametrize("source", ["file", "folder"])
def test_changing_what_is_held_out_changes_nothing_else(source, make):
    path = make(source)
    before = Text(path, length=16).load()
    if source == "file":
        text = (train := "".join(documents_of(before.splits["train"], before.input_encoding))) + "Ω" * len(train)
        Path(path).write_text(text[: len(Path(path).read_text())])
    else:
        held_out = [name for part in ("validation", "test") for name in before.splits[part].names]
        for name in held_out:
            (Path(path) / name).write_text("Ω" * 30)
    after = Text(path, length=16).load()
    assert after.input_encoding == before.input_encoding
    np.testing.assert_array_equal(after.splits["train"].tokens, before.splits["train"].tokens)
    assert (after.splits["test"].targets == UNKNOWN).sum() > 10


def test_pieces_join_to_the_whole(make, monkeypatch):
    path = make("file", [LETTERS + "é🐍"])
    whole = Text(path, length=16).load()
    monkeypatch.setattr(read, "CHUNK_SIZE", 7)
    monkeypatch.setenv("JAXFLOW_CACHE_DIR", path + "-cache")
    assert_same_splits(Text(path, length=16).load(), whole)


def test_empty_documents_are_left_out_and_counted(make):
    texts = [LETTERS[: 5 + i] for i in range(30)] + ["", " \n", "\t"]
    for source in SOURCES[1:]:
        dataset = Text(make(source, texts), length=16).load()
        assert dataset.excluded == {"empty documents": 3}
        assert sum(len(documents_of(split, dataset.input_encoding)) for split in dataset.splits.values()) == 30


def test_equal_rows_are_of_one_split_and_have_names_of_their_own(make):
    texts = [LETTERS[: 5 + i] for i in range(30)]
    dataset = Text(make("jsonl", texts * 3), length=16, documents="pad").load()
    ids = [split.id(row) for split in dataset.splits.values() for row in range(len(split))]
    assert len(set(ids)) == len(ids)
    parts = [set(documents_of(split, dataset.input_encoding)) for split in dataset.splits.values()]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]


def test_texts_beside_those_of_splits_are_asked_about(tmp_path, said):
    for name in ("train/a.txt", "train/b.txt", "test/c.txt", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name} " * 40)
    with pytest.raises(
        UserError, match=r": test, train are splits by name, and 1 texts lie in none of them, the first notes"
    ):
        Text(str(tmp_path), length=16).load()
    dataset = Text(str(tmp_path), length=16, split=HoldOut(0.0, 0.5, seed=1)).load()
    assert (
        sum(len({split.id(i).partition("+")[0] for i in range(len(split))}) for split in dataset.splits.values()) == 4
    )
    assert "1 texts lie in none of them: all texts are split by data.split alone" in said()
    (tmp_path / "notes.txt").unlink()
    assert Text(str(tmp_path), length=16, split=HoldOut(0.0, 0.5)).load().splits["test"].id(0).startswith("test/c.txt")


@pytest.mark.parametrize("name", ["{}.txt", "{}/a.txt"])
def test_evaluation_beside_test_is_validation(name, tmp_path):
    for split in ("train", "evaluation", "testing"):
        path = tmp_path / "d" / name.format(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{split} " * 40)
    dataset = Text(str(tmp_path / "d"), length=16).load()
    assert {part: split.id(0).partition(name[2:])[0] for part, split in dataset.splits.items()} == {
        "train": "train",
        "validation": "evaluation",
        "test": "testing",
    }


def test_a_changed_file_is_read_anew(make):
    first = Text(make("file", [LETTERS]), length=16).load()
    second = Text(make("file", [LETTERS[::-1] + "z"]), length=16).load()
    assert len(second.input_encoding.tokenizer.characters) == len(
        first.input_encoding.tokenizer.characters
    )  # z is tested on
    assert not np.array_equal(first.splits["train"].tokens, second.splits["train"].tokens)


@pytest.mark.parametrize(
    "other",
    [
        {"tokens": jaxflow.Bytes()}, {"length": 8}, {"stride": 4}, {"documents": "pad"}, {"column": "other"},
        {"split": HoldOut(0.3, 0.3)}, {"split": TimeSplit()}, {"split": KFold(folds=4)},
    ],
)  # fmt: skip
def test_no_field_is_dead(other, tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"text": LETTERS[i : i + 20], "other": LETTERS[i + 1 : i + 30]} for i in range(60)]
    path.write_text("\n".join(map(json.dumps, rows)))

    def cells(**fields):
        splits = Text(str(path), **{"length": 16} | fields).load().splits
        return [(name, split.tokens.tobytes(), split.starts.tolist()) for name, split in splits.items()]

    assert cells(**other) != cells()


def test_shakespeare_is_split_as_nanogpt_splits_it():
    if not SHAKESPEARE.exists():
        pytest.skip("no tinyshakespeare.txt")
    text = SHAKESPEARE.read_text()
    dataset = Text(str(SHAKESPEARE), length=64, split=TimeSplit(0.0, 0.1)).load()
    cut = int(len(text) * 0.9)
    for name, part in (("train", text[:cut]), ("test", text[cut:])):
        tokens = dataset.splits[name].tokens
        assert dataset.input_encoding.tokenizer.decode(tokens[tokens != IGNORE].tolist()) == part
    assert len(dataset.schema.target.names) == 65 + 2  # its characters, the end, and the unknown


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, r"no text at .*none\.txt; data\.path \(--data\.path=PATH\) takes"),
        ("a.txt", b"", r"a\.txt holds no text"),
        ("a.txt", b" \n\t ", r"a\.txt holds no text"),
        ("a.txt", b"fine\nfine\nna\xefve\n", r"a\.txt, line 3: byte 0xef is no UTF-8; save the file as UTF-8"),
        ("a.txt", b"fine\n\xe2\x82", r"a\.txt, line 2: byte 0xe2 is no UTF-8"),
        ("a.txt", b"abc", "the validation split of .* is empty; give more text"),
        ("a.csv", b"", r"a\.csv, line 1, .*: there is no column 'text' \(data\.column\); it has none"),
        ("a.csv", b"title,body\n1,2\n", r"there is no column 'text' \(data\.column\); it has title, body"),
        ("a.csv", b"text,text\n1,2\n", r"there are 2 columns named 'text'"),
        ("a.csv", b"text,n\n1,2\nto be, or not,3\n", r"a\.csv, line 3: there are 3 cells in 2 columns; put quotes"),
        ("a.csv", b'text,n\n1,2\n"open,3\n', r"a\.csv, line 3: unexpected end of data; correct the line"),
        ("a.csv", b"text\n\n\n", r"a\.csv holds no text"),
        ("a.tsv", b"text\tn\nx\xff\t2\n", r"a\.tsv, line 2: byte 0xff is no UTF-8"),
        ("a.csv", b"text\none\n", r"a\.csv, line|one text|validation split"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "b"\n', r"a\.jsonl, line 2: it is no JSON: Expecting ',' delimiter"),
        ("a.jsonl", b'{"text": "a"}\n\n[1]\n', r"a\.jsonl, line 3: it holds '\[1\]'; each line is an object of JSON"),
        (
            "a.jsonl",
            b'{"title": "a"}\n',
            r"a\.jsonl, line 1: there is no column 'text' \(data\.column\); it has title; name .* --data\.column=NAME",
        ),
        ("a.jsonl", b'{"text": ["a"]}\n', r"a\.jsonl, line 1: 'text' holds no text but a list"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', r"a\.jsonl, line 1: it holds half of a character"),
        ("a.jsonl", b"[" * 100_000, r"a\.jsonl, line 1: it is no JSON"),
    ],
)
def test_files_that_are_no_texts_are_refused(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        Text(str(tmp_path / name), length=16).load()


def test_folders_without_texts_and_splits_that_do_not_fit_are_refused(make, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty holds no texts \(\.txt\)"):
        Text(str(tmp_path / "empty")).load()
    with pytest.raises(UserError, match=r"data\.split is HoldOut, and one\.txt is one text, .*; use TimeSplit"):
        Text(make("file"), split=HoldOut()).load()
    with pytest.raises(UserError, match="none would be in the test split"):
        Text(make("folder", ["abc", "abcd"]), split=HoldOut(0.0, 0.01)).load()
    with pytest.raises(UserError, match=r"is not there; get it at example\.org, or name another text"):
        Text("nothing.txt", download_hint="get it at example.org").load()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JAXFLOW_CACHE_DIR", str(tmp_path / "file"))
    path = make("file")
    assert Text(path, length=16).load().splits.keys() == {"train", "validation", "test"}
    with pytest.raises(UserError, match=r"data\.in_memory=False keeps what it reads in .*, which cannot be written"):
        Text(path, length=16, in_memory=False).load()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"length": 0}, r"Text\.length is 0"),
        ({"stride": 0}, r"Text\.stride is 0; it must be 1 or more"),
        ({"stride": 129}, r"data\.stride is 129; it must be in 1\.\.128, or tokens are left out"),
        ({"documents": "joined"}, r"data\.documents is 'joined'; it is 'pack' or 'pad'"),
    ],
)
def test_fields_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(UserError, match=message):
        Text("a.txt", **fields)


def test_texts_behind_links_are_followed_by_wish(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "links").mkdir()
    for name in "abcdefgh":
        (tmp_path / "texts" / f"{name}.txt").write_text(f"{name} is a text of the letter {name}. " * 4)
        (tmp_path / "links" / f"{name}.txt").symlink_to(tmp_path / "texts" / f"{name}.txt")
    settings = {"length": 8, "split": HoldOut(0.2, 0.2)}
    with pytest.raises(UserError, match=r"holds no texts .*8 of them \(--data\.follow_links=True follows them\)"):
        Text(str(tmp_path / "links"), **settings).load()
    linked = Text(str(tmp_path / "links"), **settings, follow_links=True).load()
    assert_same_splits(linked, Text(str(tmp_path / "texts"), **settings).load())


def test_a_column_of_splits_is_told_to_name_its_table(tmp_path):
    (tmp_path / "a.csv").write_text("text,fold\n" + "words and words,train\n" * 20)
    with pytest.raises(UserError, match=r"split.column names 'fold', but this text has no table; name the one"):
        Text(str(tmp_path / "a.csv"), length=4, split="fold").load()
