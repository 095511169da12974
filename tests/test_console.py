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


def test_bars_are_drawn_only_where_messages_are_shown(monkeypatch):
    monkeypatch.setattr(console.console, "_force_terminal", True)
    assert console.bar().disable
    with console.show_messages():
        assert not console.bar().disable
    assert list(console.track(iter("abc"), "count")) == ["a", "b", "c"]
