"""What a report says about its own numbers."""

import json
from functools import partial

import pytest

from jaxflow.evaluation.report.headline import Headline
from jaxflow.evaluation.report.rivals import Rival, Verdict
from jaxflow.evaluation.report.trust import Chosen, remarks
from jaxflow.reports.wording import percent

ACCURACY = Headline("accuracy", True, partial(percent, examples=100), "{}")
GOOD = {
    "test": {"accuracy": 0.9, "accuracy_interval": [0.85, 0.94]},
    "test_units": "100 examples",
    "test_evaluations": 1,
}
LATE = Chosen(19.0, 20.0, "loss", 0.1, 20.0)


def said(tmp_path, results=GOOD, chosen=LATE, rival=0.5):
    own, interval = 0.9, [0.85, 0.94]
    judged = [] if rival is None else [Verdict("accuracy", own, interval, Rival("guessing", rival), own > rival)]
    return [(r.severity, r.text) for r in remarks(results, ACCURACY, judged, chosen, tmp_path, "jaxflow")]


def test_a_sound_run_has_nothing_but_the_advice_to_explore(tmp_path):
    found = said(tmp_path)
    assert [severity for severity, _ in found] == ["note", "good", "good", "good", "good"]
    assert "were not looked for: jaxflow explore --workdir" in found[0][1]


@pytest.mark.parametrize(
    ("rival", "severity", "words"),
    [
        (0.5, "good", "Better than guessing: accuracy 90% (85 to 94) against 50%."),
        (0.87, "problem", "not clearly better than guessing"),
        (0.9, "problem", "only as good as guessing"),
        (0.95, "problem", "no better than guessing"),
        (None, "note", "no baseline to compare with"),
    ],
)
def test_what_needs_no_model_is_compared(rival, severity, words, tmp_path):
    assert any(found == severity and words in text for found, text in said(tmp_path, rival=rival))


@pytest.mark.parametrize(
    ("units", "severity", "words"),
    [
        ("359 examples", "good", "the test split's 359 examples."),
        ("24 groups", "good", "24 groups, each as a whole"),
        ("2 groups", "problem", "2 groups: too few"),
        ("1,024 blocks", "good", "1,024 blocks"),
    ],
)
def test_units_are_named_and_few_of_them_are_a_problem(units, severity, words, tmp_path):
    found = said(tmp_path, GOOD | {"test_units": units})
    assert any(kind == severity and words in text for kind, text in found)


@pytest.mark.parametrize(
    ("chosen", "severity", "words"),
    [
        (Chosen(4.0, 20.0, "loss", 0.1, 20.0), "problem", "Overfitting: validation loss was best at epoch 4 of 20"),
        (Chosen(4.0, 20.0, "loss", 0.1, 4.0), "note", "that checkpoint was tested"),
        (Chosen(20.03, 20.03, "loss", 0.1, 20.03), "note", "best at epoch 20 of 20 and may still improve"),
        (Chosen(1.0, 2.0, "loss", 0.1, 2.0), "good", "best at epoch 1 of 2"),
        (None, "note", "no validation split"),
    ],
)
def test_a_best_epoch_long_before_the_last_is_overfitting(chosen, severity, words, tmp_path):
    assert any(found == severity and words in text for found, text in said(tmp_path, chosen=chosen))


def test_looks_at_the_test_and_skipped_steps_are_counted(tmp_path):
    found = said(tmp_path, GOOD | {"test_evaluations": 3, "skipped_steps": 2})
    assert any("evaluated 3 times" in text for _, text in found)
    assert any(severity == "problem" and text.startswith("2 training steps were skipped") for severity, text in found)


def test_what_explore_found_comes_first(tmp_path):
    leak = {"severity": "leak", "message": "5 rows are in both", "advice": "split by group", "ids": ["a", "b"]}
    note = {"severity": "note", "message": "few", "advice": "look", "ids": []}
    (tmp_path / "data.json").write_text(json.dumps({"findings": [note, leak]}))
    assert said(tmp_path)[0] == ("leak", "In the data: 5 rows are in both: split by group.")
    (tmp_path / "data.json").write_text(json.dumps({"findings": [note]}))
    assert any(text == "No leak and no problem was found in the data, 1 note." for _, text in said(tmp_path))
    for damaged in ("{", "[]", '{"findings": 3}', '{"findings": [{"severity": 1}]}'):
        (tmp_path / "data.json").write_text(damaged)
        assert any("cannot be read" in text for _, text in said(tmp_path))


@pytest.mark.parametrize(("interval", "severity"), [([0.01, 0.06], "good"), ([0.06, 0.11], "problem")])
def test_probabilities_that_are_no_frequencies_are_a_problem(interval, severity, tmp_path):
    test = GOOD["test"] | {"calibration_error": 0.06, "calibration_error_interval": interval}
    found = said(tmp_path, GOOD | {"test": test})
    assert any(kind == severity and text.startswith("Its probabilities are off by 6% (") for kind, text in found)
