"""Whatever lies in a file or on the command line: a value or one line, never a traceback and never a hang."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jaxflow
from jaxflow.errors import DamagedError, UserError
from jaxflow.experiment import Experiment, dumps
from jaxflow.flags.override import override
from jaxflow.runs.folder import read_experiment
from jaxflow.runs.metrics_log import read_metrics
from jaxflow.runs.results import read_results
from jaxflow.serialization import flatten, from_json, to_json
from jaxflow.training.checkpoints.manager import open_checkpoints
from jaxflow.training.checkpoints.reading import read_meta
from tests.conftest import ROOT

QUICK = settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just({"class": "os:getcwd"}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def value_or_error(call, *arguments):
    try:
        return call(*arguments)
    except UserError as error:
        return error


def places(value, path=()):
    """Lists where the parts of a JSON value are."""
    yield path
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(part, (*path, key))


def changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@QUICK
@given(data=st.data())
def test_a_changed_experiment_is_an_experiment_or_one_line(data, experiment, tmp_path):
    described = to_json(experiment)
    path = data.draw(st.sampled_from(list(places(described))))
    (tmp_path / "experiment.json").write_text(json.dumps(changed(described, path, data.draw(JSON))))
    assert isinstance(value_or_error(read_experiment, tmp_path), Experiment | UserError)


@QUICK
@given(text=st.binary(max_size=200) | st.text(max_size=200).map(str.encode), cut=st.integers(0, 3000))
@pytest.mark.parametrize("name", ["experiment.json", "results.json", "metrics.jsonl"])
def test_any_bytes_in_a_run_folder(name, text, cut, experiment, tmp_path):
    good = dumps(experiment).encode()
    (tmp_path / name).write_bytes(good[:cut] + text + good[cut:])
    read = {"experiment.json": read_experiment, "results.json": read_results, "metrics.jsonl": read_metrics}[name]
    assert isinstance(value_or_error(read, tmp_path), Experiment | dict | list | UserError)


FIELDS = sorted(name for name, _ in flatten(jaxflow.load(ROOT / "experiments" / "digits_cnn.py")))


@QUICK
@given(
    name=st.sampled_from(FIELDS) | st.text(max_size=10),
    value=st.text(max_size=10) | st.integers().map(str) | st.floats().map(str),
)
def test_any_flag(name, value, experiment):
    assert isinstance(value_or_error(override, experiment, [f"--{name}={value}"]), Experiment | UserError)


@pytest.fixture(scope="module")
def meta(tmp_path_factory):
    """A trained run and the file in which the meta of its checkpoint lies."""
    folder = tmp_path_factory.mktemp("meta")
    images, labels = jaxflow.Digits().load().splits["test"].rows(range(16)).values()
    experiment = jaxflow.Experiment(
        data=jaxflow.Digits(), preprocess=(jaxflow.Scale(),), model=jaxflow.MLP(hidden=()),
        problem=jaxflow.Classification(), optimizer=jaxflow.SGD(), batch_size=16, epochs=1,
    )  # fmt: skip
    dataset = jaxflow.from_arrays({"train": (images, labels), "test": (images, labels)}, classes="0123456789")
    jaxflow.train(experiment, folder, dataset=dataset)
    return (
        folder,
        experiment,
        next(path for path in (folder / "checkpoints" / "1" / "meta").rglob("*") if path.is_file()),
    )


@QUICK
@given(data=st.data())
def test_any_change_of_a_checkpoints_meta_is_noticed(data, meta):
    folder, experiment, path = meta
    good = path.read_bytes()
    values = json.loads(good)
    where = data.draw(st.sampled_from([place for place in places(values) if place]))
    new = data.draw(JSON)
    text = json.dumps(changed(values, where, new))
    try:
        path.write_text(text)
        with open_checkpoints(
            folder / "checkpoints", experiment.problem, experiment.max_checkpoints, read_only=True
        ) as kept:
            before = json.dumps(values, sort_keys=True)
            if json.dumps(json.loads(text), sort_keys=True) == before:
                read_meta(kept, 1)
            else:
                with pytest.raises(DamagedError):
                    read_meta(kept, 1)
    finally:
        path.write_bytes(good)


@QUICK
@given(value=JSON)
def test_json_that_is_no_experiment_runs_nothing(value):
    result = value_or_error(from_json, value)
    assert result is None or isinstance(result, bool | int | float | str | tuple | UserError)
