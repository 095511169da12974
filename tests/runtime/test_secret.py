"""The secret of a run: from a file of this user alone, or from the environment, which it then leaves."""

import os

import pytest

from jaxflow.errors import UserError
from jaxflow.runtime.secret import VARIABLE, new_secret, take_secret


def test_it_is_taken_out_of_the_environment():
    environment = {VARIABLE: f"  {'s' * 16}\n", "HOME": "/"}
    assert take_secret(None, environment) == b"s" * 16
    assert environment == {"HOME": "/"}
    assert take_secret(None, environment) == b""


def test_a_file_takes_precedence_over_the_environment(tmp_path):
    file = tmp_path / "secret"
    file.write_text("from the file, all of it\n")
    file.chmod(0o600)
    environment = {VARIABLE: "from the environment"}
    assert take_secret(str(file), environment) == b"from the file, all of it"
    assert environment == {}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o666])
def test_a_file_that_others_may_read_or_write_is_refused(mode, tmp_path):
    file = tmp_path / "secret"
    file.write_text("x" * 32)
    file.chmod(mode)
    with pytest.raises(UserError, match=rf"may be read or written by others \(mode {mode:03o}\); chmod 600"):
        take_secret(str(file), {})


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "has 0 characters; a secret needs 16 or more"), (b"short\n", "has 5 characters"), (b"\xff" * 20, "UTF-8")],
)
def test_a_file_that_holds_no_secret_is_refused(content, message, tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(UserError, match=message):
        take_secret(str(file), {})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"--secret-file .*none cannot be read: No such file"):
        take_secret(str(tmp_path / "none"), {})
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        take_secret(str(tmp_path), {})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_of_another_user_is_refused(tmp_path):
    file = tmp_path / "secret"
    file.write_text("x" * 32)
    file.chmod(0o600)
    os.chown(file, 65534, 65534)
    with pytest.raises(UserError, match="belongs to another user"):
        take_secret(str(file), {})


def test_a_secret_that_is_too_short_is_refused():
    with pytest.raises(UserError, match=f"^{VARIABLE} has 3 characters; a secret needs 16 or more, as from: openssl"):
        take_secret(None, {VARIABLE: "abc"})


def test_secrets_are_fresh():
    assert len({new_secret() for _ in range(10)}) == 10
    assert len(new_secret()) == 64
