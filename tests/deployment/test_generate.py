"""A language model that writes, and a classifier of texts that predicts."""

import csv
import json

import numpy as np
import pytest

import jaxflow
from tests.data.sources.test_labelled_text import examples, write

CYCLE = "the quick brown fox jumps over the lazy dog; "


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def experiment(data, model, problem, **fields):
    return jaxflow.Experiment(
        data=data,
        model=model,
        problem=problem,
        optimizer=jaxflow.Adam(1e-2),
        **{"batch_size": 16, "epochs": 10} | fields,
    )


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("writer")
    (folder / "text.txt").write_text(CYCLE * 60)
    data = jaxflow.Text(str(folder / "text.txt"), length=32, split=jaxflow.TimeSplit(0.1, 0.1))
    model = jaxflow.CausalCNN(width=24, dilations=(1, 2, 4))
    run = experiment(data, model, jaxflow.LanguageModelling(), validate_every_epochs=10)
    jaxflow.train(run, folder / "run")
    return folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [jaxflow.TransformerDecoder(2, 2, 16), jaxflow.LSTM(16), jaxflow.CausalCNN(16, (1, 2, 4, 8, 16))],
    ids=lambda model: type(model).__name__,
)
def test_models_with_a_cache_write_past_their_window(model, tmp_path, monkeypatch):
    (tmp_path / "text.txt").write_text(CYCLE * 20)
    data = jaxflow.Text(str(tmp_path / "text.txt"), length=16, split=jaxflow.TimeSplit(0.1, 0.1))
    jaxflow.train(experiment(data, model, jaxflow.LanguageModelling(), epochs=0.5), tmp_path / "run")
    asked = {"tokens": 30, "top_k": 12, "top_p": 0.9}
    texts = jaxflow.generate(tmp_path / "run", ["the", CYCLE], **asked)
    owner = next(kind for kind in type(model).__mro__ if "decode" in vars(kind))
    monkeypatch.delattr(owner, "decode")  # computed again for each token
    assert jaxflow.generate(tmp_path / "run", ["the", CYCLE], **asked) == texts


@pytest.mark.slow
def test_a_trained_model_goes_on_with_what_it_was_trained_on(writer):
    results = jaxflow.evaluate(writer)
    assert results["test"]["loss"] < 0.1 < results["baseline"]["loss"]
    assert results["test"]["perplexity"] == pytest.approx(np.exp(results["test"]["loss"]), rel=1e-5)
    written = jaxflow.generate(writer, [CYCLE[:20], CYCLE * 3], tokens=60, temperature=0.0)
    assert written == [(CYCLE * 3)[20:80], (CYCLE * 3)[:60]]
    first, again, other = (jaxflow.generate(writer, [""], tokens=40, temperature=2.0, seed=d)[0] for d in (0, 0, 1))
    assert first == again != other
    assert (writer / "report" / "accuracy_by_position.svg").exists()
    rows = read(writer / "predictions" / "test.csv")
    assert rows[0].keys() == {"id", "target", "prediction", "accuracy"}


def test_tokens_on_disk_train_to_the_same_bits(writer, tmp_path):
    path = writer.parent / "text.txt"
    data = jaxflow.Text(str(path), length=32, split=jaxflow.TimeSplit(0.1, 0.1), in_memory=False)
    run = experiment(
        data, jaxflow.CausalCNN(width=24, dilations=(1, 2, 4)), jaxflow.LanguageModelling(), validate_every_epochs=10
    )
    jaxflow.train(run, tmp_path / "run")
    losses = [
        json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["loss"]
        for folder in (writer, tmp_path / "run")
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tokens": 0}, r"--tokens is 0; it must be in 1\.\."),
        ({"tokens": 2**31}, r"--tokens is 2147483648; it must be in 1\.\.1,048,576"),
        ({"temperature": -1.0}, r"--temperature is -1\.0; it must be 0 or more"),
        ({"temperature": float("nan")}, "--temperature is nan"),
        ({"seed": -1}, "--seed is -1"),
        ({"top_k": 0}, r"--top_k is 0; it must be 1 or more"),
        ({"top_p": 0.0}, r"--top_p is 0\.0; it must be in \(0, 1\]"),
        ({"top_p": 1.5}, r"--top_p is 1\.5"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(asked, message, writer):
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.generate(writer, ["a"], **asked)


def test_a_language_model_predicts_no_tables(writer, tmp_path):
    (tmp_path / "a.txt").write_text("the quick")
    with pytest.raises(jaxflow.UserError, match=r"a language model goes on with text: jaxflow generate"):
        jaxflow.predict(writer, tmp_path / "a.txt")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    data = jaxflow.LabelledText(write(folder, "jsonl", examples(120)), length=40, tokens=jaxflow.BPE(300))
    run = experiment(data, jaxflow.BagOfTokens(width=16), jaxflow.Classification(), epochs=20,
                     augment=(jaxflow.TokenDropout(0.1),), validate_every_epochs=20)  # fmt: skip
    jaxflow.train(run, folder / "run")
    return folder / "run"


def test_texts_are_classified_and_new_ones_too(classifier, tmp_path, said):
    assert jaxflow.evaluate(classifier)["test"]["accuracy"] == 1.0
    (tmp_path / "new.txt").write_text("fine great 7\nawful\npoor and dire\nlovely\n")
    rows = read(jaxflow.predict(classifier, tmp_path / "new.txt", tmp_path / "a.csv"))
    assert [row["prediction"] for row in rows] == ["good", "bad", "bad", "good"]
    assert "new.txt: each line is a text; in a folder of .txt files each file is one" in said()
    (tmp_path / "new.jsonl").write_text('{"text": "fine great 7"}\n')
    again = read(jaxflow.predict(classifier, tmp_path / "new.jsonl", tmp_path / "b.csv"))
    assert again[0]["p_good"] == rows[0]["p_good"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", r"a\.txt holds no text"),
        ("a.txt", b"\xff", r"a\.txt, line 1: byte 0xff is no UTF-8"),
        ("a.csv", b"words\nfine\n", "there is no column 'text'; it has words; rename what is meant"),
        ("a.jsonl", b"{", r"a\.jsonl, line 1: it is no JSON"),
    ],
)
def test_new_texts_that_are_none_are_refused(name, content, message, classifier, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.predict(classifier, tmp_path / name, tmp_path / "out.csv")
    (tmp_path / "none").mkdir()
    with pytest.raises(jaxflow.UserError, match="holds no texts"):
        jaxflow.predict(classifier, tmp_path / "none", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(jaxflow.UserError, match="is a run of Classification and writes no text"):
        jaxflow.generate(classifier, ["a"])


def test_a_prompt_that_is_no_text_is_refused(writer):
    with pytest.raises(jaxflow.UserError, match="--prompt is not UTF-8 at character 1"):
        jaxflow.generate(writer, ["a\udcff"])
