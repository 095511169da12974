"""What explore says of texts."""

import json

import numpy as np

import jaxflow
from jaxflow.data.profiling.tokens import bag_of_words, count_tokens, lengths
from tests.data.sources.test_labelled_text import examples, write
from tests.reports.pages import count_figures, images_of


def explore(data, problem, folder, **fields):
    model = jaxflow.BagOfTokens() if isinstance(problem, jaxflow.Classification) else jaxflow.CausalCNN()
    run = jaxflow.Experiment(data=data, model=model, problem=problem, optimizer=jaxflow.Adam(), **fields)
    return jaxflow.explore(run, folder)


def test_a_text_is_described_by_its_tokens(tmp_path):
    text = "".join(np.random.RandomState(0).choice(list("ab c"), 3000)) + "Ω<b>" * 20
    (tmp_path / "a.txt").write_text(text)
    described = explore(jaxflow.Text(str(tmp_path / "a.txt"), length=16), jaxflow.LanguageModelling(), tmp_path / "run")
    assert described["tokens"]["vocabulary"] == 2 + len("ab c")
    assert described["tokens"]["unknown"]["train"] == 0
    assert described["tokens"]["unknown"]["test"] == np.mean([c in "Ω<>" for c in text[int(0.9 * len(text)) :]])
    assert described["splits"]["train"]["classes"]["a"] == text[1 : int(0.8 * len(text))].count("a")
    whats = [finding["message"] for finding in described["findings"]]
    assert any("of the tokens of test are characters that the training split does not have" in what for what in whats)
    assert not any("no example of" in what or "different targets" in what for what in whats)
    page = (tmp_path / "run" / "report" / "data.html").read_text()
    assert described["texts"][0]["text"] == text[:16]
    assert count_figures(page) == 1  # windows are all of one length
    assert json.loads((tmp_path / "run" / "data.json").read_text())["tokens"] == described["tokens"]


def test_labelled_texts_are_described_by_class(tmp_path):
    rows = [*examples(150), *[(text, {"good": "bad", "bad": "good"}[label]) for text, label in examples(2)]]
    data = jaxflow.LabelledText(write(tmp_path, "jsonl", rows), length=20)
    described = explore(data, jaxflow.Classification(), tmp_path / "run")
    whats = {finding["message"]: finding for finding in described["findings"]}
    torn = next(finding for what, finding in whats.items() if "with different targets" in what)
    assert torn["severity"] == "problem"
    assert any("fill all 20 tokens, and the rest is truncated" in what for what in whats)
    assert {text["class"] for text in described["texts"]} <= {"good", "bad"}
    page = (tmp_path / "run" / "report" / "data.html").read_text()
    assert count_figures(page) == 3  # classes, tokens, lengths


def test_what_token_dropout_changes_is_marked(tmp_path):
    data = jaxflow.LabelledText(write(tmp_path, "jsonl", examples(60)), length=20)
    marked = []
    for probability in (0.0, 0.3, 1.0):
        folder = tmp_path / str(probability)
        explore(data, jaxflow.Classification(), folder, augment=(jaxflow.TokenDropout(probability),))
        images = images_of(folder / "report" / "data_augment.svg")
        marked.append(np.mean(np.concatenate([image[..., 3].ravel() for image in images]) > 0))
        assert "Augmentations, each by itself" in (folder / "report" / "data.html").read_text()
    assert marked[0] == 0
    assert 0 < marked[1] < 0.6 * marked[2]


def test_the_same_text_in_two_splits_is_a_leak(tmp_path):
    for number, (text, label) in enumerate(examples(60)):
        for part in ("train", "test") if number < 20 else ("train",):
            path = tmp_path / "texts" / part / label / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    data = jaxflow.LabelledText(str(tmp_path / "texts"), length=60)
    described = explore(data, jaxflow.Classification(), tmp_path / "run")
    first = described["findings"][0]
    assert first["severity"] == "leak"
    assert first["message"] == "20 inputs are in more than one split"


def test_tokens_are_counted_without_padding():
    inputs = np.array([[3, 0, 3, 0], [1, 2, 3, 4], [0, 0, 0, 0]], np.int8)
    assert lengths(inputs).tolist() == [3, 4, 0]
    assert count_tokens(inputs, 6).tolist() == [0, 1, 1, 3, 1, 0]
    np.testing.assert_array_equal(bag_of_words(inputs, 2), [[2, 0], [1, 1], [0, 0]])
