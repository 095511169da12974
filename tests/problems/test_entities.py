"""Entity F1 against entities that are counted by hand, and against the definition of conlleval and seqeval."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.problems.metrics import Accuracy, EntityF1
from jaxflow.problems.names import with_names
from jaxflow.schema import IGNORE, Feature, Schema, Target

BIO = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")
IOBES = ("B-PER", "E-PER", "I-PER", "O", "S-PER", "S-LOC")
GENERATOR = np.random.RandomState(0)


def schema(names, time=8):
    return Schema(Feature("tokens", (time,), "int8", vocab_size=20), Target("class", names, dense_shape=(time,)))


def f1(true, predicted, names=BIO, length=8):
    """Entity F1 of sentences of tags with spaces between, padded with what must not count."""
    problem = with_names(jaxflow.Tagging(metrics=(EntityF1(),)), schema(names, length))
    targets, answers = np.full((2, len(true), length), IGNORE)
    for row, (one, other) in enumerate(zip(true, predicted)):
        targets[row, : len(one.split())] = [names.index(tag) for tag in one.split()]
        answers[row] = GENERATOR.randint(0, len(names), length)
        answers[row, : len(other.split())] = [names.index(tag) for tag in other.split()]
    outputs = jnp.eye(len(names))[answers] * 3
    weights = jnp.array(targets >= 0, jnp.float32)
    losses = problem.losses(outputs, jnp.array(targets))
    return float(problem.running_metrics(outputs, jnp.array(targets), losses, weights)["entity_f1"].compute())


@pytest.mark.parametrize(
    ("true", "predicted", "right", "of_predicted", "of_true"),
    [
        ("B-PER I-PER O B-LOC", "B-PER I-PER O B-LOC", 2, 2, 2),
        ("B-PER I-PER O B-LOC", "B-PER O O B-LOC", 1, 2, 2),  # the span is too short
        ("B-PER I-PER O B-LOC", "B-LOC I-LOC O B-LOC", 1, 2, 2),  # the type is another
        ("B-PER I-PER O B-LOC", "O O O O", 0, 0, 2),
        ("O O", "B-PER O", 0, 1, 0),
        ("B-PER I-PER I-PER", "B-PER B-PER I-PER", 0, 2, 1),  # B begins another
        ("I-PER I-PER O", "B-PER I-PER O", 1, 1, 1),  # IOB1: I after O begins one
        ("B-PER I-LOC", "B-PER B-LOC", 2, 2, 2),  # another type begins one
        ("B-PER B-PER", "B-PER I-PER", 0, 1, 2),
    ],
)
def test_entities_are_found_by_their_span_and_type(true, predicted, right, of_predicted, of_true):
    assert f1([true], [predicted]) == pytest.approx(2 * right / (of_predicted + of_true))


def test_all_entities_of_all_sentences_count_alike():
    # 3 of 4 true entities are found by 5 predicted ones.
    true = ["B-PER I-PER O", "B-LOC O B-LOC O B-PER"]
    predicted = ["B-PER I-PER O", "B-LOC B-PER B-LOC O B-LOC"]
    assert f1(true, predicted) == pytest.approx(2 * 3 / (4 + 5))
    assert np.isnan(f1(["O O"], ["O O"]))


@pytest.mark.parametrize(
    ("true", "predicted", "right", "of_predicted", "of_true"),
    [
        ("B-PER I-PER E-PER O S-PER", "B-PER I-PER E-PER O S-PER", 2, 2, 2),
        ("B-PER E-PER S-PER", "B-PER E-PER B-PER", 2, 2, 2),  # a B alone is an entity of one token
        ("S-PER S-PER", "B-PER E-PER", 0, 1, 2),
        ("B-PER E-PER I-PER", "B-PER E-PER O", 1, 1, 2),  # I after E begins one
        ("S-PER S-LOC", "S-PER S-PER", 1, 2, 2),
    ],
)
def test_entities_of_iobes(true, predicted, right, of_predicted, of_true):
    assert f1([true], [predicted], IOBES) == pytest.approx(2 * right / (of_predicted + of_true))


def entities(tags):
    """Returns (type, first, last) of each entity, by the rules of conlleval, which seqeval follows."""
    found, first, before, type_before = set(), 0, "O", ""
    for position, tag in enumerate([*tags, "O"]):
        place, _, kind = tag.partition("-")
        ends = before != "O" and (before in "ES" or place in "BSO" or kind != type_before)
        begins = place != "O" and (place in "BS" or before in "OES" or kind != type_before)
        if ends:
            found.add((type_before, first, position - 1))
        first = position if begins else first
        before, type_before = place, kind
    return found


@pytest.mark.parametrize("names", [BIO, IOBES])
def test_f1_of_any_tags_is_that_of_conlleval(names):
    for _ in range(5):
        lengths = GENERATOR.randint(1, 13, 5)
        true, predicted = ([" ".join(GENERATOR.choice(names, n)) for n in lengths] for _ in range(2))
        pairs = [(entities(one.split()), entities(other.split())) for one, other in zip(true, predicted)]
        found = sum(len(one & other) for one, other in pairs)
        total = sum(len(one) + len(other) for one, other in pairs)
        expected = 2 * found / total if total else np.nan
        assert f1(true, predicted, names, 12) == pytest.approx(expected, nan_ok=True)


def test_tags_that_mark_no_entities_are_named():
    problem = jaxflow.Tagging(metrics=(Accuracy(), EntityF1()))
    assert problem.num_outputs(schema(BIO)) == 5
    with pytest.raises(jaxflow.UserError, match=r"EntityF1 counts entities, of tags such as .* has NOUN, VERB; leave"):
        problem.num_outputs(schema(("NOUN", "O", "VERB")))
    with pytest.raises(jaxflow.UserError, match="has no O"):
        problem.num_outputs(schema(("B-PER", "I-PER")))


def test_the_baseline_is_the_most_common_tag_of_each_token():
    def split(inputs, targets):
        return jaxflow.ArraySplit(np.array(inputs, np.int8), np.array(targets, np.int8), list(map(str, inputs)))

    # Token 3 is 1 (twice) and 0 (once), token 4 is always 2; token 5 is unseen, and the most frequent tag is 4 (O).
    train = split([[3, 3, 3, 6], [4, 6, 6, 0]], [[1, 1, 0, 4], [2, 4, 4, IGNORE]])
    test = split([[3, 4, 5, 0], [5, 6, 3, 4]], [[1, 2, 4, IGNORE], [1, 4, 0, 0]])
    problem = with_names(jaxflow.Tagging(metrics=(Accuracy(), EntityF1())), schema(BIO, 4))
    scores = problem.baseline_of_inputs(train, test)
    assert scores["accuracy"] == pytest.approx(4 / 7)
    # True: PER 0-0, LOC 1-1; PER 0-0, LOC 2-2, LOC 3-3. Predicted: PER 0-0, LOC 1-1; PER 2-2, LOC 3-3.
    # The tags 0 to 4 are B-LOC, B-PER, I-LOC, I-PER and O.
    assert scores["entity_f1"] == pytest.approx(2 * 3 / (5 + 4))
    frequencies = (np.array([1, 2, 1, 0, 3]) + 1) / (7 + 5)
    seen = {3: (np.array([1, 2, 0, 0, 0]) + frequencies) / 4, 4: (np.eye(5)[2] + frequencies) / 2,
            6: (3 * np.eye(5)[4] + frequencies) / 4, 5: frequencies}  # fmt: skip
    pairs = [(3, 1), (4, 2), (5, 4), (5, 1), (6, 4), (3, 0), (4, 0)]
    assert scores["loss"] == pytest.approx(-np.mean([np.log(seen[token][tag]) for token, tag in pairs]), rel=1e-5)
