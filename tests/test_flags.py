import dataclasses

import pytest

import jaxflow
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
        ("--batch_size=x", "batch_size: invalid literal for int"),
        ("--model.activation=foo", "invalid choice 'foo'"),
        ("--batch_size", "Missing value for argument '--batch_size'"),
        ("--batch_size=0", "batch_size is 0; it must be 1 or more"),
        ("--optimizer=Adm", "no class Adm; perhaps you meant Adam"),
        ("--data.split_seed=HoldOut", "split_seed: invalid literal"),
        ("--optimizer.foo=Adam", "no field --optimizer.foo"),
        ("--problem.loss=Hubert", "no class Hubert; perhaps you meant Huber"),
        ("--data=Table", "--data=Table needs --data.path=VALUE and --data.target=VALUE"),
        ("--problem.selection_metric=f1", "selection_metric is 'f1'; it is one of loss, accuracy"),
    ],
)
def test_mistakes_take_one_line(flag, message, experiment):
    with pytest.raises(jaxflow.UserError) as error:
        override(experiment, [flag])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


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
    assert "Others: Adam, Muon, RMSprop, SGD." in next(s.text for s in sections if s.title == "--optimizer=AdamW")
