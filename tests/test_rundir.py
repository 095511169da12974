import dataclasses
import json
import subprocess
import sys

import pytest

import jaxflow
from jaxflow.rundir import default_workdir, open_run, read_experiment, read_results, update_results, write_atomically


def test_a_run_folder_holds_all_that_is_needed_to_rebuild(experiment, tmp_path):
    source = tmp_path / "mine.py"
    source.write_text("# an experiment\n")
    with open_run(tmp_path / "run", experiment, source, overwrite=False) as folder:
        assert read_experiment(folder) == experiment
        assert (folder / "mine.py").read_text() == source.read_text()
        assert json.loads((folder / "environment.json").read_text())["versions"]["jax"]


def test_another_experiment_is_refused_by_field(experiment, tmp_path):
    with open_run(tmp_path / "run", experiment, None, overwrite=False):
        pass
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
        with open_run(tmp_path / "run", dataclasses.replace(experiment, log_steps=every), None, overwrite=False):
            assert read_experiment(tmp_path / "run").log_steps == every


def test_a_second_run_in_the_same_folder_is_told_who_holds_it(experiment, tmp_path):
    code = (
        "import sys; from pathlib import Path; from jaxflow.rundir import open_run, read_experiment\n"
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


def test_the_default_folder_names_experiment_and_overrides():
    assert str(default_workdir("experiments/digits_cnn.py", [])) == "runs/digits_cnn"
    named = default_workdir("e/a.py", ["--model.widths", "8", "16", "--seed=1"])
    assert str(named) == "runs/a-model.widths,8,16,seed=1"
