"""What new texts hold that training texts did not."""

import csv

import pytest

import jaxflow
from jaxflow.data.texts.tokenizers import Bytes, Characters
from jaxflow.data.texts.unknown import UnknownPieces
from jaxflow.data.texts.words import Words, words_of

TEXT = "the cat, the dog. the bird!"


def test_words_and_marks_are_tokens_and_come_back():
    assert words_of("don't stop, Zoë...") == ["don", "'", "t", "stop", ",", "Zoë", ".", ".", "."]
    tokenizer = Words(min_count=1, lower=True).fit([TEXT, "A dog"])
    ids = tokenizer.encode("The DOG, a mouse")
    assert [tokenizer.vocabulary[i] for i in ids] == ["the", "dog", ",", "a", "<unknown>"]
    assert Words(min_count=3).fit([TEXT]).words == ("the",)


@pytest.mark.parametrize(
    ("tokens", "pieces", "said"),
    [
        (Characters(), "the fish", "3 of 8 characters of new.txt are not in the training texts ('f', 'i', 's')"),
        (Words(min_count=1), words_of("the fish, the fish"), "2 of 5 words of new.txt are not .* ('fish')"),
        (Bytes(), "the fish", None),
    ],
)
def test_what_is_unknown_is_counted_and_named(tokens, pieces, said, caplog):
    tokenizer = tokens.fit(["the cat, the dog"])
    unknown = UnknownPieces(tokenizer)
    text = pieces if isinstance(pieces, str) else "the fish, the fish"
    unknown.add(pieces, tokenizer.encode(text))
    unknown.say("new.txt")
    if said is None:
        assert not caplog.records
    else:
        first, _, last = said.partition(" .* ")
        assert caplog.text.count("new.txt") == 1
        assert first in caplog.text
        assert last in caplog.text


def test_predictions_of_texts_say_what_the_model_does_not_know(tmp_path, caplog):
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *([f"good film {i}", "yes"] for i in range(40))])
        csv.writer(file).writerows([[f"bad play {i}", "no"] for i in range(40)])
    data = jaxflow.LabelledText(str(tmp_path / "texts.csv"), tokens=Words(min_count=1, lower=True), length=8)
    experiment = jaxflow.Experiment(
        data, jaxflow.BagOfTokens(), jaxflow.Classification(), jaxflow.Adam(0.05), batch_size=8, epochs=4
    )
    jaxflow.train(experiment, tmp_path / "run")
    (tmp_path / "new.txt").write_text("a GOOD film\na bad opera\n")
    caplog.clear()
    with jaxflow.predict(tmp_path / "run", tmp_path / "new.txt").open(newline="") as file:
        found = [row["prediction"] for row in csv.DictReader(file)]
    assert found == ["yes", "no"]
    assert "3 of 6 words of" in caplog.text
    assert "('a', 'opera')" in caplog.text
