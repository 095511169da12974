"""From words to a verb: what is parsed, what help shows, which exit status comes of what."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import pytest

import jaxflow.commands
from jaxflow.commands import main, predict, train
from jaxflow.commands.arguments import select_experiment
from jaxflow.commands.verbs import import_verb, verbs
from jaxflow.errors import RESUMABLE, StoppedError, UserError, program_name
from jaxflow.runs.opening import WRITTEN
from tests.conftest import ROOT

DIGITS = str(ROOT / "experiments" / "digits_cnn.py")


def test_a_command_line_is_a_verb_its_flags_and_overrides():
    words = ["train", "--config", "a.py", "--overwrite", "--model.widths", "3", "4", "--workdir=b", "--seed=1"]
    verb, arguments = main.parse(words)
    assert verb == "train"
    assert (arguments.config, arguments.workdir, arguments.overwrite, arguments.quiet) == ("a.py", "b", True, False)
    assert arguments.overrides == ["--model.widths", "3", "4", "--seed=1"]
    verb, arguments = main.parse(["generate", "--workdir", "b", "--tokens=7", "--temperature", "0.5"])
    assert (arguments.tokens, arguments.temperature, arguments.seed, arguments.checkpoint) == (7, 0.5, None, None)
    assert main.parse(["--workdir", "b"])[0] == "run"


@pytest.mark.parametrize("verb", verbs())
def test_help_of_a_verb_shows_its_own_flags(verb, capsys):
    assert main.main(["--help"] if verb == "run" else [verb, "--help"]) == 0
    text = capsys.readouterr().out
    module = import_verb(verb)
    assert module.HELP in text
    for other in map(import_verb, verbs()):
        for flag in other.FLAGS:
            assert (f"  --{flag.name} {flag.metavar}" in text) == (flag in module.FLAGS)


def test_help_lists_every_verb_and_every_verb_has_a_line(capsys):
    main.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for verb in verbs():
        assert f"{'(no verb)' if verb == 'run' else verb} {import_verb(verb).HELP} " in text


@pytest.mark.parametrize("words", [["--help"], ["--config", DIGITS, "--help"], ["train", "--config", DIGITS, "--help"]])
def test_the_flags_of_the_command_stand_below_a_heading_of_their_own(words, capsys):
    main.main(words)
    above, heading, below = capsys.readouterr().out.partition(
        "flags of the command\n" if words[0] == "train" else "flags without a verb\n"
    )
    assert heading
    assert ("--optimizer" in above, "--optimizer" in below) == (DIGITS in words, False)
    assert below.startswith("  --config FILE")
    assert ("listed above" in below, "--help lists them all" in below) == (DIGITS in words, DIGITS not in words)


def test_a_dash_in_a_verb_is_an_underscore_in_its_file(monkeypatch, tmp_path):
    (tmp_path / "two_words.py").write_text(
        "from jaxflow.commands.arguments import Flag\n"
        "HELP, FLAGS = 'say it', (Flag('times', 'N', 'how often', int),)\n"
        "def run(arguments): print('word ' * arguments.times)\n"
    )
    monkeypatch.setattr(jaxflow.commands, "__path__", [*jaxflow.commands.__path__, str(tmp_path)])
    assert "two-words" in verbs()
    verb, arguments = main.parse(["two-words", "--times=2"])
    assert (verb, arguments.times, arguments.overrides) == ("two-words", 2, [])
    with pytest.raises(UserError, match="no flag --epochs=1; jaxflow two-words --help lists the flags"):
        main.parse(["two-words", "--epochs=1"])
    with pytest.raises(UserError, match="--prompt belongs to generate, not to two-words"):
        main.parse(["two-words", "--prompt", "a"])
    monkeypatch.delitem(sys.modules, "jaxflow.commands.two_words")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (UserError("two\nlines"), 2, "error: two lines\n"),
        (StoppedError("stopped at step 3"), RESUMABLE, "stopped at step 3\n"),
        (KeyboardInterrupt(), RESUMABLE, "stopped by Ctrl-C; launch again to resume\n"),
    ],
)
def test_what_a_verb_raises_is_an_exit_status(error, status, said, monkeypatch, capsys):
    def run(arguments):
        raise error

    monkeypatch.setattr(train, "run", run)
    assert main.execute(*main.parse(["train", "--workdir", "x"])) == status
    assert capsys.readouterr() == ("", said)


def test_a_fault_of_jaxflow_itself_is_a_traceback_and_status_1(monkeypatch, capsys):
    monkeypatch.setattr(predict, "run", lambda arguments: {}["nothing"])
    assert main.execute(*main.parse(["predict", "--workdir", "x"])) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("KeyError: 'nothing'\n")


@pytest.mark.parametrize(
    ("started", "name"),
    [
        ("launch.py", "python launch.py"),
        ("/a/launch.py", "python launch.py"),
        ("/b/jaxflow", "jaxflow"),
        ("", "jaxflow"),
    ],
)
def test_messages_name_what_was_started(started, name, monkeypatch):
    monkeypatch.setattr(sys, "argv", [started])
    assert program_name() == name
    with pytest.raises(UserError, match=f"; {name} --help lists them"):
        main.parse(["zzz"])


def test_a_field_may_be_called_as_a_flag_of_another_verb():
    _, arguments = main.parse(["train", "--config", DIGITS, "--seed=3"])
    assert select_experiment(arguments)[0].seed == 3
    _, arguments = main.parse(["train", "--config", DIGITS, "--tokens=3"])
    with pytest.raises(UserError, match="--tokens belongs to generate, not to train"):
        select_experiment(arguments)


def test_verbs_of_the_run_folder_are_verbs():
    assert WRITTEN.keys() <= set(verbs())


def console_command(cwd: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Runs the console command as its installed script does, from any folder."""
    script = cwd / "jaxflow"
    script.write_text("import sys\nfrom jaxflow.commands.start import main\nsys.exit(main())\n")
    return subprocess.run(
        [sys.executable, str(script), *arguments], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_console_command_is_installed_and_speaks_of_itself(tmp_path):
    assert 'jaxflow = "jaxflow.commands.start:main"' in (ROOT / "pyproject.toml").read_text()
    done = console_command(tmp_path, "--help")
    assert done.stdout.startswith("usage: jaxflow [VERB]")
    wrong = console_command(tmp_path, "--config", DIGITS, "--zzz=1")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.endswith("; jaxflow --config FILE --help lists every field\n")


@pytest.mark.slow
def test_the_console_command_trains_and_starts_itself_again_on_two_processes(tmp_path):
    flags = ("--config", DIGITS, "--workdir", "run", "--epochs=0.05")
    done = console_command(tmp_path, "train", *flags, "--local-processes=2", "--batch_size=32")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"next: {tmp_path}/jaxflow evaluate --workdir run"  # it is on no PATH
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["processes"] == 2
    assert {path.name for path in (tmp_path / "run").iterdir()} <= {".lock", "digits_cnn.py", *WRITTEN["train"]}


def test_a_verb_may_be_the_value_of_a_field():
    assert main.parse(["train", "--config", "a.py", "--data.target", "train"])[1].overrides == [
        "--data.target",
        "train",
    ]
    for words in (["--config", "a.py", "--seed", "1", "train"], ["--config", "a.py", "--seed=1", "train"]):
        with pytest.raises(UserError, match="the verb comes first"):
            main.parse(words)


def test_what_jax_does_not_take_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("JAX_PLATFORMS", "nonsense")
    monkeypatch.setattr(train, "run", lambda arguments: jax.devices("nonsense"))
    monkeypatch.setattr(main, "_prepare_process", lambda arguments: None)
    assert main.main(["train", "--config", DIGITS]) == 2
    assert capsys.readouterr().err.startswith("error: JAX_PLATFORMS is 'nonsense', and JAX has no such devices")

    def refused(arguments):
        raise ValueError("invalid truth value 'maybe' for environment 'JAX_ENABLE_X64'")

    monkeypatch.setattr(main, "_prepare_process", refused)
    assert main.main(["train", "--config", DIGITS]) == 2
    assert "JAX does not take what the environment says: invalid truth value 'maybe'" in capsys.readouterr().err
