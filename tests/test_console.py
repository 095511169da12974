"""A library leaves its host alone: it prints nothing and changes no setting of the process."""

import logging
import subprocess
import sys

from jaxflow import console

GUEST = """
import logging, sys, warnings

# Other packages change filters and levels when they are imported: that is theirs.
import clu.metrics, clu.parameter_overview, flax.linen, jax, optax, orbax.checkpoint, rich.progress, sklearn.datasets
import tensorboardX, tensorflow_datasets

def settings():
    loggers = logging.root.manager.loggerDict
    levels = {name: loggers[name].level for name in loggers if hasattr(loggers[name], "level")}
    return sys.excepthook, sys.unraisablehook, list(warnings.filters), logging.root.handlers[:], levels

before = settings()
import jaxflow

experiment = jaxflow.Experiment(
    data=jaxflow.Digits(), preprocess=(jaxflow.Scale(),), model=jaxflow.MLP(hidden=(4,)),
    problem=jaxflow.Classification(), optimizer=jaxflow.SGD(0.1), batch_size=32, epochs=0.1, log_every_steps=1,
)
jaxflow.train(experiment, "run")
jaxflow.evaluate("run")
after = settings()
assert before[:-1] == after[:-1], (before, after)
for name, level in before[-1].items():
    assert after[-1][name] == level, name
assert all(level == 0 for name, level in after[-1].items() if name.startswith("jaxflow"))
"""


def test_a_script_that_trains_prints_nothing_and_keeps_its_hooks_filters_and_levels(tmp_path):
    done = subprocess.run([sys.executable, "-c", GUEST], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert (done.returncode, done.stderr) == (0, "")


def test_messages_are_shown_while_a_command_runs(capsys):
    logger = logging.getLogger("jaxflow")
    before = (logger.level, logger.propagate, logger.handlers[:])
    logger.info("nobody hears this")
    with console.show_messages():
        logger.info("[100%] a line " + "that is never wrapped " * 20)
        logger.warning("look here")
        logger.debug("too much")
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["[100%] a line " + "that is never wrapped " * 20, "warning: look here"]
    assert (logger.level, logger.propagate, logger.handlers) == before


def test_nothing_but_errors_is_heard_where_messages_are_hidden(capsys, caplog):
    logger = logging.getLogger("jaxflow")
    level = logger.level
    with console.hide_messages():
        logger.info("nobody hears this")
        logger.warning("nor this")
    captured = capsys.readouterr()
    assert captured.out + captured.err + caplog.text == ""
    assert logger.level == level


def test_bars_are_drawn_only_where_messages_are_shown(monkeypatch):
    monkeypatch.setattr(console.console, "_force_terminal", True)
    assert console.bar().disable
    with console.show_messages():
        assert not console.bar().disable
    assert list(console.track(iter("abc"), "count")) == ["a", "b", "c"]


def test_control_characters_are_quoted_and_text_is_not(capsys, monkeypatch):
    logger = logging.getLogger("jaxflow")
    with console.show_messages():
        logger.info("\x1b[2Ja\rb\x9bc\u202ed\ud800\x00 é ␣ 漢字 🙂\ttab\nerror: a line of its own")
        logger.info("one\r\ntwo", extra=console.OF_LINES)
        monkeypatch.setattr(console.console, "_force_terminal", True)
        with console.bar("{task.fields[more]}") as progress:
            progress.add_task("[/] \x1b]0;x\x07", total=1, more="[red]\x1b[1m")
            drawn = "".join(segment.text for segment in console.console.render(progress.get_renderable()))
    lines = capsys.readouterr().out.split("\n")
    quoted = r"\x1b[2Ja\rb\x9bc\u202ed\ud800\x00 é ␣ 漢字 🙂"
    assert lines[0].startswith(quoted)
    assert lines[0].endswith(r"tab\nerror: a line of its own")
    assert lines[1:3] == ["one", "two"]
    assert r"[/] \x1b]0;x\x07" in drawn
    assert r"[red]\x1b[1m" in drawn


def test_an_error_is_one_line_of_bounded_length():
    assert console.error_text(ValueError("a\n  b\x1b[0m")) == r"a b\x1b[0m"
    assert len(console.error_text(ValueError("x" * 10**6))) < 5000
