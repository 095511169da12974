import dataclasses
import json
import sys

import jax
import jax.numpy as jnp
import pytest

import jaxflow
from jaxflow.experiment import differing_leaves, dumps, load
from jaxflow.experiment_files import execute
from jaxflow.serialization import FILE_MODULE, flatten, from_json, to_json
from jaxflow.training.prepare import prepare_training
from tests.conftest import ROOT

EXPERIMENTS = sorted((ROOT / "experiments").glob("*.py"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_survives_json(path):
    experiment = load(path)
    again = from_json(json.loads(dumps(experiment)))
    assert again == experiment
    assert again.model == experiment.model
    assert hash(again) == hash(experiment)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_experiments_say_only_what_differs(path):
    assert len(path.read_text().splitlines()) <= 45


def test_classes_of_the_experiment_file_are_found_again(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(
        "from dataclasses import dataclass\n"
        "import jaxflow\n"
        "@dataclass(frozen=True)\n"
        "class Halve:\n"
        "    factor: float = 0.5\n"
        "    def fit(self, inputs): return []\n"
        "    def __call__(self, fitted, inputs): return inputs * self.factor\n"
        "def get_config():\n"
        "    return jaxflow.Experiment(data=jaxflow.Digits(), model=jaxflow.MLP(), problem=jaxflow.Classification(),\n"
        "                              optimizer=jaxflow.Adam(), preprocess=(jaxflow.Scale(), Halve(0.25)))\n"
    )
    written = dumps(load(file))
    del sys.modules[FILE_MODULE + "own"]
    execute(file)
    assert from_json(json.loads(written)).preprocess[1].factor == 0.25


def test_functions_in_fields_are_refused(experiment):
    with pytest.raises(jaxflow.UserError, match="fields hold numbers"):
        to_json((experiment, jnp.sin))


def test_differences_name_the_field_and_both_values(experiment):
    changed = dataclasses.replace(
        experiment, batch_size=16, model=dataclasses.replace(experiment.model, dropout=0.5), log_every_steps=99
    )
    leaves = dict(flatten(experiment, identity_only=True))
    assert differing_leaves(leaves, changed) == ["model.dropout: 0.2 -> 0.5", "batch_size: 8 -> 16"]
    assert differing_leaves(leaves, dataclasses.replace(experiment, optimizer=jaxflow.SGD()))[0] == (
        "optimizer: AdamW -> SGD"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"epochs": -1}, "epochs is -1"),
        ({"epochs": float("nan")}, "epochs is nan"),
        ({"preprocess": jaxflow.Scale()}, "preprocess is a Scale; write a tuple"),
        ({"microbatch": 3}, "microbatch 3 does not divide batch_size 8"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0"),
        ({"seed": -1}, "seed is -1"),
        ({"validate_every_epochs": 0}, "validate_every_epochs is 0"),
        ({"log_every_steps": 0}, "log_every_steps is 0"),
        ({"num_workers": -1}, "num_workers is -1"),
        ({"sampling": "balance"}, "sampling is 'balance'; it must be 'shuffle' or 'balanced'"),
        ({"num_workers": 2, "data_placement": "device"}, "data_placement 'device' needs none"),
    ],
)
def test_values_that_make_no_sense_are_refused(change, message, experiment):
    with pytest.raises(jaxflow.UserError, match=message):
        dataclasses.replace(experiment, **change)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", r"has no function get_config\(\)"),
        ("def get_config():\n    return 3\n", r"get_config\(\) in .* returned int"),
        ("def get_config(:\n", r"broken\.py:1: SyntaxError"),
        ("import nothing_of_that_name\n", r"broken\.py:1: ModuleNotFoundError"),
        ("def get_config():\n    x = 1\n    return x.y\n", r"broken\.py:3: AttributeError"),
    ],
)
def test_broken_files_are_blamed_by_line(text, message, tmp_path):
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(jaxflow.UserError, match=message):
        load(tmp_path / "broken.py")


# Another value for every field that decides what a run computes. A field that is not here fails the test below.
OTHER = {
    "data": None, "model": None, "problem": None, "optimizer": None, "optimizer.schedule": None,
    "preprocess.0": None, "augment.0": None, "augment.1": None,
    "data.validation": 0.2, "data.test": 0.1, "data.split_seed": 1,
    "model.widths": (4, 8), "model.pools": 2, "model.hidden": (4,), "model.padding": "VALID", "model.norm": "none",
    "model.kernel_init": "orthogonal",
    "model.activation": "gelu", "model.dropout": 0.1, "model.dtype": "bfloat16", "model.outputs": 11,
    "problem.loss": None, "problem.metrics.0": None,
    "problem.loss.label_smoothing": 0.0, "problem.loss.class_weights": "balanced",
    "optimizer.learning_rate": 0.1, "optimizer.schedule.warmup_steps": 3, "optimizer.schedule.final": 0.5,
    "optimizer.schedule.warmup_epochs": None, "optimizer.schedule.warmup_fraction": None,  # beside steps refused
    "optimizer.weight_decay": 0.5, "optimizer.l1": 0.5, "optimizer.clip_norm": 2.0,
    "optimizer.b1": 0.5, "optimizer.b2": 0.5, "optimizer.epsilon": 1e-3,
    "preprocess.0.epsilon": 100.0, "augment.0.probability": 0.1, "augment.0.axes": (0,),
    "augment.1.pad": 2, "augment.1.mode": "zero",
    "tta": jaxflow.FlipShift(),
    "batch_size": 16, "epochs": 3, "seed": 1, "sampling": "balanced", "microbatch": 1, "ema_decay": 0.5,
    "average_last": None,  # beside ema_decay refused
}  # fmt: skip
# These change only how a run is done; tests of the loop, the feed and parallel.py hold each of them.
NOT_COMPUTED = {
    "strategy", "data_placement", "num_workers", "log_every_steps", "log_norms", "validate_every_epochs",
    "checkpoint_every_steps",
    "max_checkpoints", "max_nonfinite_steps", "watchdog_seconds", "problem.selection_metric",
    "early_stopping", "reduce_on_plateau",  # tests/training/test_patience.py
    "init_from",  # tests/training/weights
}  # fmt: skip


def fingerprint(experiment):
    """All that a run computes, as text: data, order of examples, initial state and the training program."""
    try:
        return computed(experiment)
    except jaxflow.UserError as error:
        return str(error)


def computed(experiment):
    setup = prepare_training(dataclasses.replace(experiment, data_placement="host"), experiment.data.load())
    items = setup.pipeline.step_inputs(3, 1)
    state, totals = setup.init(), setup.program.empty_metrics()
    step = setup.program.compile_train_steps(setup.pipeline)
    program = jax.make_jaxpr(lambda *arguments: step(*arguments, 1))(state, totals, (), items)
    batch = {"inputs": items["inputs"][0], "targets": items["targets"][0]}
    judged = jax.make_jaxpr(setup.program.compile_eval_step())(state.variables(), batch)
    ids = [split.ids for split in setup.dataset.splits.values()]
    sums = jax.tree.map(jnp.sum, state.params)
    numbers = setup.program.arguments.tolist()
    return str((ids, numbers, str(program), str(judged), items["inputs"].tobytes(), sums, setup.program.total_steps))


def replaced(value, path, new):
    name, _, rest = path.partition(".")
    if isinstance(value, tuple):
        return tuple(replaced(part, rest, new) if str(i) == name else part for i, part in enumerate(value))
    return dataclasses.replace(value, **{name: replaced(getattr(value, name), rest, new) if rest else new})


@pytest.mark.slow
def test_no_field_is_dead(experiment, monkeypatch):
    names = {name for name, _ in flatten(experiment)}
    assert names - NOT_COMPUTED == set(OTHER)
    experiment = dataclasses.replace(
        experiment, optimizer=jaxflow.AdamW(1e-2, schedule=jaxflow.Cosine(warmup_steps=2), clip_norm=1.0)
    )
    # One device: the batch sizes above are not made for four.
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])
    before = fingerprint(experiment)
    for name, other in OTHER.items():
        if other is not None:
            assert fingerprint(replaced(experiment, name, other)) != before, f"{name} changes nothing"
