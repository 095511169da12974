"""results.json: what jaxflow did not write so is not used, and a line says it."""

import json

import pytest

from jaxflow.runs.results import read_results, write_results
from jaxflow.serialization import json_digest

RESULTS = {"validation": {"loss": 0.5}, "test_evaluations": 1, "steps": 10, "seconds": 2.5, "later": ["what comes"]}


def test_what_was_written_is_read(tmp_path, said):
    write_results(tmp_path, RESULTS)
    assert read_results(tmp_path) == RESULTS
    assert said() == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"test_evaluations": "many"},
        {"test_evaluations": 1.5},
        {"test_step": True},
        {"steps": 10**30},
        {"seconds": None},
        {"test": 5},
        {"baseline": {"loss": "<b>"}},
        {"validation": {"loss": {"a": 2}}},
    ],
)
@pytest.mark.parametrize("sealed", [False, True])
def test_what_has_another_form_is_not_used(wrong, sealed, tmp_path, said):
    seal = {"digest": json_digest(RESULTS | wrong)[:16]} if sealed else {}
    (tmp_path / "experiment.json").write_text("{}")  # of an earlier version, whose files have no digests
    (tmp_path / "results.json").write_text(json.dumps(RESULTS | wrong | seal))
    assert read_results(tmp_path) == {}
    assert "results.json is damaged and not used" in said()
