import contextlib
import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import jaxflow
from jaxflow.experiment import load
from jaxflow.file_io import write_atomically
from jaxflow.runs import opening
from jaxflow.runs.folder import default_workdir, read_experiment
from jaxflow.runs.opening import open_run
from jaxflow.runs.results import read_results, update_results
from tests.conftest import Holding


def test_a_run_folder_holds_all_that_is_needed_to_rebuild(experiment, tmp_path):
    source = tmp_path / "mine.py"
    source.write_text("# an experiment\n")
    with open_run(tmp_path / "run", experiment, source, overwrite=False) as folder:
        assert read_experiment(folder) == experiment
        assert (folder / "mine.py").read_text() == source.read_text()
        assert json.loads((folder / "environment.json").read_text())["versions"]["jax"]


def test_another_experiment_is_refused_by_field(experiment, tmp_path):
    with open_run(tmp_path / "run", experiment, None, overwrite=False) as folder:
        (folder / "checkpoints").mkdir()
    other = dataclasses.replace(experiment, seed=7)
    with (
        pytest.raises(jaxflow.UserError, match=r"seed: 0 -> 7.*another --workdir, or --overwrite"),
        open_run(tmp_path / "run", other, None, overwrite=False),
    ):
        pass
    assert read_experiment(tmp_path / "run") == experiment
    with open_run(tmp_path / "run", other, None, overwrite=True):
        assert read_experiment(tmp_path / "run") == other


def test_what_is_no_part_of_the_identity_may_change(experiment, tmp_path):
    for every in (3, 5):
        with open_run(tmp_path / "run", dataclasses.replace(experiment, log_every_steps=every), None, overwrite=False):
            assert read_experiment(tmp_path / "run").log_every_steps == every


def test_a_second_run_in_the_same_folder_is_told_who_holds_it(experiment, tmp_path):
    code = (
        "import sys; from pathlib import Path; from jaxflow.runs.folder import read_experiment\n"
        "from jaxflow.runs.opening import open_run\n"
        "e = read_experiment(Path(sys.argv[1]))\n"
        "try:\n"
        "    with open_run(Path(sys.argv[1]), e, None, False): print('opened')\n"
        "except Exception as error: print(error)\n"
    )
    with open_run(tmp_path / "run", experiment, None, overwrite=False):
        second = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True)
    assert "is in use by process" in second.stdout


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_somebody_elses_is_never_touched(overwrite, experiment, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(jaxflow.UserError, match="not empty and no run folder"),
        open_run(tmp_path, experiment, None, overwrite=overwrite),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_results_are_replaced_all_at_once(tmp_path):
    update_results(tmp_path, {"steps": 3})
    update_results(tmp_path, {"test": {"loss": 1.0}})
    assert read_results(tmp_path) == {"steps": 3, "test": {"loss": 1.0}}
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "results.json", object())
    assert read_results(tmp_path) == {"steps": 3, "test": {"loss": 1.0}}
    assert len(list(tmp_path.iterdir())) == 1


def test_the_default_folder_names_experiment_and_overrides(experiment):
    assert str(default_workdir("experiments/digits_cnn.py", experiment, experiment)) == "runs/digits_cnn"
    changed = dataclasses.replace(
        experiment, seed=1, model=dataclasses.replace(experiment.model, widths=(8, 16)), log_every_steps=7
    )
    assert str(default_workdir("e/a.py", experiment, changed)) == "runs/a-model.widths=_8,_16_-seed=1"
    chosen = dataclasses.replace(
        experiment,
        optimizer=jaxflow.SGD(schedule=jaxflow.Cosine(final=0.5)),
        augment=(*experiment.augment, jaxflow.Flip()),
        tta=jaxflow.FlipShift(),
        preprocess=(jaxflow.Standardize(epsilon=1.0),),
    )
    assert str(default_workdir("e/a.py", experiment, chosen)) == (
        "runs/a-optimizer=SGD-optimizer.schedule=Cosine-optimizer.schedule.final=0.5-preprocess.0.epsilon=1.0"
        "-augment=Flip,Crop,Flip-augment.1.pad=1-tta=FlipShift"
    )


def test_overwriting_leaves_what_is_not_ours(experiment, tmp_path):
    source = tmp_path / "mine.py"
    source.write_text("# an experiment\n")
    with open_run(tmp_path / "run", experiment, source, overwrite=False) as folder:
        (folder / "notes.txt").write_text("mine")
        (folder / "metrics.jsonl").write_text("{}")
    with open_run(tmp_path / "run", experiment, tmp_path / "run" / "mine.py", overwrite=True):
        pass
    assert (folder / "notes.txt").exists()
    assert (folder / "mine.py").read_text() == source.read_text()
    assert not (folder / "metrics.jsonl").exists()


def test_an_experiment_that_cannot_be_written_leaves_the_folder_alone(experiment, tmp_path):
    with open_run(tmp_path / "run", experiment, None, overwrite=False):
        pass
    before = (tmp_path / "run" / "experiment.json").read_text()
    unwritable = dataclasses.replace(experiment, augment=(Holding(len),))
    with (
        pytest.raises(jaxflow.UserError, match="cannot hold"),
        open_run(tmp_path / "run", unwritable, None, overwrite=True),
    ):
        pass
    assert (tmp_path / "run" / "experiment.json").read_text() == before


OWN = """
from dataclasses import dataclass
import jaxflow
@dataclass(frozen=True)
class Times:
    factor: float = {factor}
    def fit(self, inputs): return []
    def __call__(self, fitted, inputs): return inputs * self.factor{more}
def get_config():
    return jaxflow.Experiment(data=jaxflow.Digits(), model=jaxflow.MLP(), problem=jaxflow.Classification(),
                              optimizer=jaxflow.Adam(), preprocess=(jaxflow.Scale(), Times()))
"""


def test_a_changed_class_of_the_experiment_file_is_another_experiment(tmp_path):
    source = tmp_path / "my-own.py"
    source.write_text(OWN.format(factor=0.5, more=""))
    with open_run(tmp_path / "run", jaxflow.load(source), source, overwrite=False):
        assert read_experiment(tmp_path / "run").preprocess[1].factor == 0.5
        (tmp_path / "run" / "checkpoints").mkdir()
    source.write_text(OWN.format(factor=0.5, more=" + 1"))
    with (
        pytest.raises(jaxflow.UserError, match=r"my-own\.py: its code"),
        open_run(tmp_path / "run", jaxflow.load(source), source, overwrite=False),
    ):
        pass


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import jaxflow", "import jaxflow  # all of it"),
        ("class Times:", "class Times:\n    '''Multiplies.'''"),
        ("factor: float = 0.5", 'factor: float = (\n        0.5\n    )\n    """What it multiplies by."""'),
        ("optimizer=jaxflow.Adam()", "optimizer=jaxflow.Adam(), log_every_steps=7"),
    ],
)
def test_an_edit_that_changes_no_value_is_the_same_experiment(old, new, tmp_path):
    source, text = tmp_path / "own.py", OWN.format(factor=0.5, more="")
    source.write_text(text)
    with open_run(tmp_path / "run", jaxflow.load(source), source, overwrite=False) as folder:
        (folder / "checkpoints").mkdir()
    assert old in text
    source.write_text(text.replace(old, new))
    with open_run(tmp_path / "run", jaxflow.load(source), source, overwrite=False):
        assert (tmp_path / "run" / "own.py").read_text() == source.read_text()


def test_what_broke_before_its_first_checkpoint_starts_with_the_corrected_file(tmp_path, said):
    source = tmp_path / "own.py"
    source.write_text(OWN.format(factor=0.5, more=""))
    with (
        pytest.raises(RuntimeError, match="in the first step"),
        open_run(tmp_path / "run", jaxflow.load(source), source, overwrite=False),
    ):
        raise RuntimeError("in the first step")
    said()
    source.write_text(OWN.format(factor=0.25, more=" + 1"))
    with open_run(tmp_path / "run", jaxflow.load(source), source, overwrite=False):
        assert read_experiment(tmp_path / "run").preprocess[1].factor == 0.25
    assert "holds no checkpoint yet, and starts with what is new (preprocess.1.factor: 0.5 -> 0.25; own.py" in said()


@pytest.mark.parametrize("name", ["a [1]", "a*", "what?", "a\\b", "[x]/run"])
def test_a_folder_whose_checkpoints_could_not_be_read_is_refused(name, experiment, tmp_path):
    with pytest.raises(jaxflow.UserError, match="cannot be read back; choose another --workdir"):
        jaxflow.train(experiment, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["{", "[]", "5", "{}", '{"class": 3}', '{"class": "a:b"}', ""])
def test_a_damaged_experiment_is_one_line(text, tmp_path):
    (tmp_path / "experiment.json").write_text(text)
    with pytest.raises(jaxflow.UserError, match=r"experiment|cannot rebuild"):
        read_experiment(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_damaged_results_are_not_used_and_it_is_said(text, tmp_path, said):
    (tmp_path / "results.json").write_text(text)
    assert read_results(tmp_path) == {}
    assert "results.json is damaged and not used" in said()


@pytest.mark.parametrize("name", ["a" * 300, "dangling", "file/below"])
def test_folders_that_cannot_be_made(name, experiment, tmp_path):
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "at all")
    (tmp_path / "file").write_text("")
    with pytest.raises(jaxflow.UserError), open_run(tmp_path / name, experiment, None, overwrite=False):
        pass


OURS = [".lock", "data.json", ".experiment.json.7", ".own.py.0123abcd-1-1-0", "own.py"]


@pytest.mark.parametrize("names", [OURS, [".lock", "metrics.jsonl", "tensorboard"]])
def test_what_a_killed_start_leaves_is_no_stranger(names, experiment, tmp_path):
    source = tmp_path / "own.py"
    source.write_text("# an experiment\n")
    run = tmp_path / "run"
    run.mkdir()
    for name in names:
        (run / name).write_text("# an experiment\n")
    with open_run(run, experiment, source, overwrite=False):
        assert read_experiment(run) == experiment


def test_checkpoints_without_an_experiment_are_never_gone_on_from(experiment, tmp_path):
    (tmp_path / "checkpoints" / "3").mkdir(parents=True)
    (tmp_path / ".lock").touch()
    with (
        pytest.raises(jaxflow.UserError, match=r"has lost its experiment\.json; restore it.*or --overwrite"),
        open_run(tmp_path, experiment, None, overwrite=False),
    ):
        pass
    with open_run(tmp_path, experiment, None, overwrite=True):
        assert not (tmp_path / "checkpoints").exists()


def test_a_start_that_was_cut_short_is_made_again_but_not_from_its_copies(tmp_path):
    source = tmp_path / "own.py"
    source.write_text(OWN.format(factor=0.5, more=""))
    first = jaxflow.load(source)
    with open_run(tmp_path / "run", first, source, overwrite=False):
        pass
    (tmp_path / "run" / "environment.json").unlink()
    with (
        pytest.raises(jaxflow.UserError, match=r"was cut short.*train --config FILE"),
        open_run(tmp_path / "run", first, None, overwrite=False),
    ):
        pass
    source.write_text(OWN.format(factor=0.25, more=""))
    with open_run(tmp_path / "run", jaxflow.load(source), source, overwrite=False):
        assert read_experiment(tmp_path / "run").preprocess[1].factor == 0.25


def test_a_changed_number_in_experiment_json_is_noticed(experiment, tmp_path):
    with open_run(tmp_path / "run", experiment, None, overwrite=False):
        pass
    path = tmp_path / "run" / "experiment.json"
    path.write_text(path.read_text().replace('"learning_rate": 0.01', '"learning_rate": 0.02'))
    with pytest.raises(jaxflow.UserError, match="damaged or was edited"):
        read_experiment(tmp_path / "run")


def test_a_run_made_between_check_and_lock_is_seen(experiment, tmp_path, monkeypatch):
    real, other = opening._locked, dataclasses.replace(experiment, seed=7)

    @contextlib.contextmanager
    def late(workdir):
        monkeypatch.setattr(opening, "_locked", real)
        with open_run(workdir, other, None, overwrite=False):
            (workdir / "checkpoints").mkdir()
        with real(workdir):
            yield

    monkeypatch.setattr(opening, "_locked", late)
    with pytest.raises(jaxflow.UserError, match="seed: 7 -> 0"), open_run(tmp_path / "r", experiment, None, False):
        pass
    assert read_experiment(tmp_path / "r") == other


def test_a_file_system_without_locks_is_used_and_it_is_said(experiment, tmp_path, monkeypatch, said):
    def refuse(*arguments):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(opening.fcntl, "flock", refuse)
    with open_run(tmp_path / "run", experiment, None, overwrite=False):
        assert said().count("has no locks (No locks available)") == 1


def test_a_name_that_is_not_utf_8_is_one_line(experiment, tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path / "run") + b"\xff")
    with pytest.raises(jaxflow.UserError, match="is not UTF-8"), open_run(Path(name), experiment, None, False):
        pass
    assert not list(tmp_path.iterdir())


def test_what_could_not_be_read_again_is_refused_before_the_folder_is_made(experiment, tmp_path):
    large = dataclasses.replace(experiment, augment=(Holding("x" * (20 << 20)),))
    with pytest.raises(jaxflow.UserError, match="bytes as JSON"), open_run(tmp_path / "run", large, None, False):
        pass
    source = tmp_path / f"{'n' * 240}.py"
    source.write_text("import jaxflow\n")
    with pytest.raises(jaxflow.UserError, match="a name of more than 200 bytes"):
        load(source)
    assert not (tmp_path / "run").exists()


def test_a_working_directory_that_is_gone_is_named(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(jaxflow.UserError, match="the working directory was removed"):
        load(Path(__file__).parents[2] / "experiments" / "digits_cnn.py")
