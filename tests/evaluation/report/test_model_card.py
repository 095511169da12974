"""The model card: facts of the run, in Markdown and in the page, and questions."""

import dataclasses
import re

import numpy as np
import pytest

import jaxflow
from jaxflow.data.dataset import Dataset
from jaxflow.evaluation.report.model_card import QUESTIONS
from jaxflow.reports.wording import exact
from jaxflow.schema import Target
from tests.reports.pages import addresses

NAMES = ("<b>plain</b>", "a|b*c*", "[x](http://evil.example)")


@pytest.fixture(scope="module")
def evaluated(experiment, toy, tmp_path_factory):
    run = tmp_path_factory.mktemp("card") / "run"
    named = Dataset(toy.splits, dataclasses.replace(toy.schema, target=Target("class", NAMES)))
    jaxflow.train(experiment, run, dataset=named)
    return run, jaxflow.evaluate(run, dataset=named)


def test_the_card_says_what_the_run_knows(evaluated, toy):
    run, results = evaluated
    card = (run / "report" / "model_card.md").read_text()
    heads = re.findall("^## (.*)$", card, re.MULTILINE)
    assert heads == ["What it is", "Data", "Training", "Results on the test split", "Where it errs more", "Limits",
                     "How to use it", "What only people know"]  # fmt: skip
    assert f"| parameters | {results['parameters']:,} |" in card
    counts = " | ".join(f"{len(split):,}" for split in toy.splits.values())
    assert f"| all | {counts} |" in card
    low, high = map(exact, results["test"]["accuracy_interval"])
    assert f"| accuracy | {exact(results['test']['accuracy'])} | {low} to {high} |" in card
    assert f"predict --workdir {run} --input PATH" in card
    assert "| majority | prior |" in card
    for question in QUESTIONS:
        assert f"| {question} |  |" in card


def test_names_are_no_markup_in_either(evaluated):
    run, _ = evaluated
    card, page = ((run / "report" / name).read_text() for name in ("model_card.md", "index.html"))
    assert "<b>" not in card
    assert "[x](" not in card
    assert addresses(page) == []
    assert "<h3>What only people know</h3>" in page
    assert "<b>plain" not in page


def test_what_people_must_know_is_a_limit(evaluated):
    run, _ = evaluated
    limits = (run / "report" / "model_card.md").read_text().partition("## Limits")[2].partition("## ")[0]
    assert "It knows no other classes" in limits
    assert "Leaks and odd labels were not looked for" in limits
    assert "**good**" not in limits


def test_values_and_texts_have_cards_too(tmp_path):
    random = np.random.RandomState(0)
    numbers = {name: (random.randn(30, 3).astype(np.float32), random.randn(30, 1)) for name in ("train", "test")}
    tiny = jaxflow.Experiment(
        data=jaxflow.Digits(),
        model=jaxflow.MLP(hidden=(4,)),
        problem=jaxflow.Regression(),
        optimizer=jaxflow.Adam(),
        batch_size=8,
        epochs=1,
    )
    dataset = jaxflow.from_arrays(numbers)
    jaxflow.train(tiny, tmp_path / "run", dataset=dataset)
    jaxflow.evaluate(tmp_path / "run", dataset=dataset)
    card = (tmp_path / "run" / "report" / "model_card.md").read_text()
    assert "It takes vector inputs of 3 (float32) and answers with a value of" in card.replace("\\", "")
    assert "There is no validation split" in card
