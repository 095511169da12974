import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.problems.losses import CTC
from jaxflow.problems.metrics.edits import CharacterErrorRate, WordErrorRate, edit_distances, greedy_path, words_of
from jaxflow.problems.names import with_names
from jaxflow.schema import IGNORE, Feature, Schema, Target

GENERATOR = np.random.RandomState(0)
NAMES = ("a", "b", " ")
FRAMES = Schema(Feature("vector", (6, 4), "float32"), Target("class", NAMES, dense_shape=(3,)))
TAGS = Schema(Feature("tokens", (5,), "int32", vocab_size=9), Target("class", ("noun", "verb"), dense_shape=(5,)))


def collapsed(path, blank):
    """What a path of frames says, by its definition: repeated classes are one, blanks are none."""
    return [label for label, _ in itertools.groupby(path) if label != blank]


def test_ctc_sums_over_every_path():
    logits = GENERATOR.randn(2, 5, 4).astype(np.float32)
    targets = np.array([[0, 0, IGNORE], [2, 1, 0]], np.int8)
    logs = np.asarray(jax.nn.log_softmax(logits), np.float64)
    losses = np.asarray(CTC()(logits, targets))
    for row, text in enumerate(([0, 0], [2, 1, 0])):
        paths = [path for path in itertools.product(range(4), repeat=5) if collapsed(path, 3) == text]
        total = sum(np.exp(logs[row, np.arange(5), path].sum()) for path in paths)
        np.testing.assert_allclose(losses[row], -np.log(total) / len(text), rtol=1e-4)


def test_the_best_path_is_collapsed():
    paths = GENERATOR.randint(0, 3, (50, 8))
    decoded = np.asarray(greedy_path(jax.nn.one_hot(paths, 3)))
    for path, row in zip(paths, decoded):
        text = collapsed(path.tolist(), 2)
        assert row.tolist() == text + [IGNORE] * (8 - len(text))


def levenshtein(one, other):
    """The textbook's recursion."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row, before = [i], row
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
    return row[-1]


def test_edit_distances_are_the_textbooks():
    def texts(length):
        rows = GENERATOR.randint(0, 3, (60, length))
        return np.where(np.arange(length) < GENERATOR.randint(0, length + 1, (60, 1)), rows, IGNORE)

    predicted, true = texts(7), texts(5)
    expected = [levenshtein(p[p >= 0].tolist(), t[t >= 0].tolist()) for p, t in zip(predicted, true)]
    assert np.asarray(edit_distances(jnp.array(predicted), jnp.array(true))).tolist() == expected


def test_the_character_error_rate_is_over_all_characters_and_padding_counts_nowhere():
    problem = jaxflow.Transcription()
    outputs = jax.nn.one_hot(np.array([[0, 3, 1, 1, 3, 3], [2, 3, 3, 3, 3, 3], [0, 1, 2, 0, 1, 2]]), 4)
    targets = np.array([[0, 1, 1], [2, IGNORE, IGNORE], [0, 0, 0]], np.int8)
    weights = jnp.array([1.0, 1.0, 0.0])[:, None] * (targets >= 0)
    metrics = problem.running_metrics(outputs, targets, problem.losses(outputs, targets), weights)
    assert float(metrics["cer"].compute()) == pytest.approx(1 / 4)  # "ab" for "abb", and " "
    table = problem.prediction_table(FRAMES, np.asarray(problem.predictions(outputs)), targets)
    assert table["target"].tolist() == ["abb", " ", "aaa"]
    assert table["prediction"].tolist() == ["ab", " ", "ab ab "]
    none = levenshtein([], [0, 1, 1]) + levenshtein([], [2])
    frequent = levenshtein([0, 1, 1], [0, 1, 1]) + levenshtein([0, 1, 1], [2])
    assert problem.baseline(targets[:1], targets[:2])["cer"] == pytest.approx(min(none, frequent) / 4)


@pytest.mark.parametrize(
    ("true", "predicted", "edits", "words"),
    [
        ("the cat sat", "the cat sat", 0, 3),
        ("the cat sat", "the cats sat", 1, 3),  # replaced
        ("the cat sat", "the sat", 1, 3),  # lacks one
        ("the cat sat", "the the cat  sat", 1, 3),  # one more; two spaces are one
        ("a b c", "c a b", 2, 3),
        ("the cat", " catthe ", 2, 2),
        ("a", "", 1, 1),
        ("ab ba", "ba ab", 2, 2),  # the same letters in another order are another word
        ("a", "a a a a", 3, 1),  # more than 1
    ],
)
def test_the_word_error_rate_counts_edits_of_words(true, predicted, edits, words):
    names = (" ", *"abcehst")
    problem = with_names(jaxflow.Transcription(metrics=(WordErrorRate(), CharacterErrorRate())), spelt(names, 16))

    def encoded(text, blank):
        return [names.index(letter) for letter in text] + [blank] * (16 - len(text))

    # A blank between the characters keeps repeated ones apart; the second text is padding and counts nowhere.
    path = [index for letter in predicted for index in (names.index(letter), 8)]
    outputs = jax.nn.one_hot(np.array([path + [8] * (32 - len(path)), [1] * 32]), 9)
    targets = np.array([encoded(true, IGNORE), encoded("abc", IGNORE)], np.int8)
    weights = jnp.array([[1.0], [0.0]]) * (targets >= 0)
    metrics = problem.running_metrics(outputs, targets, jnp.zeros(targets.shape), weights)
    assert float(metrics["wer"].compute()) == pytest.approx(edits / words)
    assert float(metrics["cer"].compute()) == pytest.approx(levenshtein(predicted, true) / len(true))


def spelt(names, length):
    return Schema(Feature("vector", (32, 4), "float32"), Target("class", names, dense_shape=(length,)))


def test_words_are_numbered_alike_exactly_where_they_are_alike():
    texts = GENERATOR.randint(0, 3, (200, 9)).astype(np.int32)
    texts = np.where(np.arange(9) < GENERATOR.randint(0, 10, (200, 1)), texts, IGNORE)
    rows = np.asarray(words_of(jnp.array(texts), 0))
    words = [word for text in texts for word in "".join(" ab"[i] for i in text[text >= 0]).split()]
    numbers = [number for row in rows for number in row[row >= 0]]
    pairs = set(zip(words, numbers, strict=True))
    assert len(pairs) == len(set(words)) == len(set(numbers)) > 20


def test_the_baseline_of_words_is_the_most_frequent_text():
    names = (" ", "a", "b")
    problem = with_names(jaxflow.Transcription(metrics=(WordErrorRate(),)), spelt(names, 4))
    train = np.array([[1, 0, 2, IGNORE]] * 2 + [[2, 2, 2, 2]])  # "a b" twice, "bbbb"
    test = np.array([[1, 0, 2, IGNORE], [2, IGNORE, IGNORE, IGNORE], [1, 0, 1, IGNORE]])  # "a b", "b", "a a"
    assert problem.baseline(train, test) == {"cer": pytest.approx(3 / 7), "wer": pytest.approx(2 / 5)}


class Frames(nn.Module):
    """A class for every `stride`-th frame."""

    stride: int = 1
    outputs: int | None = None

    @nn.compact
    def __call__(self, inputs, train=False):
        return nn.Dense(self.outputs)(inputs[:, :: self.stride])


def spoken(count, seed):
    """Texts whose characters take two frames each, as one-hot rows with noise."""
    generator = np.random.RandomState(seed)
    lengths = generator.randint(1, 4, count)
    texts = np.where(np.arange(3) < lengths[:, None], generator.randint(0, 3, (count, 3)), IGNORE)
    texts[:, 1:] = np.where((texts[:, 1:] == texts[:, :-1]) & (texts[:, 1:] >= 0), (texts[:, 1:] + 1) % 3, texts[:, 1:])
    frames = np.eye(4)[np.repeat(np.where(texts < 0, 3, texts), 2, axis=1)]
    return (frames + 0.1 * generator.randn(count, 6, 4)).astype(np.float32), texts.astype(np.int8)


def dataset(*splits):
    parts = {
        name: jaxflow.ArraySplit(*arrays, [f"{name}-{i}.wav" for i in range(len(arrays[0]))]) for name, arrays in splits
    }
    return jaxflow.Dataset(parts, FRAMES)


@pytest.mark.slow
def test_texts_are_learned_without_knowing_where_their_characters_lie(tmp_path):
    data = dataset(("train", spoken(200, 0)), ("validation", spoken(20, 1)), ("test", spoken(30, 2)))
    experiment = jaxflow.Experiment(
        jaxflow.Arrays(), Frames(), jaxflow.Transcription(), jaxflow.Adam(3e-2), batch_size=20, epochs=20
    )
    jaxflow.train(experiment, tmp_path / "run", dataset=data)
    results = jaxflow.evaluate(tmp_path / "run", experiment=experiment, dataset=data)
    assert results["test"]["cer"] < 0.2 < results["baseline"]["cer"]
    assert (tmp_path / "run" / "predictions" / "test.csv").read_text().splitlines()[0] == "id,target,prediction"


def test_a_text_longer_than_the_frames_is_named(tmp_path):
    inputs, texts = spoken(40, 0)
    texts[7] = [0, 0, 1]
    texts[:7] = texts[8:] = [0, 1, IGNORE]
    data = dataset(("train", (inputs, texts)), ("test", spoken(4, 1)))
    experiment = jaxflow.Experiment(
        jaxflow.Arrays(), Frames(stride=2), jaxflow.Transcription(), jaxflow.Adam(), batch_size=20, epochs=1
    )
    with pytest.raises(
        jaxflow.UserError, match=r"train example train-7.wav has a text of 3 char.*for 3 frames"
    ) as error:
        jaxflow.train(experiment, tmp_path / "run", dataset=data)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_tags_of_padding_count_nowhere_and_tables_join_the_others():
    problem = jaxflow.Tagging()
    outputs = GENERATOR.randn(3, 5, 2).astype(np.float32)
    targets = np.array([[0, 1, 1, IGNORE, IGNORE], [1, 1, 0, 0, 1], [0, IGNORE, IGNORE, IGNORE, IGNORE]], np.int8)
    weights = jnp.array(targets >= 0, jnp.float32)
    metrics = problem.running_metrics(outputs, targets, problem.losses(outputs, targets), weights)
    known = targets >= 0
    assert float(metrics["accuracy"].compute()) == pytest.approx(np.mean(outputs.argmax(-1)[known] == targets[known]))
    table = problem.prediction_table(TAGS, outputs.argmax(-1), targets)
    assert table["target"].tolist() == ["noun verb verb", "verb verb noun noun verb", "noun"]
    assert [len(row.split()) for row in table["prediction"]] == [3, 5, 1]
    assert problem.baseline(targets, targets)["accuracy"] == pytest.approx(5 / 9)
    assert problem.num_outputs(TAGS) == 2


def test_problems_of_texts_name_each_other():
    with pytest.raises(jaxflow.UserError, match=r"one of 2 tags at each of its tokens.* use problem=Tagging\(\)"):
        jaxflow.LanguageModelling().num_outputs(TAGS)
    with pytest.raises(jaxflow.UserError, match="problem Tagging predicts a class at each token"):
        jaxflow.Tagging().num_outputs(FRAMES)
    with pytest.raises(jaxflow.UserError, match="problem Transcription reads texts out of audio"):
        jaxflow.Transcription().num_outputs(TAGS)
