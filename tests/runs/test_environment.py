"""What environment.json says of a command line: all of it but secrets."""

import pytest

from jaxflow.runs.environment import without_secrets

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--data.api_key=abc"], ["--data.api_key=..."]),
        (["--password", "abc", "--seed=1"], ["--password", "...", "--seed=1"]),
        (["--data.hf-token", "abc"], ["--data.hf-token", "..."]),
        (["--token"], ["--token"]),
        (["--data.token", "-abc"], ["--data.token", "..."]),
        (["--token", "--quiet"], ["--token", "--quiet"]),
        (["--db-pass=a", "--data.passphrase=b", "--data.bearer=c"],
         ["--db-pass=...", "--data.passphrase=...", "--data.bearer=..."]),
        (["https://u:p@ssw0rd@h"], ["https://...@h"]),
        (["postgres://u:a/b@h"], ["postgres://...@h"]),
        (["redis://:a@h/0"], ["redis://...@h/0"]),
        (["s3://AKIAIOSFODNN7EXAMPLE:abcd/efgh@b"], ["s3://...@b"]),
        (["--data.path=https://bob:pass@host/a.csv"], ["--data.path=https://...@host/a.csv"]),
        (["postgres://bob:p:a@host:5432/db"], ["postgres://...@host:5432/db"]),
        (["bob:pass@host"], ["...@host"]),
        (["https://h/a?user=b&access_token=c&x=1"], ["https://h/a?user=b&access_token=...&x=1"]),
        (["https://h/a?X-Amz-Signature=c"], ["https://h/a?X-Amz-Signature=..."]),
        (["--x=AKIAIOSFODNN7EXAMPLE"], ["--x=..."]),
        (["hf_abcdefghijklmnopqrst", "ghp_abcdefghijklmnopqrst01"], ["...", "..."]),
        (["--note=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"], ["--note=..."]),
        ([f"--data.path=s3://bucket/{SECRET}/a"], ["--data.path=s3://bucket/.../a"]),
        (["d41d8cd98f00b204e9800998ecf8427e"], ["..."]),
    ],
)  # fmt: skip
def test_secrets_are_hidden(words, shown):
    assert without_secrets(words) == shown


@pytest.mark.parametrize(
    "word",
    [
        "/home/bob/jaxflow/launch.py",
        "--config=experiments/cifar_speedrun_with_a_very_long_name_indeed.py",
        "--workdir=runs/digits_cnn-optimizer.learning_rate=0.0003-model.widths=(32, 64)",
        "--data.tokens=Characters()",
        "--tokens=500",
        "--secret-file=/run/secret",
        "--coordinator=10.0.0.1:1234",
        "bob@host:/data",
        "--data.bypass=no",
        "https://host:8080/data/table.csv",
        "--prompt=To be, or not to be: that is the question @ all",
        "--data.path=/data/2026-01-31T12:30:00/table.csv",
    ],
)
def test_all_else_is_kept(word):
    assert without_secrets([word, "--seed", "1"]) == [word, "--seed", "1"]
