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
    assert len([line for line in BLOCKS[1].splitlines() if line.strip()]) <= 25
    command, options = [sys.executable, "-c", "\n".join(BLOCKS[1:3])], {"capture_output": True, "text": True}
    done = subprocess.run(command, cwd=tmp_path, **options, check=True)  # four virtual devices, as here
    accuracies = [float(found) for found in re.findall(r"test accuracy (\S+)", done.stdout)]
    assert len(accuracies) == 2
    assert min(accuracies) > 0.95
    assert done.stdout.endswith("on 4 devices\n")


def test_verbs_in_readme_are_verbs(tmp_path):
    for verb in set(re.findall(r"`launch\.py ([a-z]\w*)", README)):
        assert f"  {verb} " in launch("--help", cwd=tmp_path).stdout
