"""Sentences with a tag at each token: files, columns, splits, bad lines, and a run from the file to new tags."""

import csv
import dataclasses

import jax
import numpy as np
import pytest

import jaxflow
from jaxflow import HoldOut, TaggedText, Tagging, UserError, Words
from jaxflow.data.texts.tokenizers import END, UNKNOWN
from jaxflow.problems.metrics import Accuracy, EntityF1
from jaxflow.schema import IGNORE

SENTENCES = [
    (("Ada", "Lovelace", "met", "Alan"), ("B-PER", "I-PER", "O", "B-PER")),
    (("she", "left", "Paris"), ("O", "O", "B-LOC")),
    (("#", "1", "left"), ("O", "O", "O")),
    (("Alan", "left"), ("B-PER", "O")),
]
ALL = Words(min_count=1)


def written(path, sentences=SENTENCES, between=" ", more=("NN",)):
    """Writes sentences as CoNLL-2003 has them: other columns between token and tag, a blank line between sentences."""
    blocks = ("\n".join(between.join((token, *more, tag)) for token, tag in zip(*each)) for each in sentences)
    path.write_text(f"-DOCSTART-{between}-X-{between}O\n\n" + "\n\n".join(blocks))
    return str(path)


def contents(dataset):
    """Returns the tokens and tags of every example, by split."""
    names, tokenizer = dataset.schema.target.names, dataset.input_encoding.tokenizer
    found = {}
    for name, split in dataset.splits.items():
        assert split.targets.dtype == dataset.schema.target.dtype
        rows = zip(split.inputs, split.targets)
        assert all((row[(row != END).sum() :] == END).all() for row in split.inputs)  # padding is at the end
        found[name] = {
            (tuple(tokenizer.decode(x[x != END]).split(" ")), tuple(names[tag] for tag in y[y != IGNORE]))
            for x, y in rows
        }
    return found


def held_out(path, name="train", **fields):
    """Reads a file whose test split is a file beside it."""
    fields = {"tokens": ALL, "length": 8, "split": HoldOut(validation=0)} | fields
    test = written(path.with_name("test.conll"), [(("Alan", "sang"), ("B-PER", "O"))])
    return TaggedText(str(path), test=test, **fields).load()


@pytest.mark.parametrize("between", [" ", "\t", "   "])
def test_tokens_and_tags_are_those_of_the_file(tmp_path, between, said):
    written(tmp_path / "eng.train", between=between)
    written(tmp_path / "test.conll")
    dataset = TaggedText(
        str(tmp_path / "eng.train"),
        test=str(tmp_path / "test.conll"),
        tokens=ALL,
        length=5,
        split=HoldOut(validation=0),
    ).load()
    assert contents(dataset)["train"] == set(SENTENCES) == contents(dataset)["test"]
    assert dataset.schema.target.names == ("B-LOC", "B-PER", "I-PER", "O")
    assert dataset.schema.target.dense_shape == dataset.schema.inputs.shape == (5,)
    assert dataset.splits["train"].lines.tolist() == [3, 8, 12, 16]
    lines = said()
    assert "8 sentences of 24 tokens with 4 tags (O 14, B-PER 6, B-LOC 2, I-PER 2)" in lines
    assert "marks of documents (-DOCSTART-): 1" in lines


CONLLU = """# sent_id = 1
# text = Vámonos al mar
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\t_\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_
2.1\tya\tya\tADV\t_\t_\t_\t_\t_\t_
3\tal mar\tmar\t_\t_\t_\t1\tobl\t_\t_

# sent_id = 2
1\t¡\t¡\tPUNCT\t_\t_\t0\troot\t_\t_
"""


def test_conll_u_has_names_comments_and_words_of_several_tokens(tmp_path, said):
    path = tmp_path / "es.conllu"
    path.write_text(CONLLU)
    train = held_out(path).splits["train"]
    dataset = held_out(path)
    assert "read as no tokens: comments (#): 3, words of several tokens, or of none: 2" in said()
    known = train.targets[0] != IGNORE
    assert known.tolist() == [True, True] + [False] * 6  # "_" is no tag
    assert (train.inputs[0] != END).sum() == 3
    assert dataset.input_encoding.tokenizer.words == ("Vamos", "al mar", "nos", "¡")
    test = path.with_name("test.conllu")
    test.write_text(CONLLU)
    by_lemma = TaggedText(str(path), token="LEMMA", test=str(test), tokens=ALL, length=8, split=HoldOut(validation=0))
    assert by_lemma.load().input_encoding.tokenizer.words == ("ir", "mar", "nosotros", "¡")
    with pytest.raises(UserError, match=r"data.tag is 'DEPS2', and .*es.conllu has ID, FORM,.*'DEPS'"):
        held_out(path, tag="DEPS2")


@pytest.mark.parametrize(
    ("first", "fields"),
    [
        ("# global.columns = WORD POS NER", {"token": "WORD", "tag": "POS"}),
        ("word pos ner", {"token": "word", "tag": "pos"}),
        ("Token Chunk POS", {"tag": 2}),
        ("", {"token": 1, "tag": 2}),
        ("", {"token": -3, "tag": -2}),
    ],
)
def test_columns_are_chosen_by_number_or_name(tmp_path, first, fields):
    path, other = tmp_path / "a.conll", tmp_path / "b.conll"
    for each in (path, other):
        each.write_text(f"{first}\nAda NNP B-PER\nsang VBD O\n")
    source = TaggedText(str(path), test=str(other), tokens=ALL, length=4, split=HoldOut(validation=0), **fields)
    assert contents(source.load())["train"] == {(("Ada", "sang"), ("NNP", "VBD"))}


def test_words_are_those_of_training_that_are_frequent_enough(tmp_path):
    written(tmp_path / "train.conll")
    dataset = held_out(tmp_path / "train.conll", tokens=Words(min_count=2))
    assert dataset.input_encoding.tokenizer.words == ("Alan", "left")
    assert dataset.splits["test"].inputs[0, :3].tolist() == [UNKNOWN + 1, UNKNOWN, END]
    lower = held_out(tmp_path / "train.conll", tokens=Words(1, lower=True)).input_encoding.tokenizer
    assert lower.encode("ADA ada Paris").tolist() == lower.encode("ada Ada paris").tolist()
    assert UNKNOWN not in lower.encode("ADA")
    with pytest.raises(UserError, match=r"no word of the training split occurs 9 times.*lower it"):
        held_out(tmp_path / "train.conll", tokens=Words(min_count=9))


def test_equal_sentences_are_held_out_together(tmp_path):
    sentences = [((f"word{i % 40}", "sang"), ("B-PER", "O")) for i in range(120)]
    dataset = TaggedText(written(tmp_path / "all.conll", sentences), tokens=ALL, length=4).load()
    ids = [{split.id(i).partition("-")[0] for i in range(len(split))} for split in dataset.splits.values()]
    assert len(ids) == 3
    assert sum(map(len, ids)) == len(set().union(*ids)) == 40
    assert sum(map(len, dataset.splits.values())) == 120


def test_what_is_cut_or_cannot_be_learned_is_said(tmp_path, said):
    written(tmp_path / "train.conll", [*SENTENCES[1:], (("a",) * 11, ("O",) * 11)])
    dataset = held_out(tmp_path / "train.conll")
    lines = said()
    assert "1 sentences have more than 8 tokens, 11 at most; 3 tokens beyond are neither learned nor measured" in lines
    assert "train has no" not in lines
    test = written(tmp_path / "new.conll", SENTENCES)
    dataset = TaggedText(
        str(tmp_path / "train.conll"), test=test, tokens=ALL, length=8, split=HoldOut(validation=0)
    ).load()
    assert "test: train has no 'I-PER', which no model learns then; they count as wrong" in said()
    assert "I-PER" in dataset.schema.target.names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ada B-PER\nsang\n", r"line 2: there is 1 column \(sang\), and 2 in line 1; a line holds a token and its tag"),
        ("Ada B-PER\nsang loud O\n", r"line 2: there are 3 columns \(sang loud O\), and 2 in line 1"),
        ("Ada\tB-PER\nsang\t\n", "line 2: the tag is empty"),
        ("Ada\nsang\n", "line 1: token and tag are both column 1 of 1; each line holds a token and its tag"),
        ("", "holds no token with a tag; name another file"),
        ("\n# nothing\n\n", "holds no token with a tag"),
        ("Ada O\nsang O\n\nAda O\n", "all tokens of .* have the tag 'O'; there is nothing to predict"),
        ("Ada O\n" * 5 + "sang B\n" * 5, "holds one sentence of 10 tokens; a blank line ends a sentence"),
        ("Ada \xe9\n", "is no UTF-8"),
    ],
)
def test_bad_files_are_one_line(tmp_path, text, message):
    path = tmp_path / "bad.conll"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=message) as error:
        TaggedText(str(path), length=8, tokens=ALL).load()
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_wrong_fields_are_named(tmp_path):
    path = written(tmp_path / "a.conll")
    for fields, message in (
        ({"tag": 0}, "data.tag is 0; columns are counted from 1"),
        ({"tag": 4}, "line 3: there are 3 columns, and data.tag is 4"),
        ({"tag": "ner"}, "data.tag is 'ner', and .* names no columns: give its number"),
        ({"tag": 1}, "token and tag are both column 1 of 3; name another"),
        ({"delimiter": ";;"}, "data.delimiter is ';;'; it is one character"),
        ({"encoding": "utf9"}, "data.encoding is 'utf9'"),
        ({"validation": path}, "is the file of the train split and of the validation split"),
    ):
        with pytest.raises(UserError, match=message):
            TaggedText(path, **fields).load()
    for wrong, message in (
        (tmp_path, "is a folder; name a file"),
        (tmp_path / "a.conl", "perhaps you meant .*a.conll"),
    ):
        with pytest.raises(UserError, match=message):
            TaggedText(str(wrong)).load()
    (tmp_path / "a.csv").write_text("word,tag\nAda,B\n")
    with pytest.raises(UserError, match=r"a\.csv is a table, and sentences lie in columns"):
        TaggedText(str(tmp_path / "a.csv")).load()


def learnable(count, seed):
    """Sentences in which a capital begins a name, and what follows it is of the name."""
    generator = np.random.RandomState(seed)
    sentences = []
    for _ in range(count):
        parts = [
            [("Ada", "B-PER"), ("Byron", "I-PER")] if generator.rand() < 0.5 else [("sang", "O"), ("Byron", "B-PER")]
            for _ in range(generator.randint(1, 4))
        ]
        sentences.append(tuple(zip(*(pair for part in parts for pair in part))))
    return sentences


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tags")
    files = {name: written(folder / f"{name}.conll", learnable(n, n)) for name, n in (("train", 96), ("test", 20))}
    data = TaggedText(files["train"], test=files["test"], length=8, split=HoldOut(validation=0.2))
    experiment = jaxflow.Experiment(
        data,
        jaxflow.LSTM(width=12, bidirectional=True),
        Tagging(metrics=(Accuracy(), EntityF1()), selection_metric="entity_f1"),
        jaxflow.Adam(3e-2),
        batch_size=16,
        epochs=6,
    )
    jaxflow.train(experiment, folder / "run")
    return folder, experiment, jaxflow.evaluate(folder / "run")


def test_the_words_around_a_token_tell_its_tag(trained):
    _, _, results = trained
    assert results["test"]["entity_f1"] > 0.95 > results["baseline"]["entity_f1"]
    assert results["test"]["accuracy"] > results["baseline"]["accuracy"]


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", ["tagged", "untagged", "lines"])
def test_predict_gives_each_token_the_tag_of_the_evaluation(trained, kind, tmp_path, said):
    folder, _, _ = trained
    sentences = learnable(20, 20)
    source = folder / "test.conll"
    if kind == "untagged":
        source = tmp_path / "new.conll"
        source.write_text("\n".join("\n".join(tokens) + "\n" for tokens, _ in sentences))
    if kind == "lines":
        source = tmp_path / "new.txt"
        source.write_text("".join("  ".join(tokens) + " \n" for tokens, _ in sentences))
    rows = rows_of(jaxflow.predict(folder / "run", source, tmp_path / "out.csv"))
    assert [row["token"] for row in rows] == [token for tokens, _ in sentences for token in tokens]
    evaluated = rows_of(folder / "run" / "predictions" / "test.csv")
    assert [row["prediction"] for row in rows] == " ".join(row["prediction"] for row in evaluated).split()
    if kind == "tagged":
        assert list(dict.fromkeys(row["id"] for row in rows)) == [f"line {row['line']}" for row in evaluated]
    run = jaxflow.load_run(folder / "run")
    test = run.experiment.data.load().splits["test"]
    predicted = run.predict(test.inputs)
    told = [" ".join(names_of(run)[tag] for tag in row[known]) for row, known in zip(predicted, test.targets >= 0)]
    assert told == [row["prediction"] for row in evaluated]


def names_of(run):
    return run.predictor.schema.target.names


def test_new_sentences_that_cannot_be_tagged(trained, tmp_path, said):
    folder, out, new = trained[0] / "run", tmp_path / "out.csv", tmp_path / "new.txt"
    new.write_text("Ada Byron sang\n" + "word " * 9 + "\n")
    with pytest.raises(
        UserError, match=r"new.txt, line 2: the sentence has 9 tokens, and the model takes 8; divide it"
    ):
        jaxflow.predict(folder, new, out)
    assert not out.exists()
    said()
    jaxflow.predict(folder, new, out, bad="skip")
    lines = said()
    assert "line 1: Ada/B-PER Byron/I-PER sang/O" in lines
    assert "left out 1 examples that cannot be predicted, the first:" in lines
    assert len(rows_of(out)) == 3
    for text, message in (
        ("", "holds no sentence"),
        ("\n \n", "holds no sentence"),
        ("Ada\nsang\n\nAda\n", "each line"),
    ):
        new.write_text(text)
        with pytest.raises(UserError, match=message):
            jaxflow.predict(folder, new, tmp_path / "none.csv")
    new.write_text("word " * 9)
    with pytest.raises(UserError, match=r"none of the 1 sentences .* predicted: .*line 1: the sentence has 9"):
        jaxflow.predict(folder, new, tmp_path / "none.csv", bad="skip")
    with pytest.raises(UserError, match="--submission O: this model has many answers"):
        jaxflow.predict(folder, new, tmp_path / "none.csv", submission="O")
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize(
    "model", [jaxflow.LSTM(width=6, bidirectional=True), jaxflow.TransformerEncoder(layers=1, heads=2, width=8)]
)
def test_padding_changes_no_tag(model, tmp_path):
    path = written(tmp_path / "a.conll", learnable(12, 0))
    short, long = (TaggedText(path, tokens=ALL, length=length, split=HoldOut(0, 0.5)).load() for length in (6, 20))
    tags = len(short.schema.target.names)
    model = dataclasses.replace(model, vocab_size=short.schema.inputs.vocab_size, per_position=True, outputs=tags)
    ones, others = (dataset.splits["test"].inputs for dataset in (short, long))
    variables, apply = jax.jit(model.init)(jax.random.key(0), ones), jax.jit(model.apply)
    present = ones != END
    expected = np.asarray(apply(variables, ones))[present]
    np.testing.assert_allclose(np.asarray(apply(variables, others))[:, :6][present], expected, atol=1e-5)
    np.testing.assert_array_equal(short.splits["test"].targets, long.splits["test"].targets[:, :6])
    assert (long.splits["test"].targets[:, 6:] == IGNORE).all()


def test_a_resumed_run_is_the_unbroken_one(trained, tmp_path):
    _, experiment, _ = trained
    jaxflow.train(dataclasses.replace(experiment, epochs=1), tmp_path / "run")
    jaxflow.train(dataclasses.replace(experiment, epochs=2), tmp_path / "run")
    jaxflow.train(dataclasses.replace(experiment, epochs=2), tmp_path / "whole")
    resumed, whole = (jaxflow.load_run(tmp_path / name).params for name in ("run", "whole"))
    jax.tree.map(np.testing.assert_array_equal, resumed, whole)
