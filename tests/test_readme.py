"""What README shows is what runs. Its two commands themselves are run by .ci/run, in a fresh virtual environment."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, launch

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_first_lines_are_the_two_commands():
    commands = README.split("```sh\n")[1].split("```")[0].splitlines()
    assert README.splitlines()[2] == "```sh"
    assert [command.split(" && ")[-1] for command in commands] == [
        ".venv/bin/python launch.py --config experiments/digits_cnn.py",
        ".venv/bin/pytest",
    ]


def test_the_experiment_shown_is_the_one_shipped():
    shipped = (ROOT / "experiments" / "cifar_cnn.py").read_text()
    assert shipped.endswith(BLOCKS[0])


@pytest.mark.slow
def test_the_library_script_trains(tmp_path):
    script = BLOCKS[1]
    assert len([line for line in script.splitlines() if line.strip()]) <= 25
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    accuracy = float(done.stdout.rpartition("test accuracy ")[2])
    assert accuracy > 0.95


def test_verbs_in_readme_are_verbs(tmp_path):
    for verb in set(re.findall(r"`launch\.py ([a-z]\w*)", README)):
        assert f"  {verb} " in launch("--help", cwd=tmp_path).stdout
