import dataclasses
import re
from typing import Literal

import pytest

import jaxflow
from jaxflow.flags.choose import field_at, parts_of
from jaxflow.flags.describe import describe
from jaxflow.flags.override import override
from jaxflow.serialization import flatten
from tests.conftest import Holding


@dataclasses.dataclass(frozen=True)
class Named:
    """An augmentation with a field that holds a text or a part."""

    split: jaxflow.HoldOut | jaxflow.KFold | str | None = None

    def __call__(self, key, batch):
        return batch


def test_flags_change_fields_at_any_depth(experiment):
    changed = override(
        experiment,
        ["--model.dropout=0.5", "--model.widths", "8", "16", "--optimizer.schedule.final=0.1", "--augment.1.pad=3",
         "--ema_decay=None", "--epochs=0.5", "--model.activation=gelu"],
    )  # fmt: skip
    assert (changed.model.dropout, changed.model.widths, changed.model.activation) == (0.5, (8, 16), "gelu")
    assert changed.optimizer.schedule.final == 0.1
    assert changed.augment[1].pad == 3
    assert changed.ema_decay is None
    assert changed.epochs == 0.5


def test_flags_reach_losses_and_metrics(experiment):
    chosen = dataclasses.replace(
        experiment, problem=jaxflow.Classification(metrics=(jaxflow.metrics.Accuracy(), jaxflow.metrics.TopK(3)))
    )
    flags = ["--problem.loss.label_smoothing=0.2", "--problem.metrics.1.k=2", "--problem.selection_metric=top_2"]
    changed = override(chosen, [*flags, "--problem.loss.class_weights", "1", "2", "3"]).problem
    assert changed.loss == jaxflow.losses.CrossEntropy(label_smoothing=0.2, class_weights=(1.0, 2.0, 3.0))
    assert changed.metrics == (jaxflow.metrics.Accuracy(), jaxflow.metrics.TopK(2))
    assert changed.selection_metric == "top_2"
    assert override(chosen, ["--problem.loss.class_weights=balanced"]).problem.loss.class_weights == "balanced"


@pytest.mark.parametrize("order", [1, -1])
def test_metrics_and_the_one_that_selects_are_changed_together(order, experiment):
    chosen = dataclasses.replace(experiment, problem=jaxflow.Classification(selection_metric="accuracy"))
    flags = ["--problem.metrics=LogLoss", "--problem.selection_metric=log_loss"]
    changed = override(chosen, flags[::order]).problem
    assert (changed.metrics, changed.selection_metric) == ((jaxflow.metrics.LogLoss(),), "log_loss")
    alone = ["--problem.metrics=()", "--problem.selection_metric=loss"]
    assert override(chosen, alone[::order]).problem.metrics == ()
    with pytest.raises(jaxflow.UserError, match="selection_metric is 'accuracy'; it is one of loss"):
        override(chosen, ["--problem.metrics=()"])


def test_parts_are_chosen_by_class(experiment):
    changed = override(
        experiment,
        ["--optimizer.schedule.final=0.2", "--optimizer=SGD", "--optimizer.schedule=Cosine", "--augment+=Flip",
         "--augment.2.probability=0.25", "--tta", "FlipShift", "--model=MLP", "--model.hidden", "8", "4",
         "--problem.metrics+=TopK", "--problem.metrics.1.k=2", "--preprocess=Scale,Standardize"],
    )  # fmt: skip
    assert changed.optimizer == jaxflow.SGD(schedule=jaxflow.Cosine(final=0.2))
    assert changed.augment == (*experiment.augment, jaxflow.Flip(probability=0.25))
    assert changed.tta == jaxflow.FlipShift()
    assert changed.model == jaxflow.MLP(hidden=(8, 4))
    assert changed.problem.metrics == (jaxflow.metrics.Accuracy(), jaxflow.metrics.TopK(2))
    assert changed.preprocess == (jaxflow.Scale(), jaxflow.Standardize())
    emptied = override(changed, ["--augment=()", "--tta=None", "--ema_decay=None"])
    assert (emptied.augment, emptied.tta, emptied.ema_decay) == ((), None, None)


def test_a_class_of_the_experiment_s_own_file_is_chosen_too(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import flax.linen as nn\nfrom jaxflow import *\n"
        "class Residual(nn.Module):\n    width: int = 8\n    outputs: int | None = None\n"
        "    @nn.compact\n    def __call__(self, inputs, train=False): return nn.Dense(self.outputs)(inputs)\n"
        "def get_config(): return Experiment(Digits(), MLP(), Classification(), Adam())\n"
    )
    changed = override(jaxflow.load(file), ["--model=Residual", "--model.width=3"])
    assert (type(changed.model).__name__, changed.model.width) == ("Residual", 3)


def test_a_text_stands_where_one_may_and_no_class_is_called_so(experiment):
    named = dataclasses.replace(experiment, augment=(Named(jaxflow.HoldOut()),))
    for flag, value in (("fold", "fold"), ("KFold", jaxflow.KFold()), ("None", None)):
        assert override(named, [f"--augment.0.split={flag}"]).augment[0].split == value


def test_a_class_takes_fields_without_a_default_from_the_flags(experiment):
    changed = override(
        experiment, ["--data.target", "Adam", "--data=Table", "--data.path=a b.csv", "--data.split=KFold"]
    )
    with pytest.raises(jaxflow.UserError, match=r"--data\.split=Adam: it takes HoldOut, KFold, TimeSplit"):
        override(changed, ["--data.split=Adam"])
    columns = ["--data.columns=Number", "--data.columns.0.name=age", "--data.columns+=Category"]
    with pytest.raises(jaxflow.UserError, match="no class Nmber; perhaps you meant Number"):
        override(changed, ["--data.columns=Nmber"])
    numbered = override(changed, [*columns, "--data.columns.1.name=city", "--data.columns.1.encode=ordinal"])
    assert numbered.data.columns == (jaxflow.Number("age"), jaxflow.Category("city", encode="ordinal"))
    assert changed.data == jaxflow.Table("a b.csv", target="Adam", split=jaxflow.KFold())


def test_no_flags_change_nothing(experiment):
    assert override(experiment, []) == experiment


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--batch_sise=3", "perhaps you meant --batch_size"),
        ("--learning_rate=3", "perhaps you meant --optimizer.learning_rate"),
        ("--model.droput=0.1", "perhaps you meant --model.dropout"),
        ("--zzz=1", "no field --zzz in this experiment"),
        ("--model.activation=foo", "--model.activation is 'foo'; it takes relu or leaky_relu"),
        ("--batch_size=0", "batch_size is 0; it must be 1 or more"),
        ("--optimizer=Adm", "no class Adm; perhaps you meant Adam"),
        ("--data.split_seed=HoldOut", "--data.split_seed is 'HoldOut'; it takes an int"),
        ("--optimizer.foo=Adam", "no field --optimizer.foo"),
        ("--problem.loss=Hubert", "no class Hubert; perhaps you meant Huber"),
        ("--data=Table", "--data=Table needs --data.path=VALUE"),
        ("--problem.selection_metric=f1", "selection_metric is 'f1'; it is one of loss, accuracy"),
    ],
)
def test_mistakes_take_one_line(flag, message, experiment):
    with pytest.raises(jaxflow.UserError) as error:
        override(experiment, [flag])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--batch_size=x", "--batch_size is 'x'; it takes an int, 1 or more; for example --batch_size={batch_size}"),
        ("--batch_size", "--batch_size has no value; it takes an int, 1 or more; for example --batch_size="),
        ("--batch_size=1e2", "perhaps you meant --batch_size=100"),
        ("--epochs=5;", "--epochs is '5;'; it takes a number, in [0, 1000000000]; perhaps you meant --epochs=5"),
        ("--optimizer.learning_rate=0,001", "perhaps you meant --optimizer.learning_rate=0.001"),
        ("--model.dropout=50%", "it takes a number, in [0, 1); perhaps you meant --model.dropout=0.5"),
        ("--model.widths=32,64", "it takes any number of: an int, 1 or more; perhaps you meant --model.widths 32 64"),
        ("--model.widths=[32,64]", "perhaps you meant --model.widths 32 64"),
        ("--model.widths", "--model.widths has no value; it takes any number of: an int, 1 or more; for example"),
        ("--model.widths 8 b", "or --model.widths=() for none"),
        ("--ema_decay=none", "in (0, 1), or None; perhaps you meant --ema_decay=None"),
        ("--data_placement=Host", "it takes auto or device or host; perhaps you meant --data_placement=host"),
        ("--data=ImageFolder --data.path=a --data.in_memory=no", "perhaps you meant --data.in_memory=False"),
        ("--data=ImageFolder --data.path=a --data.size=8x9", "it takes 2 of: an int, 1 or more; perhaps you meant "
         "--data.size 8 9"),
        ("--data=ImageFolder --data.path=a --data.size=8", "perhaps you meant --data.size 8 8"),
        ("--data=ImageFolder --data.path=a --data.levels 0 x", "or None; for example --data.levels 1 2"),
        ("--problem.loss.class_weights=balance", "perhaps you meant --problem.loss.class_weights=balanced"),
        ("--epochs 5 6", "'6' belongs to no flag"),
        ("--optimizer=", "--optimizer is empty; it takes the name of a class: Adafactor, Adagrad"),
        ("--augment+=", "--augment is empty"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_told_what_the_field_takes(flags, message, experiment):
    with pytest.raises(jaxflow.UserError) as error:
        override(experiment, flags.split(" "))
    assert message.format(batch_size=experiment.batch_size) in str(error.value)


@pytest.fixture
def table(experiment):
    return override(experiment, ["--data=Table", "--data.path=a.csv", "--data.target=y"])


@pytest.mark.parametrize(
    "name", ["3", "my column", "a,b", "a=b", "a.b", "[a]", "-x", "--x", "True", "None", "1e3", "{}"]
)
def test_a_column_of_any_name_reaches_its_field_as_it_is_typed(table, name):
    data = override(table, [f"--data.target={name}", f"--data.drop={name}", f"--data.group={name} "]).data
    assert (data.target, data.drop, data.group) == (name, (name,), f"{name} ")
    named = override(table, ["--data.columns+=Number", f"--data.columns.0.name={name}"]).data
    assert named.columns == (jaxflow.Number(name),)
    assert override(table, ["--data.drop", "a b", "3", "c=d"]).data.drop == ("a b", "3", "c=d")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--data.target -x", "-x after --data.target begins with a dash, as flags do; write --data.target=-x"),
        ("--data.drop a -x", "name such ones in the experiment file"),
        ("--data.drop a --data.drop+=b", "--data.drop is set as a whole: --data.drop a b"),
        ("--data.drop a --data.drop.0=b", "--data.drop is set as a whole: --data.drop b"),
        ("--data.columns=age", "no class age; there are Category, Date, Number, and classes of your own; of a column "
         "write --data.columns=Number --data.columns.0.name=age"),
        ("--data.columns+=Number(3)", "--data.columns+=Number(3): a flag takes the name of a class; write "
         "--data.columns+=Number, then its fields: --data.columns.0.FIELD=VALUE"),
        ("--data.columns.0.name=age", "--data.columns has 0 parts, counted from 0; --data.columns+=CLASS adds one"),
        ("--data.columns=None", "--data.columns is 'None'; it takes the name of a class: Category, Date, Number, ()"),
        ("--data.outliers=none", "--data.outliers is 'none'; it takes the name of a class: Outliers, None"),
        ("--data.outliers.threshold=2", "--data.outliers is None, which has no fields; --data.outliers=CLASS"),
        ("--data.split=fold --data.split.test=0.2", "--data.split is 'fold', which has no fields; --data.split=CLASS"),
        ("--data.decimal=;", "it takes '.' or ',', or None; for example --data.decimal=."),
    ],
)  # fmt: skip
def test_a_flag_of_columns_is_told_how_it_is_written(flags, message, table):
    with pytest.raises(jaxflow.UserError) as error:
        override(override(table, flags.split(" ")[:2]) if "+=b" in flags else table, flags.split(" "))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@dataclasses.dataclass(frozen=True)
class Rows:
    """An augmentation with rows, words and several numbers in its fields."""

    pairs: tuple[tuple[str, float], ...] = ()
    words: tuple[Literal["x", "y"], ...] = ()
    three: tuple[int, int, int] | None = None
    word: Literal["x", "y"] | None = None
    switch: bool | None = None

    def __call__(self, key, batch):
        return batch


@pytest.mark.parametrize(
    ("flags", "result"),
    [
        ("pairs a 1 b 2", (("a", 1.0), ("b", 2.0))),
        ("pairs=()", ()),
        ("words x y", ("x", "y")),
        ("three 1 2 3", (1, 2, 3)),
        ("three=None", None),
        ("switch=False", False),
        ("pairs a", "it takes any number of rows, each a text and a number; for example --augment.0.pairs 1 2 3 4, or"),
        ("pairs=(a,1),(b,2)", "perhaps you meant --augment.0.pairs a 1 b 2"),
        ("words=x,y", "it takes any number of: x or y; perhaps you meant --augment.0.words x y"),
        ("words x z", "for example --augment.0.words x x, or --augment.0.words=() for none"),
        ("three 1 2", "it takes 3 of: an int, or None; for example --augment.0.three 1 2 3"),
        ("word=off", "it takes x or y or None; perhaps you meant --augment.0.word=None"),
        ("switch=maybe", "it takes True or False or None; for example --augment.0.switch=True"),
    ],
)
def test_values_of_nested_types_are_read_or_told_what_works(flags, result, experiment):
    holding, words = dataclasses.replace(experiment, augment=(Rows(),)), f"--augment.0.{flags}".split(" ")
    if isinstance(result, str):
        with pytest.raises(jaxflow.UserError) as error:
            override(holding, words)
        assert result in str(error.value)
        example = re.split("for example |perhaps you meant ", str(error.value))[1].partition(", or ")[0]
        override(holding, example.split(" "))  # what the message says works
    else:
        field = re.split("[ =]", flags)[0]
        assert getattr(override(holding, words).augment[0], field) == result


def test_every_value_of_an_experiment_fits_its_own_field(experiment):
    for field, value in flatten(experiment):
        if not isinstance(found := field_at(experiment, field), tuple) or parts_of(found[1]):
            continue
        words = list(map(str, value)) if isinstance(value, tuple) else [str(value)]
        assert override(experiment, [f"--{field}", *(words or ["()"])]) == experiment


def test_empty_brackets_are_no_values(experiment):
    assert override(experiment, ["--model.widths=()"]).model.widths == ()
    assert override(experiment, ["--model.widths", "()", "--seed=3"]).model.widths == ()


def test_a_function_in_a_field_is_named(experiment):
    broken = dataclasses.replace(experiment, augment=(Holding(len),))
    with pytest.raises(jaxflow.UserError, match="cannot hold <built-in function len>"):
        override(broken, [])


def test_help_names_every_field_with_default_and_docstring(experiment):
    sections = describe(experiment)
    titles = [section.title for section in sections]
    assert titles[0].startswith("--data=Digits")
    assert titles[-2:] == ["the run", "how it is done"]
    every = {flag: text for section in sections for flag, text in section.flags.items()}
    assert every["--model.dropout=0.2"].startswith("Dropout rate before each fully connected layer")
    assert every["--model.dropout=0.2"].endswith("[a number, in [0, 1)]")
    assert every["--augment.1.pad=1"]
    leaves = {name for name, value in flatten(experiment) if name not in titles}
    shown = {flag.partition("=")[0].removeprefix("--") for flag in [*every, *titles]}
    assert leaves <= shown
    others = next(s.text for s in sections if s.title == "--optimizer=AdamW")
    assert "Others: Adafactor, Adagrad, Adam, Groups, LAMB, Lion, Muon, NAdam, Optax, RMSprop, SGD, Sched" in others
