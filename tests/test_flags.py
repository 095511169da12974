import dataclasses

import pytest

import jaxflow
from jaxflow.flags.describe import describe
from jaxflow.flags.override import override
from tests.conftest import Holding


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
        ("--optimizer=Adam", "--optimizer is an object"),
        ("--problem.loss=Huber", "--problem.loss is an object"),
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
    text = " ".join(describe(experiment, "launch.py").split())
    for expected in ("--model.dropout", "0.2", "Dropout rate before each fully connected layer", "--data.split_seed"):
        assert expected in text
