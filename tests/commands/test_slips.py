"""The slips of a first hour: each is one line, with the right word in it, and leaves nothing behind."""

import numpy as np
import pytest

import jaxflow
from jaxflow.commands import main
from tests.conftest import ROOT

DIGITS = str(ROOT / "experiments" / "digits_cnn.py")
HEAD = """from jaxflow import *
BASE = dict(
    data=Digits(), model=MLP(), problem=Classification(), optimizer=Adam(), preprocess=(Scale(),), epochs=0
)
"""
CONFIG = "def get_config():\n    return Experiment(**BASE | dict({}))\n"

# The words after the program's name, and what the line must have.
COMMANDS = {
    "misspelt --config": (["--confg", DIGITS], "perhaps you meant --config"),
    "misspelt --config of a verb": (["train", "--conf", DIGITS], "perhaps you meant --config"),
    "misspelt --workdir": (["evaluate", "--work-dir", "runs/a"], "perhaps you meant --workdir"),
    "misspelt --workdir with --config": (["--config", DIGITS, "--workdr=a"], "perhaps you meant --workdir"),
    "misspelt --device": (["--config", DIGITS, "--devise=cpu"], "perhaps you meant --device"),
    "no such device": (["--config", DIGITS, "--device=cuda"], "--device is cuda; it is cpu, gpu or tpu"),
    "misspelt verb": (["trian", "--config", DIGITS], "perhaps you meant train"),
    "another program's verb": (["fit", "--config", DIGITS], "perhaps you meant train"),
    "another verb": (["test", "--workdir", "runs/a"], "perhaps you meant evaluate"),
    "a capital": (["Train", "--config", DIGITS], "perhaps you meant train"),
    "help as a verb": (["help"], "perhaps you meant --help"),
    "no --config": ([DIGITS], "perhaps you meant --config /"),
    "no --config after a verb": (["train", DIGITS], "perhaps you meant --config /"),
    "no --input": (["predict", "--workdir", "runs/a", "new.csv"], "perhaps you meant --input new.csv"),
    "a stray word": (["--config", DIGITS, "fast"], "'fast' stands alone; a flag is --NAME VALUE"),
    "one dash": (["--config", DIGITS, "-epochs=3"], "flags begin with two dashes: --epochs=3"),
    "the field's short name": (["--config", DIGITS, "--lr=0.1"], "perhaps you meant --optimizer.learning_rate"),
    "the field alone": (["--config", DIGITS, "--dropout=0.1"], "perhaps you meant --model.dropout"),
    "a dash for an underscore": (["--config", DIGITS, "--batch-sise=3"], "perhaps you meant --batch_size"),
    "several with commas": (["--config", DIGITS, "--model.widths=32,64"], "perhaps you meant --model.widths 32 64"),
    "several in brackets": (["--config", DIGITS, "--model.widths=[32, 64]"], "perhaps you meant --model.widths 32 64"),
    "misspelt class": (["--config", DIGITS, "--optimizer=adam"], "no class adam; perhaps you meant Adam"),
    "an unknown class": (["--config", DIGITS, "--optimizer=Walrus"], "no class Walrus; there are Adafactor, Adagrad, "),
    "a class with brackets": (["--config", DIGITS, "--optimizer=Adam(0.1)"], "write --optimizer=Adam, then its fields"),
    "a class of another kind": (["--config", DIGITS, "--optimizer=CNN"], "it takes Adafactor, Adagrad, "),
    "a class that needs fields": (["--config", DIGITS, "--data=ImageFolder"], "--data=ImageFolder needs --data.path="),
    "a word for a number": (["--config", DIGITS, "--epochs=ten"], "--epochs is 'ten'; it takes a number"),
    "a decimal comma": (["--config", DIGITS, "--model.dropout=0,5"], "perhaps you meant --model.dropout=0.5"),
    "out of range": (["--config", DIGITS, "--model.dropout=20"], "it must be in [0, 1)"),
    "a folder for a file": (["--config", "."], "no experiment file at ."),
    "a misspelt folder of data": (
        ["--config", DIGITS, "--data=ImageFolder", "--data.path=photoes"],
        "photoes is not there; name a folder of images",
    ),
    "standard input": (["predict", "--workdir", "run", "--input=-"], "standard input, which is not read"),
    "a folder that is no run": (["evaluate", "--workdir", "nothing"], "nothing is not a run folder"),
    "no such checkpoint": (["evaluate", "--workdir", "run", "--checkpoint=5"], "no checkpoint '5'; there are 0"),
    "no such input": (["predict", "--workdir", "run", "--input=no.npy"], "--input no.npy does not exist"),
    "input of another shape": (["predict", "--workdir", "run", "--input=b.npy"], "the model takes (examples, 8, 8, 1)"),
    "brackets in the folder": (["train", "--config", DIGITS, "--workdir", "a [1]"], "below a name with '['"),
}  # fmt: skip
# What an experiment's file may say, and what the line must have.
FILES = {
    "forgotten brackets": ("optimizer=Adam", "optimizer is the class Adam; write an object of it, Adam(...)"),
    "a name for an object": ("model='MLP'", "for example jaxflow.MLP()"),
    "misspelt field": ("optimizer=Adam(lr=0.1)", "Adam has no field lr; perhaps you meant learning_rate"),
    "no tuple": ("preprocess=Scale()", "write a tuple, for example"),
    "wrong type": ("batch_size='32'", "batch_size is '32'; it must be an int"),
    "wrong choice": ("strategy='ddp'", "'pmap' or 'shard_map' or 'fsdp'"),
    "misspelt class": ("model=MPL()", "name 'MPL' is not defined; perhaps you meant MLP: from jaxflow import MLP"),
    "a class that is not imported": ("model=Sequential((Dense(),))", "; from jaxflow.layers import Dense"),
    "no such table": ("data=Table('no.csv', target='y')", "no table at no.csv"),
    "no such column": ("data=Table('t.csv', target='z')", "'z'"),
    "values for classes": ("problem=Regression()", "use problem=Classification()"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slips")
    experiment = jaxflow.Experiment(
        jaxflow.Digits(), jaxflow.MLP(hidden=(2,)), jaxflow.Classification(), jaxflow.Adam(),
        preprocess=(jaxflow.Scale(),), epochs=0,
    )  # fmt: skip
    jaxflow.train(experiment, folder / "run")
    np.save(folder / "b.npy", np.zeros((2, 3, 3, 1), np.uint8))
    (folder / "t.csv").write_text("x,y\n" + "".join(f"{row},{row % 2}\n" for row in range(60)))
    return folder


def slip(arguments, message, command, folder):
    done = command(*arguments, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_a_slip_on_the_command_line(name, run, command):
    slip(*COMMANDS[name], command, run)
    assert sorted(path.name for path in run.iterdir() if path.suffix != ".py") == ["b.npy", "run", "t.csv"]


@pytest.mark.parametrize("name", FILES)
def test_a_slip_in_an_experiment_s_file(name, run, command):
    text, message = FILES[name]
    (run / "mine.py").write_text(HEAD + CONFIG.format(text))
    slip(["--config", "mine.py", "--workdir", "new"], message, command, run)
    assert not (run / "new").exists()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_help_fits_its_terminal(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    for words in (["--help"], ["train", "--help"], ["--config", DIGITS, "--help"]):
        assert main.main(words) == 0
        lines = capsys.readouterr().out.splitlines()
        wide = [line for line in lines if len(line) > columns and len(line.split()) > 1]
        assert wide == []
