"""Pipes, devices and huge files in the place of small files: none is waited for, and none is read."""

import os
import signal

import pytest

import jaxflow
from jaxflow.data.folders.layout import find_labelled
from jaxflow.data.reading.formats import KINDS
from jaxflow.errors import UserError
from jaxflow.runs.metrics_log import read_metrics
from jaxflow.runs.results import read_results
from jaxflow.runs.trust import MARK, files_to_execute
from jaxflow.runtime.regular_files import open_regular, read_regular, require_regular
from jaxflow.runtime.secret import take_secret


@pytest.fixture(autouse=True)
def _no_waiting():
    """Who waits for a writer fails instead."""

    def fail(*arguments):
        raise TimeoutError("it waits for a pipe")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, 20)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def irregular(path, how):
    if how == "pipe":
        os.mkfifo(path, 0o600)
    elif how == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(8 << 30)  # takes no space


def test_a_regular_file_is_read_whole(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert read_regular(tmp_path / "a", 3) == b"abc"
    require_regular(tmp_path / "a")
    require_regular(tmp_path)
    require_regular(tmp_path / "none")
    with pytest.raises(UserError, match="has 3 bytes, and 2 is the most"):
        read_regular(tmp_path / "a", 2)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none", 2)


@pytest.mark.parametrize(("how", "message"), [("pipe", "named pipe"), ("device", "device"), ("huge", "8,589,934,592")])
def test_what_is_none_is_one_line_in_a_run_folder(how, message, tmp_path, said):
    for name in ("results.json", "metrics.jsonl", MARK, "secret"):
        irregular(tmp_path / name, how)
    assert read_results(tmp_path) == {}
    assert "results.json is damaged and not used" in said()
    with pytest.raises(UserError, match=f"metrics.jsonl .*{message}"):
        read_metrics(tmp_path)
    with pytest.raises(UserError, match=f"secret .*{message}"):
        take_secret(str(tmp_path / "secret"), {})
    (tmp_path / "own.py").write_text("")
    with pytest.raises(UserError, match="was not trained here by you"):
        files_to_execute(tmp_path, ["jaxflow_experiment_own:Own"])


@pytest.mark.parametrize("how", ["pipe", "device"])
def test_tables_of_labels_and_new_data_must_be_files(how, tmp_path):
    irregular(tmp_path / "l.csv", how)
    irregular(tmp_path / "t.csv", how)
    with pytest.raises(UserError, match=r"l\.csv is a .*no file"):
        find_labelled(tmp_path, KINDS["image"], "l.csv")
    for source in (jaxflow.Table(str(tmp_path / "t.csv"), "y"), jaxflow.Series(str(tmp_path / "t.csv"), "y", ("z",))):
        with pytest.raises(UserError):
            source.load()
