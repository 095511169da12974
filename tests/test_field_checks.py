"""A mistake in a field of an experiment is one line with the fix, when the experiment is built."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pytest

import jaxflow
from jaxflow.flags.override import override
from tests.conftest import Holding

OWN = "or one of your own (docs/extend.md)"


class WithoutBase:
    """A source that is no dataclass."""

    def load(self):
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Halve:
    """A transform whose annotations are of every kind."""

    factor: "float" = 0.5
    name: "nothing_of_that_name" = "x"  # noqa: F821
    side: int = None
    pair: tuple[int, str] = (1, "a")
    anything: object = None

    def fit(self, inputs):
        return []

    def __call__(self, fitted, inputs):
        return inputs * self.factor


@dataclasses.dataclass
class Melted:
    """An augmentation that is not frozen."""

    def __call__(self, key, batch):
        return batch


PARTS = [
    ("augment", (Melted(),), "augment.0 is a Melted, which is not frozen; write @dataclass(frozen=True) above it"),
    ("data", jaxflow.Digits, "data is the class Digits; write an object of it, Digits(...)"),
    ("data", "digits", f"data is 'digits'; it must be a data source, for example jaxflow.Digits(), {OWN}"),
    ("data", WithoutBase(), "data is a WithoutBase, which is no dataclass; write @dataclass(frozen=True) above it"),
    ("data", jaxflow.CNN(), f"data is a CNN; it must be a data source, for example jaxflow.Digits(), {OWN}"),
    ("data", None, f"data is None; it must be a data source, for example jaxflow.Digits(), {OWN}"),
    ("optimizer", "adam", f"optimizer is 'adam'; it must be a jaxflow.Optimizer, for example jaxflow.Adam(), {OWN}"),
    ("optimizer", jaxflow.Adam, "optimizer is the class Adam; write an object of it, Adam(...)"),
    (
        "optimizer",
        optax.adam(1e-3),
        "optimizer is an optax transformation, which cannot be written into a run folder; it must be a "
        f"jaxflow.Optimizer, for example jaxflow.Adam(learning_rate=1e-3), {OWN}",
    ),
    ("model", jaxflow.CNN, "model is the class CNN; write an object of it, CNN(...)"),
    (
        "model",
        nn.Dense(3),
        "model is a Dense; it must be a Linen module with __call__(self, inputs, train), for example jaxflow.CNN(), "
        f"{OWN}",
    ),
    ("problem", "regression", "problem is 'regression'; it must be a problem, for example jaxflow.Regression(), "
     f"{OWN}"),
    ("augment", ("flip",), "augment.0 is 'flip'; it must be an augmentation with __call__(key, example), for example "
     f"jaxflow.Flip(), {OWN}"),
    ("augment", jaxflow.Flip(), "augment is a Flip; write a tuple, for example (Flip(...),)"),
    ("augment", [jaxflow.Flip()], "augment is [Flip(probability=0.5, axes=(1,))] (list); write a tuple, for example "
     "(jaxflow.Flip(),)"),
    ("augment", (jaxflow.Crop(), jaxflow.Flip), "augment.1 is the class Flip; write an object of it, Flip(...)"),
    ("augment", (len,), "augment.0 is the function len; it must be an augmentation with __call__(key, example), for "
     f"example jaxflow.Flip(), {OWN}"),
    ("preprocess", (jaxflow.Scale,), "preprocess.0 is the class Scale; write an object of it, Scale(...)"),
    ("preprocess", (jaxflow.Flip(),), "preprocess.0 is a Flip; it must be a transform with fit() and "
     f"__call__(fitted, inputs), for example jaxflow.Standardize(), {OWN}"),
    ("tta", True, "tta is True; it must be a test-time augmentation with __call__(inputs), for example "
     f"jaxflow.FlipShift(), {OWN}"),
    ("tta", jaxflow.Flip(), "tta is a Flip; it must be a test-time augmentation with __call__(inputs), for example "
     f"jaxflow.FlipShift(), {OWN}"),
    ("optimizer", jaxflow.Adam(schedule="cosine"), "optimizer.schedule is 'cosine'; it must be a schedule, for example "
     f"jaxflow.Cosine(), {OWN}"),
]  # fmt: skip
VALUES = [
    ("batch_size", "32", "batch_size is '32'; it must be an int, for example 32"),
    ("batch_size", 32.0, "batch_size is 32.0; it must be an int, for example 32"),
    ("batch_size", True, "batch_size is True; it must be an int, for example 32"),
    ("epochs", None, "epochs is None; it must be a number, for example 10"),
    ("epochs", "2", "epochs is '2'; it must be a number, for example 10"),
    ("seed", 1.5, "seed is 1.5; it must be an int, for example 0"),
    ("ema_decay", "0.9", "ema_decay is '0.9'; it must be a number or None"),
    ("microbatch", (2,), "microbatch is (2,) (tuple); it must be an int or None"),
    ("strategy", "dp", "strategy is 'dp'; it must be 'pmap' or 'shard_map' or 'fsdp'"),
    ("model", jaxflow.CNN(widths="32"), "model.widths is '32'; it must be a tuple of ints, for example (32, 64, 64)"),
    ("model", jaxflow.MLP([4]), "model.hidden is [4] (list); it must be a tuple of ints, for example (128,)"),
    ("model", jaxflow.CNN(dropout="a"), "model.dropout is 'a'; it must be a number, for example 0.0"),
    ("model", jaxflow.CNN(norm="spectral"), "model.norm is 'spectral'; it must be 'none' or 'batch' or 'layer' or "
     "'group' or 'rms'"),
    ("augment", (jaxflow.Affine(axes=(1,)),), "augment.0.axes is (1,) (tuple); it must be a tuple of 2: "
     "(an int, an int), for example (0, 1)"),
    ("data", jaxflow.ImageFolder("x", split=0.1), "data.split is 0.1; it must be HoldOut or KFold or a string, for "
     "example HoldOut(validation=0.1, test=0.1, seed=0, stratify=False, column=None, table=None)"),
    ("data", jaxflow.ImageFolder("x", split=jaxflow.TimeSplit()), "data.split is a TimeSplit; it must be HoldOut or "
     "KFold or a string, for example HoldOut(validation=0.1, test=0.1, seed=0, stratify=False, column=None, "
     "table=None)"),
    ("data", jaxflow.Table("a", "y", time=3), "data.time is 3; it must be a string or None; write '3'"),
    ("data", jaxflow.Table("a", "y", drop=(3, "a")), "data.drop is (3, 'a') (tuple); it must be a tuple of strings; "
     "write ('3', 'a')"),
    ("data", jaxflow.Table("a", "y", drop="x"), "data.drop is 'x'; it must be a tuple of strings; write ('x',)"),
    ("data", jaxflow.Series("a", "t", ("x",), encoders=("z",)), "data.encoders is ('z',) (tuple); it must be a tuple "
     "of Number or Category or Date"),
    ("preprocess", (Halve("a"),), "preprocess.0.factor is 'a'; it must be a number, for example 0.5"),
    ("preprocess", (Halve(pair=(1, 2)),), "preprocess.0.pair is (1, 2) (tuple); it must be a tuple of 2: "
     "(an int, a string), for example (1, 'a')"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "message"), PARTS + VALUES, ids=lambda value: None)
def test_a_field_that_holds_something_else_is_one_line(field, value, message, experiment):
    with pytest.raises(jaxflow.UserError) as caught:
        dataclasses.replace(experiment, **{field: value})
    assert str(caught.value) == message


@pytest.mark.parametrize("fields", [
    {"preprocess": (Halve(factor=1, name=3, side=4, anything=()),)},  # what cannot be read is not checked
    {"epochs": 2, "optimizer": jaxflow.Adam(learning_rate=1)},  # an int is a number
    {"augment": (Holding(len),)},
    {"preprocess": (Halve(side=None),)},  # a default fits, whatever its annotation
    {"optimizer": jaxflow.Adam(learning_rate=jnp.float32(1e-3))},
])  # fmt: skip
def test_what_fits_is_left_alone(fields, experiment):
    assert dataclasses.replace(experiment, **fields).batch_size == experiment.batch_size


def test_traced_values_fit(experiment):
    def rate(value):
        model = dataclasses.replace(experiment.model, dropout=value)
        return dataclasses.replace(experiment, model=model, ema_decay=None).model.dropout * 2

    assert jax.jit(rate)(0.25) == 0.5


def test_experiment_files_and_flags_are_checked(experiment, tmp_path):
    text = (
        "from jaxflow import *\n"
        "def get_config():\n"
        "    return Experiment(data=Digits, model=CNN(), problem=Classification(), optimizer=Adam())\n"
    )
    (tmp_path / "wrong.py").write_text(text)
    with pytest.raises(jaxflow.UserError, match=r"wrong\.py: data is the class Digits; write an object of it"):
        jaxflow.load(tmp_path / "wrong.py")
    for given in (experiment, dataclasses.replace(experiment, augment=())):
        with pytest.raises(jaxflow.UserError, match=r"--augment=flip: no class flip; perhaps you meant Flip"):
            override(given, ["--augment", "flip"])


def test_the_command_line_says_it_in_one_line(command, tmp_path):
    text = (
        "from jaxflow import *\n"
        "def get_config():\n"
        "    return Experiment(data=Digits(), model=CNN(), problem=Classification(), optimizer={}Adam())\n"
    )
    (tmp_path / "right.py").write_text(text.format(""))
    (tmp_path / "wrong.py").write_text(text.format("'adam' or "))
    for arguments, message in (
        (["wrong.py"], "error: wrong.py: optimizer is 'adam'; it must be a jaxflow.Optimizer"),
        (["right.py", "--augment", "flip"], "error: --augment=flip: no class flip; perhaps you meant Flip"),
    ):
        done = command("--config", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert done.stderr.startswith(message)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: jaxflow.Table("a", "y", columns=jaxflow.Category("p")),
            r"columns is one Category; write a tuple, for ",
        ),
        (
            lambda: jaxflow.Series("a", "t", ("x",), encoders=jaxflow.Date("d")),
            r"encoders is one Date; .* \(Date\(\.\.\.",
        ),
    ],
)
def test_one_object_in_place_of_a_tuple_of_such_is_told_with_the_comma(make, message):
    with pytest.raises(jaxflow.UserError, match=message):
        make()
