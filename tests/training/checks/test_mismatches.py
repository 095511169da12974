"""Data, model and problem that do not go together: each is one line that says what does."""

import dataclasses

import numpy as np
import pytest

import jaxflow
from jaxflow import layers
from jaxflow.data.checks import validate
from jaxflow.schema import IGNORE, Feature, Schema, Target
from jaxflow.training.prepare import prepare_training

GENERATOR = np.random.RandomState(0)


def dataset(feature, target, inputs=None, targets=None):
    """Random examples of a schema."""

    def split(name, count):
        size = (count, *feature.shape)
        high = feature.vocab_size or 2
        x = GENERATOR.randint(0, high, size).astype(feature.dtype) if inputs is None else inputs(size)
        y = GENERATOR.randint(0, len(target.names), (count, *target.shape)).astype(target.dtype)
        return jaxflow.ArraySplit(x, y if targets is None else targets(y), [f"{name}-{i}" for i in range(count)])

    return validate(jaxflow.Dataset({"train": split("train", 16), "test": split("test", 4)}, Schema(feature, target)))


IMAGES = dataset(Feature("image", (8, 8, 1), "float32"), Target("class", ("a", "b", "c")))
PAIRS = dataset(Feature("vector", (3,), "float32"), Target("class", ("a", "b")))
LABELS = dataset(
    Feature("vector", (3,), "float32"), Target("labels", ("a", "b", "c")), targets=lambda y: np.eye(3, dtype=int)[y]
)
ONE = dataset(Feature("vector", (3,), "float32"), Target("class", ("a",)))
ALIKE = dataset(Feature("vector", (3,), "float32"), Target("class", ("a", "b")), targets=np.zeros_like)
TEXTS = dataset(Feature("tokens", (6,), "int32", vocab_size=9), Target("class", ("a", "b")))
TAGS = dataset(Feature("tokens", (6,), "int32", vocab_size=9), Target("class", ("a", "b"), dense_shape=(6,)))
NEXT = dataset(
    Feature("tokens", (6,), "int32", vocab_size=9), Target("class", tuple(map(str, range(9))), dense_shape=(6,))
)
SPOKEN = dataset(Feature("series", (4, 3), "float32"), Target("class", ("a", "b"), dense_shape=(6,)))
HUGE = dataset(Feature("tokens", (6,), "int32", vocab_size=2_000_000_000), Target("class", ("a", "b")))
C, B = jaxflow.Classification(), jaxflow.BinaryClassification()


@pytest.mark.parametrize(
    ("data", "model", "problem", "message"),
    [
        (IMAGES, jaxflow.LSTM(), C, r"model LSTM takes tokens or .* has image inputs .*for example CNN or ViT"),
        (IMAGES, jaxflow.ViT(patch=3), C, r"patches of 3 pixels do not fill inputs of shape \(8, 8, 1\)"),
        (IMAGES, jaxflow.Sequential((layers.Conv(4), layers.Dense())), C, r"gets \(.*\); put Flatten\(\) or Global"),
        (IMAGES, jaxflow.MLPAutoencoder(), C, "gives 2 outputs, but the problem needs 3; it has no field `outputs`"),
        (IMAGES, jaxflow.MLP(outputs=7), C, "gives 7 outputs, but the problem needs 3; leave outputs=None"),
        (
            IMAGES,
            jaxflow.MLP(),
            jaxflow.Autoencoding(),
            r"problem Autoencoding needs \(64, 2\); use a model made for it",
        ),
        (
            IMAGES,
            jaxflow.MLP(),
            jaxflow.Segmentation(),
            r"one of 3 classes for each example; use problem=Classification\(\)",
        ),
        (
            IMAGES,
            jaxflow.MLP(),
            jaxflow.LanguageModelling(),
            r"one of 3 classes for each example.*use problem=Classification\(\)",
        ),
        (IMAGES, jaxflow.MLP(), B, r"and the data has 3; use problem=Classification\(\)"),
        (
            PAIRS,
            jaxflow.CNN(),
            C,
            r"a convolution goes over .* and inputs have shape \(3,\); model=MLP\(\) takes these",
        ),
        (PAIRS, jaxflow.CausalCNN(), C, r"model CausalCNN takes tokens inputs.* for example MLP"),
        (
            LABELS,
            jaxflow.MLP(),
            jaxflow.MultiLabel(jaxflow.losses.BinaryCrossEntropy(positive_weight=(1.0, 2.0))),
            "positive_weight has 2 numbers; give one, or one for each of a, b, c, in this order",
        ),
        (
            PAIRS,
            jaxflow.MLP(),
            jaxflow.BinaryClassification(jaxflow.losses.BinaryCrossEntropy(positive_weight=(1.0, 2.0))),
            "positive_weight has 2 numbers; give one$",
        ),
        (ONE, jaxflow.MLP(), B, "tells two classes apart, and the data has 1; give examples of other classes"),
        (ONE, jaxflow.MLP(), C, "the data has class 'a' alone; give examples of other classes"),
        (ALIKE, jaxflow.MLP(), B, "all 16 training targets are 'a'"),
        (TEXTS, jaxflow.MLP(), C, "model MLP takes numbers, and the data has tokens.* for example LSTM or BagOfTokens"),
        (TEXTS, jaxflow.CNN(), C, "model CNN takes numbers, and the data has tokens"),
        (
            TEXTS,
            jaxflow.Sequential((layers.Dropout(0.1), layers.Dense(4), layers.Dense())),
            C,
            r"model.layers begins with Dense, which takes numbers, .*begin with layers.Embedding\(\)",
        ),
        (
            TEXTS,
            jaxflow.Sequential((layers.Embedding(4, vocab_size=5), layers.Flatten(), layers.Dense())),
            C,
            "layers.Embedding has vocab_size=5, and the data has 9 different tokens; leave vocab_size=None",
        ),
        (
            PAIRS,
            jaxflow.Sequential(
                (layers.Dense(4), layers.Relu(), layers.Dense(2), layers.Sigmoid(), layers.Dropout(0.1))
            ),
            C,
            "model.layers ends with Sigmoid, and the problem takes raw outputs, .*leave that layer out",
        ),
        (
            IMAGES,
            jaxflow.MLP(),
            jaxflow.Classification(metrics=(jaxflow.metrics.TopK(3),)),
            r"metric TopK\(k=3\) is always 1: the data has 3 classes; take a smaller k",
        ),
        (TEXTS, jaxflow.LSTM(vocab_size=5), C, r"model.vocab_size is 5, and the data has 9 different tokens"),
        (TAGS, jaxflow.LSTM(), C, r"a class for each of its 6 positions; use problem=Tagging\(\)"),
        (TAGS, jaxflow.LSTM(), B, r"use problem=Tagging\(\)"),
        (TAGS, jaxflow.LSTM(), jaxflow.Segmentation(), r"use problem=Tagging\(\)"),
        (TAGS, jaxflow.LSTM(), jaxflow.LanguageModelling(), r"has one of 2 tags .*use problem=Tagging\(\)"),
        (NEXT, jaxflow.LSTM(), C, r"use problem=LanguageModelling\(\)"),
        (SPOKEN, jaxflow.LSTM(), C, r"use problem=Transcription\(\)"),
        (
            SPOKEN,
            jaxflow.LSTM(per_position=True),
            jaxflow.Transcription(),
            "train example train-0 has a text of 6 characters, and the model answers for 4 frames",
        ),
        (
            TAGS,
            jaxflow.TransformerDecoder(context=4, tied=False),
            jaxflow.Tagging(),
            "model.context is 4, and texts have 6 tokens; leave context=None, or shorten them",
        ),
        (HUGE, jaxflow.LSTM(width=512), C, r"the train state .* needs 12.3 TB .* use a smaller model"),
    ],
)
def test_what_does_not_go_together_is_one_line(data, model, problem, message):
    experiment = jaxflow.Experiment(jaxflow.Arrays(), model, problem, jaxflow.Adam(), batch_size=4)
    with pytest.raises(jaxflow.UserError, match=message) as error:
        prepare_training(experiment, data)
    assert "\n" not in str(error.value)


def test_a_run_that_learns_nothing_is_refused_and_one_that_hardly_begins_is_warned_of(caplog):
    experiment = jaxflow.Experiment(jaxflow.Arrays(), jaxflow.MLP(), C, jaxflow.Adam(), batch_size=4)
    frozen = dataclasses.replace(experiment, optimizer=jaxflow.Groups((("*", 0.0),), jaxflow.Adam()))
    with pytest.raises(jaxflow.UserError, match="every parameter has the factor 0"):
        prepare_training(frozen, PAIRS)
    for steps, warned in ((40, False), (41, True)):
        slow = jaxflow.Adam(learning_rate=0.5, schedule=jaxflow.Cosine(warmup_steps=steps))
        caplog.clear()
        prepare_training(dataclasses.replace(experiment, optimizer=slow, epochs=10), PAIRS)
        assert ("the run 40: the learning rate never reaches 0.5" in caplog.text) == warned


@pytest.mark.parametrize("token", [9, 200, -1])
def test_tokens_that_no_vocabulary_has_are_named(token):
    def inputs(size):
        tokens = np.zeros(size, np.int32)
        tokens[2, 3] = token
        return tokens

    message = rf"train example train-2 holds the token {token}, outside 0..8, .* \(1 such examples\); correct them"
    with pytest.raises(jaxflow.UserError, match=message):
        dataset(Feature("tokens", (6,), "int32", vocab_size=9), Target("class", ("a", "b")), inputs)


def test_labels_outside_the_classes_are_named():
    for wrong, dense in ((2, (6,)), (2, ()), (IGNORE, ())):
        target = Target("class", ("a", "b"), dense_shape=dense)
        with pytest.raises(jaxflow.UserError, match=rf"example train-0 has label {wrong}, outside 0..1 \("):
            dataset(Feature("vector", (6,), "float32"), target, targets=lambda y, w=wrong: np.full_like(y, w))


@pytest.mark.parametrize("model", [jaxflow.LSTM(width=4, bidirectional=True), jaxflow.TransformerEncoder(1, 2, 8)])
def test_tagging_takes_models_that_see_both_ways_and_language_modelling_does_not(model):
    def prepared(problem, data):
        return prepare_training(
            jaxflow.Experiment(jaxflow.Arrays(), model, problem, jaxflow.Adam(), batch_size=4), data
        )

    assert prepared(jaxflow.Tagging(), TAGS).program.experiment.problem.classes == ("a", "b")
    with pytest.raises(jaxflow.UserError, match="sees the tokens that LanguageModelling predicts"):
        prepared(jaxflow.LanguageModelling(), NEXT)
