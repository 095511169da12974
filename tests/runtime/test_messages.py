"""Messages: what was sealed for a place in a launch is read there; everything else is refused alike, and never run."""

import ast
import json
import string
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxflow.errors import DamagedError, StoppedError, UserError
from jaxflow.runtime import messages
from jaxflow.runtime.messages import Channel, ForgedError, decode, encode, plain, seal, unseal
from tests.conftest import ROOT

CHANNEL = Channel(b"a secret of some length", 3, "today")
ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(ATOMS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
PLACES = st.tuples(st.integers(0, 10**6), st.integers(0, 2))


@given(PLACES, st.binary())
def test_a_message_is_read_in_its_place(place, text):
    assert unseal(CHANNEL, *place, seal(CHANNEL, *place, text)) == text


@given(PLACES, PLACES, st.binary(max_size=50))
def test_a_message_of_another_place_or_channel_is_refused(place, other, text):
    sealed = seal(CHANNEL, *place, text)
    channels = [replace(CHANNEL, secret=b"another"), replace(CHANNEL, processes=4), replace(CHANNEL, session="before")]
    refused = [(channel, *place) for channel in channels] + ([(CHANNEL, *other)] if other != place else [])
    for where in refused:
        with pytest.raises(ForgedError, match="does not verify"):
            unseal(*where, sealed)


@given(st.binary(max_size=50), st.data())
def test_a_message_that_was_changed_is_refused(text, data):
    sealed = bytearray(seal(CHANNEL, 5, 1, text))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    for changed in (bytes(sealed), bytes(sealed[:at]), bytes(sealed) + b"x", b""):
        with pytest.raises(ForgedError):
            unseal(CHANNEL, 5, 1, changed)


def test_a_message_that_is_too_long_is_refused_unread(monkeypatch):
    sealed = seal(CHANNEL, 0, 0, b"x" * 100)
    monkeypatch.setattr(messages, "MAX_BYTES", 99)
    with pytest.raises(ForgedError):
        unseal(CHANNEL, 0, 0, sealed)


@given(VALUES)
def test_a_value_arrives_as_plain_has_it(value):
    assert decode("f", encode("f", value, None)) == (plain(value), None)
    assert plain(value) == value  # JSON's own values are left as they are
    assert json.loads(json.dumps(plain(value))) == plain(value)


def test_tuples_become_lists_and_numbers_those_of_python():
    value = {"a": (1, np.float32(0.5)), "b": [np.int64(3), np.True_, jnp.float32(2)], "c": np.float64("inf")}
    sent, _ = decode("f", encode("f", value, None))
    assert sent == plain(value) == {"a": [1, 0.5], "b": [3, True, 2.0], "c": float("inf")}
    assert [type(item) for item in (*sent["a"], *sent["b"])] == [int, float, int, bool, float]


@pytest.mark.parametrize(
    "value",
    [Path("a"), {1: 2}, {"a": {1, 2}}, [np.zeros(3)], b"bytes", object()],
    ids=lambda value: type(value).__name__,
)
def test_what_json_has_no_word_for_cannot_be_sent(value):
    with pytest.raises(TypeError, match="processes exchange what JSON can hold, and this is"):
        plain(value)


class OwnError(UserError):
    """As a user may derive it."""


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (UserError("no such file"), UserError, "no such file"),
        (DamagedError("cut"), DamagedError, "cut"),
        (StoppedError("step 3"), StoppedError, "step 3"),
        (OwnError("mine"), UserError, "mine"),
        (KeyError("x"), RuntimeError, "KeyError: 'x'"),
        (OSError(28, "No space left on device"), RuntimeError, "OSError: [Errno 28] No space left on device"),
    ],
    ids=repr,
)
def test_an_error_keeps_its_class_where_jaxflow_knows_it(error, kind, text):
    _, arrived = decode("f", encode("f", None, error))
    assert (type(arrived), str(arrived)) == (kind, text)


HOSTILE = {
    "not JSON": b"\x80\x04cos\nsystem\n",
    "not UTF-8": b'{"call": "\xff"}',
    "deep": b"[" * 10**6,
    "a deep dict": b'{"a":' * 10**5,
    "a list": b"[1, 2]",
    "a number": b"1" * 10_000,
    "nothing": b"",
    "other keys": b'{"call": "f", "value": 1}',
    "more keys": b'{"call": "f", "value": 1, "error": null, "and": 1}',
    "an unknown class": b'{"call": "f", "value": null, "error": ["SystemExit", "0"]}',
    "a class that is none": b'{"call": "f", "value": null, "error": [["UserError"], "0"]}',
    "an error that is none": b'{"call": "f", "value": null, "error": 7}',
    "an error of three": b'{"call": "f", "value": null, "error": ["UserError", "a", "b"]}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_message_is_one_line(name):
    with pytest.raises(ForgedError, match=r"^what stands on the coordinator is no message of jaxflow: .*Security"):
        decode("f", HOSTILE[name])


@given(st.text(string.printable) | VALUES.map(json.dumps))
def test_any_text_is_a_message_or_refused(text):
    with pytest.raises((ForgedError, RuntimeError), match=r"no message|out of step"):
        decode("f", text.encode())


def test_processes_that_are_out_of_step_are_told_so():
    with pytest.raises(RuntimeError, match="out of step: one is at 'on_main', this one at run_on_all"):
        decode("run_on_all", encode("on_main", 1, None))


# Grain starts worker processes, and hands them classes of experiment files by cloudpickle: no stranger writes there.
MAY_IMPORT = {"jaxflow/training/workers.py": {"cloudpickle"}}
PICKLES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal", "joblib"}


def test_nothing_is_unpickled_anywhere():
    found = []
    for path in [
        path for top in ("jaxflow", "tests", "benchmarks", "experiments") for path in (ROOT / top).rglob("*.py")
    ]:
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if {module.partition(".")[0] for module in modules} & PICKLES - MAY_IMPORT.get(name, set()):
                found.append(f"{name}:{node.lineno}")
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                found.append(f"{name}:{node.value.lineno}")
    assert not found
