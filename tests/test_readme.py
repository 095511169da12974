"""What README shows is what runs. Its two commands themselves are run by .ci/run, in a fresh virtual environment."""

import re
import shlex
import subprocess
import sys

import pytest

from jaxflow.experiment import load
from jaxflow.flags.override import override
from tests.conftest import ROOT, launch

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SCRIPTS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.DOTALL)


def test_the_first_lines_are_the_two_commands():
    commands = README.split("```sh\n")[1].split("```")[0].splitlines()
    assert README.splitlines()[2] == "```sh"
    assert [command.split(" && ")[-1] for command in commands] == [
        ".venv/bin/python launch.py --config experiments/digits_cnn.py",
        ".venv/bin/pytest",
    ]


def test_it_is_short_and_its_links_lead_somewhere():
    assert len(README.splitlines()) <= 150
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", ["README.md", "docs/commands.md"])
def test_the_flags_that_are_shown_are_flags(page):
    lines = [
        line for line in (ROOT / page).read_text().splitlines() if line.startswith("python launch.py --config exp")
    ]
    assert len(lines) > 2
    for line in lines:
        _, _, _, file, *flags = shlex.split(line)
        experiment = load(ROOT / file)
        assert flags == ["--help"] or override(experiment, flags) != experiment


def test_the_table_of_your_own_trains(tmp_path, command):
    rows = [f"{age},{('mill', 'farm')[age % 2]},{('<=50K', '>50K')[age % 2]}" for age in range(20, 100)]
    (tmp_path / "adult.csv").write_text("\n".join(["age,work,income", *rows]) + "\n")
    (tmp_path / "income.py").write_text(BLOCKS[0])
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) <= 5
    done = command("--config", "income.py", "--epochs=20", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "report: runs/income/report/index.html" in done.stdout
    assert " on Table (" in done.stdout
    assert "next: " in done.stdout.splitlines()[-1]
    (tmp_path / "new.csv").write_text("age,work\n30,mill\n31,farm\n")
    assert command("predict", "--workdir", "runs/income", "--input", "new.csv", cwd=tmp_path).returncode == 0
    assert "test" in command("evaluate", "--workdir", "runs/income", cwd=tmp_path).stdout


def test_the_model_of_your_own_trains(tmp_path, command):
    (tmp_path / "mine.py").write_text(BLOCKS[1])
    done = command("train", "--config", "mine.py", "--epochs=2", "--model.width=16", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith(" evaluate --workdir runs/mine-model.width=16")


def test_arrays_train_as_the_library_s_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(SCRIPTS[0], "library.md", "exec"), {})
    assert float(capsys.readouterr().out.splitlines()[0]) > 0.8


def test_a_model_is_explained_as_the_library_s_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(f"{SCRIPTS[0]}\n{SCRIPTS[-1]}", "library.md", "exec"), {})
    *_, first, _, _, shapes = capsys.readouterr().out.splitlines()
    assert first.split(":")[0] in (
        "proline",
        "flavanoids",
        "color_intensity",
        "alcohol",
        "od280/od315_of_diluted_wines",
    )
    assert shapes.startswith("(2, 13) [")


@pytest.mark.slow
def test_the_library_script_trains(tmp_path):
    assert len([line for line in SCRIPTS[1].splitlines() if line.strip()]) <= 25
    command, options = [sys.executable, "-c", "\n".join(SCRIPTS[1:3])], {"capture_output": True, "text": True}
    done = subprocess.run(command, cwd=tmp_path, **options, check=True)  # four virtual devices, as here
    accuracies = [float(found) for found in re.findall(r"test accuracy (\S+)", done.stdout)]
    assert len(accuracies) == 2
    assert min(accuracies) > 0.95
    assert done.stdout.endswith("on 4 devices\n")


def test_verbs_in_readme_are_verbs(tmp_path):
    pages = README + (ROOT / "docs" / "commands.md").read_text()
    for verb in set(re.findall(r"`launch\.py ([a-z][\w-]*)", pages)):
        assert f"  {verb} " in launch("--help", cwd=tmp_path).stdout
