"""Files of a run folder are executed where this user trained it here, or says so; never otherwise."""

import json
import shutil
import threading

import pytest

import jaxflow
from jaxflow.deployment import from_run
from jaxflow.runs import trust
from jaxflow.runs.folder import check_same_run, read_experiment, sealed
from jaxflow.runs.opening import open_run
from jaxflow.serialization import FILE_MODULE

# Whoever executes this file leaves a trace.
OWN = """
from dataclasses import dataclass
from pathlib import Path
import helper, jaxflow
Path({trace!r}).touch()
@dataclass(frozen=True)
class Times:
    factor: float = 0.5
    def fit(self, inputs): return []
    def __call__(self, fitted, inputs): return inputs * self.factor * helper.ONE
def get_config():
    return jaxflow.Experiment(data=jaxflow.Digits(), model=jaxflow.MLP(hidden=(4,)), preprocess=(Times(),),
                              problem=jaxflow.Classification(), optimizer=jaxflow.SGD(0.1), epochs=0.02)
"""


@pytest.fixture
def trace(tmp_path):
    return tmp_path / "executed"


@pytest.fixture
def file(tmp_path, trace):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "helper.py").write_text("ONE = 1\n")
    file = tmp_path / "mine" / "own.py"
    file.write_text(OWN.format(trace=str(trace)))
    return file


@pytest.fixture
def run(tmp_path, file, trace):
    with open_run(tmp_path / "run", jaxflow.load(file), file, overwrite=False):
        pass
    trace.unlink()
    return tmp_path / "run"


@pytest.fixture
def stranger(monkeypatch, tmp_path):
    """Makes this another user, or another machine: the key is another."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))


def rename(run, before, after):
    """Changes experiment.json as somebody does who knows how its digest is made."""
    described = json.loads((run / "experiment.json").read_text())
    del described["digest"]
    text = json.dumps(described)
    assert before in text
    (run / "experiment.json").write_text(sealed(text.replace(before, json.dumps(after)[1:-1])))


def test_a_run_trained_here_is_read_unasked_wherever_it_lies(run, tmp_path, trace):
    assert read_experiment(run).preprocess[0].factor == 0.5
    assert trace.exists()
    moved = shutil.copytree(run, tmp_path / "moved")
    rename(moved, "0.5", "0.25")
    assert read_experiment(moved).preprocess[0].factor == 0.25  # numbers are no code
    key = tmp_path / "state" / "jaxflow" / "key"
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path.name for path in key.parent.iterdir()] == ["key"]


def test_a_strangers_run_is_executed_only_when_told_and_that_is_remembered(run, stranger, trace, monkeypatch, command):
    said = r"was not trained here by you; .*executes its helper\.py, own\.py: .*--trust .*JAXFLOW_TRUST=1"
    for read in (read_experiment, jaxflow.evaluate, from_run.read_predictor):
        with pytest.raises(jaxflow.UserError, match=said):
            read(run)
    for verb in ("evaluate", "predict", "train", "explore", "replay", "generate"):
        done = command(verb, "--workdir", str(run), cwd=run.parent)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "executes its helper.py, own.py" in done.stderr
    done = command("train", "--workdir", str(run), "--help", cwd=run.parent)
    assert done.returncode == 2
    assert not trace.exists()
    monkeypatch.setenv("JAXFLOW_TRUST", "1")
    read_experiment(run)
    trace.unlink()
    monkeypatch.setenv("JAXFLOW_TRUST", "")
    with pytest.raises(jaxflow.UserError, match="--trust"):
        read_experiment(run)
    assert not trace.exists()
    read_experiment(run, trust=True)
    trace.unlink()
    assert command("train", "--workdir", str(run), "--help", cwd=run.parent).returncode == 0
    assert trace.exists()


def test_ones_own_file_stands_in_for_copies_that_are_not_trusted(run, file, stranger, trace, command, tmp_path):
    (run / "own.py").write_text("raise SystemExit('executed')")
    (run / "helper.py").write_text("raise SystemExit('executed')")
    experiment = jaxflow.load(file)
    for source in (file, None):
        with pytest.raises(jaxflow.UserError, match=r"own\.py: its text.*; helper\.py: its text"):
            check_same_run(run, experiment, source)
    shutil.copy(file, run)
    shutil.copy(file.parent / "helper.py", run)
    train = ("train", "--config", str(file), "--workdir", str(run), "--quiet")
    assert command(*train, cwd=tmp_path).returncode == 0
    (run / "trust.json").unlink()
    evaluate = ("evaluate", "--config", str(file), "--workdir", str(run), "--quiet")
    assert command(*evaluate, cwd=tmp_path).returncode == 0
    rename(run, "own:Times", "own:Other")
    with pytest.raises(
        jaxflow.UserError, match=r"different experiment \(preprocess\.0: Other \(own\) -> Times \(own\)\)"
    ):
        check_same_run(run, experiment)


def test_an_experiment_file_under_another_name_is_the_same_experiment(run, file, tmp_path):
    renamed = file.rename(file.with_name("renamed.py"))
    (run / "own.py").write_text("raise SystemExit('executed')")
    check_same_run(run, jaxflow.load(renamed), renamed)


LINKS = (
    "results.json",
    "predictions",
    "predictions/test.csv",
    "predictions/new/a/b.png",
    "report/index.html",
    "own.py",
)


@pytest.mark.parametrize("name", [*LINKS, "own.py", ".lock"])
def test_nothing_is_written_through_a_link_that_leads_out(name, run, file, tmp_path):
    target = tmp_path / "precious"
    target.write_text("{}")
    link = run / name
    link.parent.mkdir(exist_ok=True, parents=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    experiment = jaxflow.load(file)
    for act in (
        lambda: read_experiment(run),
        lambda: jaxflow.train(experiment, run, source=file),
        lambda: jaxflow.train(experiment, run, source=file, overwrite=True),
        lambda: jaxflow.evaluate(run, experiment=experiment),
        lambda: jaxflow.explore(experiment, run),
    ):
        with pytest.raises(jaxflow.UserError, match="is a link that leads out of the run folder"):
            act()
    assert target.read_text() == "{}"


def test_checkpoints_may_lie_on_another_disk(run, tmp_path):
    (tmp_path / "large").mkdir()
    (run / "checkpoints").symlink_to(tmp_path / "large")
    (run / "latest.json").symlink_to("experiment.json")
    read_experiment(run)


def test_files_that_changed_since_are_named(run, trace):
    whole = (run / "helper.py").read_text()
    (run / "helper.py").write_text(whole + "# more\n")
    with pytest.raises(jaxflow.UserError, match=r"was trained here, but its helper\.py has changed since"):
        read_experiment(run)
    (run / "helper.py").unlink()
    with pytest.raises(jaxflow.UserError, match=r"its helper\.py has changed since"):
        read_experiment(run)
    (run / "helper.py").symlink_to(run / "copy.txt")  # a link may show something else any time
    (run / "copy.txt").write_text(whole)
    with pytest.raises(jaxflow.UserError, match=r"its helper\.py has changed since"):
        read_experiment(run)
    assert not trace.exists()
    (run / "helper.py").unlink()
    (run / "helper.py").write_text(whole)
    (run / "dataclasses.py").write_text("raise SystemExit('executed')")
    (run / "more.py").write_text("raise SystemExit('executed')")
    read_experiment(run)  # files that are not marked are not found


def test_a_file_that_came_later_is_not_imported(run, file):
    (run / "own.py").write_text("import more\n" + (run / "own.py").read_text())
    trust.write_mark(run, [FILE_MODULE + "own:Times"], {n: (run / n).read_bytes() for n in ("own.py", "helper.py")})
    (run / "more.py").write_text("raise SystemExit('executed')")
    with pytest.raises(jaxflow.UserError, match=r"own\.py:1: ModuleNotFoundError: No module named 'more'"):
        read_experiment(run)


@pytest.mark.parametrize(
    "stem", ["../evil", "..", "sub/evil", "/tmp/evil", "", "a\\nb", "a\\u0000b", "\\u001b[2J", "n" * 300]
)
def test_other_stems_name_no_file_outside(stem, run, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXFLOW_TRUST", "1")
    for folder in (tmp_path, run / "sub"):
        folder.mkdir(exist_ok=True)
        (folder / "evil.py").write_text("raise SystemExit('executed')")
    rename(run, FILE_MODULE + "own", FILE_MODULE + stem)
    with pytest.raises(jaxflow.UserError, match=r"has no file .* of its own"):
        read_experiment(run)


@pytest.mark.parametrize(
    "name", ["os:system", "subprocess:Popen", FILE_MODULE + "own:Path", FILE_MODULE + "own:jaxflow.CNN"]
)
def test_no_other_classes_are_rebuilt(name, run, monkeypatch):
    monkeypatch.setenv("JAXFLOW_TRUST", "1")
    rename(run, FILE_MODULE + "own:Times", name)
    with pytest.raises(jaxflow.UserError, match="cannot rebuild"):
        read_experiment(run)


def test_a_mark_is_neither_forged_nor_read_when_damaged(run, stranger, trace):
    mark = json.loads((run / "trust.json").read_text())
    for text in ("", "{}", "[" * 5000, json.dumps(mark | {"hmac": 5}), json.dumps(mark | {"files": {}}), "\\ud800"):
        (run / "trust.json").write_text(text)
        with pytest.raises(jaxflow.UserError, match="was not trained here by you"):
            read_experiment(run)
    assert not trace.exists()


def test_a_key_that_others_may_know_counts_for_nothing(run, tmp_path):
    (tmp_path / "state" / "jaxflow" / "key").chmod(0o644)
    with pytest.raises(jaxflow.UserError, match="was not trained here by you"):
        read_experiment(run)


def test_without_a_home_training_works_and_says_what_will_be(file, tmp_path, monkeypatch, said):
    monkeypatch.setenv("XDG_STATE_HOME", str(file))
    with open_run(tmp_path / "run", jaxflow.load(file), file, overwrite=False):
        pass
    assert said().count("cannot be marked as trained here") == 1
    with pytest.raises(jaxflow.UserError, match="--trust"):
        read_experiment(tmp_path / "run")
    assert read_experiment(tmp_path / "run", trust=True).preprocess[0].factor == 0.5


def test_runs_of_jaxflows_own_classes_need_no_key(experiment, tmp_path):
    with open_run(tmp_path / "run", experiment, None, overwrite=False):
        pass
    assert read_experiment(tmp_path / "run") == experiment
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "run" / "trust.json").exists()


def test_processes_that_start_together_have_one_key(tmp_path):
    keys, together = set(), threading.Barrier(8)

    def draw():
        together.wait()
        keys.add(trust._key(create=True))

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "state" / "jaxflow").iterdir()] == ["key"]


@pytest.mark.parametrize(
    "text", ["[" * 900 + "]" * 900, '{"class": ' * 200 + "1" + "}" * 200, '{"class": "jaxflow:MLP"}']
)
def test_what_is_no_experiment_is_one_line(text, tmp_path, experiment):
    (tmp_path / "experiment.json").write_text(text)
    for read in (read_experiment, lambda folder: check_same_run(folder, experiment)):
        with pytest.raises(jaxflow.UserError, match="experiment"):
            read(tmp_path)
