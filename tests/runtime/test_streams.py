"""Standard streams that are closed, full or gone: training goes on, and what prints blames standard output."""

import os
import subprocess
import sys

import pytest

from jaxflow.runtime.streams import prints
from tests.conftest import ROOT

SCRIPT = """
import sys
from jaxflow.commands import main
from jaxflow.commands.start import main as start

def run(words):
    print("one line")
    print("another", file=sys.stderr)
    file = open("written.txt", "w")  # must not get the number of a stream that is closed
    file.write(str(file.fileno() > 2))
    file.close()
    return 0

main.main = run
sys.exit(start())
"""


def shell(redirections, *words, cwd):
    """Runs a command that prints, with the shell's redirections; returns its status, and what reached the shell."""
    (cwd / "script.py").write_text(SCRIPT)
    command = f'"{sys.executable}" script.py {" ".join(words)} {redirections}; echo status ${{PIPESTATUS[0]}} >&9'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    heard, told = os.pipe()
    done = subprocess.run(
        ["bash", "-c", f"exec 9>&{told}; {command}"],
        cwd=cwd,
        env=environment,
        pass_fds=(told,),
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(told)
    with os.fdopen(heard) as file:
        status = int(file.read().split()[-1])
    return status, done.stdout, done.stderr


FULL, CLOSED, GONE = ">/dev/full", ">&-", "| true"
LOST = "warning: standard output is gone ({}); going on without messages\n"
BLAMED = "error: cannot write to standard output: {}\n"


@pytest.mark.parametrize(
    ("redirections", "verb", "status", "errors"),
    [
        ("", "train", 0, "another\n"),
        (FULL, "train", 0, "another\n" + LOST.format("No space left on device")),
        (CLOSED, "train", 0, "another\n" + LOST.format("Bad file descriptor")),
        (">&- 2>&-", "train", 0, ""),
        (">/dev/full 2>/dev/full", "train", 0, ""),
        ("2>&-", "train", 0, ""),
        ("<&-", "train", 0, "another\n"),
        (FULL, "replay", 2, "another\n" + BLAMED.format("No space left on device")),
        (CLOSED, "generate", 2, "another\n" + BLAMED.format("Bad file descriptor")),
        (FULL, "train --help", 2, "another\n" + BLAMED.format("No space left on device")),
    ],
)
def test_streams_that_cannot_be_written_to(redirections, verb, status, errors, tmp_path):
    found, _, said = shell(redirections, verb, cwd=tmp_path)
    assert (found, sorted(said.splitlines())) == (status, sorted(errors.splitlines()))
    assert (tmp_path / "written.txt").read_text() == "True"


def test_a_name_that_the_terminal_s_encoding_lacks_ends_no_command(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT.replace('print("one line")', 'print("\u6f22, \xfc")'))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "script.py", "train"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "\\u6f22, \\xfc\n", "another\n")


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT.replace('print("one line")', 'print("one line\\n" * 10**6)'))
    for words, errors in ((["--help"], "another\n"), (["train"], "another\n" + LOST.format("Broken pipe"))):
        process = subprocess.Popen(
            [sys.executable, "script.py", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "one line\n"
        process.stdout.close()
        said = process.stderr.read()
        process.stderr.close()
        assert (process.wait(30), sorted(said.splitlines())) == (0, sorted(errors.splitlines()))


def test_which_commands_are_for_what_they_print():
    assert all(map(prints, (["generate", "--prompt", "a"], ["replay"], ["--help"], ["train", "-h"])))
    assert not any(map(prints, ([], ["--config", "generate"], ["train"], ["predict", "--input", "replay"])))


@pytest.mark.parametrize("encoding", ["latin-1", "ascii:surrogateescape", "utf-8"])
def test_what_an_encoding_lacks_is_written_with_backslashes(encoding, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    (tmp_path / "script.py").write_text(SCRIPT.replace('print("one line")', 'print("\\u65e5 \\udcff")'))
    done = subprocess.run(
        [sys.executable, "script.py", "train"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
    )  # fmt: skip
    shown = "日" if encoding == "utf-8" else r"\u65e5"
    assert (done.returncode, done.stdout.decode()) == (0, shown + r" \udcff" + "\n")
