"""The first sentence of a report, against what it should be of known numbers."""

import pytest

import jaxflow
from jaxflow.evaluation.report.headline import lead
from jaxflow.problems.names import with_names
from jaxflow.schema import Feature, Schema, Target

IMAGE, VECTOR = Feature("image", (8, 8, 1), "uint8"), Feature("vector", (3,), "float32")
TOKENS = Feature("tokens", (16,), "int32", vocab_size=65)
SERIES = Feature("series", (28, 1), "float32")


def classes(count, inputs=IMAGE, shape=()):
    return Schema(inputs, Target("class", tuple(map(str, range(count))), shape))


@pytest.mark.parametrize(
    ("count", "chance", "examples", "accuracy", "interval", "expected"),
    [
        (10, 0.1, 359, 355 / 359, [0.9749, 0.9972], "98.9% (97.5 to 99.7) of 359 test images right; {} has 10%."),
        (2, 0.5, 40, 33 / 40, [0.675, 0.925], "82% (68 to 92) of 40 test images right; {} has 50%."),
        (
            100,
            0.01,
            20_000,
            0.76543,
            [0.7595, 0.7712],
            "76.54% (75.95 to 77.12) of 20,000 test images right; {} has 1%.",
        ),
        (3, 1 / 3, 1, 1.0, None, "100% of 1 test image right; {} has 33%."),
    ],
)
def test_classes(count, chance, examples, accuracy, interval, expected):
    test = {"accuracy": accuracy} | ({} if interval is None else {"accuracy_interval": interval})
    said = lead(
        {"test": test, "baselines": {"majority": {"accuracy": chance}}},
        classes(count),
        jaxflow.Classification(),
        examples,
    )
    assert said == expected.format("always answering the most frequent class")


def test_simple_models_stand_beside_the_constant_and_win_where_they_do():
    baselines = {"majority": {"accuracy": 0.1}, "prior": {"accuracy": 0.1}, "logistic regression": {"accuracy": 0.958}}
    schema, problem = classes(10), jaxflow.Classification()
    said = lead({"test": {"accuracy": 0.989}, "baselines": baselines}, schema, problem, 359)
    assert said == (
        "98.9% of 359 test images right; always answering the most frequent class has 10%; "
        "logistic regression has 95.8%."
    )
    said = lead({"test": {"accuracy": 0.95}, "baselines": baselines}, schema, problem, 359)
    assert said == (
        "95% of 359 test images right: no better than logistic regression, with 95.8%; "
        "always answering the most frequent class has 10%."
    )
    even = lead({"test": {"accuracy": 0.958}, "baselines": baselines}, schema, problem, 359)
    assert "only as good as logistic regression" in even
    chance = {"accuracy": 0.96, "accuracy_interval": [0.93, 0.98]}
    said = lead({"test": chance, "baselines": baselines}, schema, problem, 359, "epoch 12 of 20")
    assert said == (
        "96% (93 to 98) of 359 test images right: not clearly better than logistic regression, with 95.8%; "
        "always answering the most frequent class has 10%; early: epoch 12 of 20."
    )


def test_numbers():
    results = {"test": {"rmse": 2.0149, "rmse_interval": [1.9, 2.126]}, "baselines": {"mean": {"rmse": 4.1}}}
    said = lead(results, Schema(VECTOR, Target("number", ("price",))), jaxflow.Regression(), 1200)
    assert said == "Typical error (RMSE) 2.01 (1.9 to 2.13) on 1,200 test rows; always answering the mean has 4.1."


def test_several_numbers_have_an_error_each():
    schema = Schema(VECTOR, Target("number", ("price", "area")))
    results = {
        "test": {"rmse/price": 20.0, "rmse_interval/price": [18.0, 22.0], "rmse/area": 3.0},
        "baselines": {"mean": {"rmse/price": 10.0, "rmse/area": 9.0}},
    }
    said = lead(results, schema, with_names(jaxflow.Regression(), schema), 50)
    assert said == (
        "Typical error (RMSE) price 20 (18 to 22), area 3 on 50 test rows: "
        "no better for price than always answering the mean, with 10."
    )


def test_forecasts_are_compared_with_naive_ones():
    schema = Schema(SERIES, Target("number", ("load",)))
    results = {
        "test": {"rmse": 2.5},
        "baselines": {"last value": {"rmse": 2.6}, "last season (7 rows)": {"rmse": 3.65}},
        "baseline": {"rmse": 2.6},
    }
    said = lead(results, schema, jaxflow.Regression(), 365)
    assert said == ("Typical error (RMSE) 2.5 on 365 test windows; repeating the last value has 2.6.")


def test_masks_and_texts():
    results = {"test": {"iou": 0.451, "accuracy": 0.8}, "baselines": {"most frequent class": {"iou": 0.03}}}
    said = lead(results, classes(11, IMAGE, (8, 8)), jaxflow.Segmentation(), 101)
    assert said == (
        "Answered and true classes overlap by 45.1% (mean IoU) on 101 test images; "
        "the most frequent class everywhere has 3%."
    )
    results = {"test": {"perplexity": 5.432}, "baselines": {"unigram": {"perplexity": 26.0}}}
    said = lead(results, classes(65, TOKENS, (16,)), jaxflow.LanguageModelling(), 1000)
    assert said == "Perplexity 5.43 on 1,000 test windows; frequencies of tokens alone have 26."


def test_tags_are_counted_and_what_earlier_versions_wrote_is_read():
    results = {"test": {"accuracy": 0.987, "perplexity": 1.1}, "baseline": {"accuracy": 0.9, "loss": 0.4}}
    said = lead(results, classes(9, TOKENS, (16,)), jaxflow.Tagging(), 40)
    assert said == "98.7% of the tags in 40 test texts right; answering without inputs has 90%."


def test_what_no_sentence_is_made_for_has_its_metric():
    said = lead({"test": {"loss": 0.25}}, Schema(IMAGE, Target("labels", ("a", "b"))), jaxflow.MultiLabel(), 7)
    assert said == "Loss 0.25 on 7 test images."
    assert lead({}, classes(2), jaxflow.Classification(), 7) == ""
