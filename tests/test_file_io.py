import errno
import os
import subprocess
import sys

import pytest

from jaxflow.csv_tables import write_table
from jaxflow.errors import UserError
from jaxflow.file_io import clear_leftovers, is_temporary, replacing, storage_error, temporary, write_atomically


def test_only_temporaries_of_dead_processes_are_removed(tmp_path):
    code = "from pathlib import Path; from jaxflow.file_io import temporary; temporary(Path('a.txt')).mkdir()"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    (dead,) = tmp_path.iterdir()
    own = temporary(tmp_path / "b.txt")
    elsewhere, old = tmp_path / ".c.txt.0123abcd-1-1-0", tmp_path / ".d.txt.77"
    reused = own.with_name(own.name.replace("b.txt", "e.txt").rsplit("-", 2)[0] + "-1-0")  # its number, another start
    for path in (own, elsewhere, old, reused, tmp_path / ".bashrc", tmp_path / ".notes.txt"):
        path.touch()
    os.utime(old, (0, 0))
    assert all(is_temporary(path.name) for path in (dead, own, elsewhere, old, reused))
    clear_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {own.name, elsewhere.name, ".bashrc", ".notes.txt"}


def test_a_link_that_waits_under_a_temporarys_name_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("whole")
    stem, _, number = temporary(tmp_path / "a.txt").name.rpartition("-")
    for ahead in range(1, 4):
        (tmp_path / f"{stem}-{int(number) + ahead}").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "a.txt", "other")
    assert (tmp_path / "victim").read_text() == "whole"


def test_pipes_and_devices_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe is no regular file and is not replaced"):
        write_atomically(tmp_path / "pipe", "text")
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_that_fails_leaves_no_temporary(tmp_path):
    def fail():
        with replacing(tmp_path / "a.txt") as fresh:
            fresh.touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.EMFILE, "", "a/b"), "cannot read or write a/b: Too many open files; do"),
        (OSError(errno.ESTALE, ""), "cannot read or write here: Stale file handle; do"),
        (OSError(errno.ENOSPC, "", "a/b"), "disk full: cannot write here; free space"),
        (
            ValueError("INTERNAL: Error writing x [OS error 27: File too large]"),
            "cannot read or write here: File too",
        ),
        (RuntimeError("Input/output error"), "cannot read or write here: Input/output error"),
    ],
)
def test_errors_of_the_system_are_one_line(error, line, tmp_path):
    with pytest.raises(UserError, match=line), storage_error(tmp_path.relative_to(tmp_path) / "here", "do"):
        raise error


@pytest.mark.parametrize("error", [ValueError("a bug"), ConnectionResetError(errno.ECONNRESET, ""), BrokenPipeError()])
def test_other_errors_pass(error, tmp_path):
    with pytest.raises(type(error)), storage_error(tmp_path):
        raise error


def test_columns_of_unequal_length_are_not_cut(tmp_path):
    with pytest.raises(UserError, match=r"differ in length \(id 3, prediction 2\)"):
        write_table(tmp_path / "a.csv", [{"id": [1, 2, 3], "prediction": [1, 2]}])
    assert not list(tmp_path.iterdir())
