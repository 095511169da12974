"""How much a file may take, where the environment says it."""

import pytest

import jaxflow
from jaxflow.data.reading.limits import max_bytes


@pytest.mark.parametrize("text", ["many", "0", "-1", "9" * 5000])
def test_what_is_no_number_of_bytes_is_refused(text, monkeypatch):
    monkeypatch.setenv("JAXFLOW_MAX_FILE_BYTES", text)
    with pytest.raises(jaxflow.UserError, match=r"JAXFLOW_MAX_FILE_BYTES is '[\w-]{1,40}'; it is a number of bytes"):
        max_bytes()


def test_a_number_of_bytes_is_the_limit(monkeypatch):
    monkeypatch.setenv("JAXFLOW_MAX_FILE_BYTES", "1000")
    assert max_bytes() == 1000
