"""Every mistake is one line and status 2; nothing is left behind, and nothing hangs."""

import contextlib
import os
import signal
import sys
from unittest import mock

import pytest

from jaxflow.commands import main
from tests.mistakes.cases import COUNT, mistakes

SECONDS = 60
ALL = "JAXFLOW_ALL_MISTAKES" in os.environ
CHOSEN = mistakes() if ALL else [mistakes()[place * COUNT // 60] for place in range(60)]


@contextlib.contextmanager
def limited(seconds: float):
    """Raises TimeoutError in this thread after some seconds."""

    def stop(*_):
        raise TimeoutError(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("mistake", CHOSEN, ids=lambda mistake: mistake.name)
def test_a_mistake_is_one_line(mistake, tmp_path, monkeypatch, capfd):
    (tmp_path / "FILE.py").write_bytes(mistake.file)
    (tmp_path / "text.txt").write_text("text")
    monkeypatch.setattr(sys, "argv", ["launch.py"])
    monkeypatch.setattr(main, "_prepare_process", lambda arguments: None)
    monkeypatch.chdir(tmp_path)
    words = [word.replace("FILE", "FILE.py") if mistake.file else "FILE.py" for word in mistake.words]
    before = sorted(path.name for path in tmp_path.iterdir() if path.name != "cache")
    capfd.readouterr()
    with limited(SECONDS), mock.patch.dict(os.environ):  # an experiment file may set what it likes
        status = main.main(words)
    said = capfd.readouterr().err
    assert (status, said[:7], said.count("\n")) == (2, "error: ", 1), f"{mistake.what}\n{said[-3000:]}"
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == before, mistake.what
