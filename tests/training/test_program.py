import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jaxflow
from jaxflow import hyperparameters
from jaxflow.schema import Feature, Schema, Target
from jaxflow.training.parallel.dispatch import _uses
from jaxflow.training.prepare import build_program, prepare_training
from jaxflow.training.program import _step_function
from jaxflow.transforms import augment

VECTOR, IMAGE = Feature("vector", (3,), "float32"), Feature("image", (6, 6, 3), "float32")


def test_an_operation_is_found_however_deep_it_lies():
    def conv(inputs):
        return lax.conv(inputs, jnp.ones((1, 1, 3)), (1,), "SAME")

    def deep(inputs):
        body = jax.checkpoint(lambda carry, _: (jax.jit(conv)(carry), None))
        return lax.cond(True, lambda x: lax.scan(body, x, length=2)[0], lambda x: x, inputs).sum()

    inputs = jnp.ones((1, 1, 8))
    for function in (deep, jax.grad(deep)):
        assert _uses(jax.make_jaxpr(function)(inputs).jaxpr, "conv_general_dilated")
        assert not _uses(jax.make_jaxpr(function)(inputs).jaxpr, "dot_general")


def operations(function, *arguments):
    """Lists the operations of a traced function with the shapes of their results."""
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    return [(equation.primitive.name, str(equation.outvars[0].aval)) for equation in jaxpr.eqns]


def test_training_compiles_the_documented_train_step(experiment, toy, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])
    session = prepare_training(dataclasses.replace(experiment, data_placement="host"), toy)
    program, pipeline = session.program, session.pipeline
    item = jax.tree.map(lambda leaf: leaf[0], pipeline.step_inputs(0, 1))
    state, totals = program.abstract_state(), program.empty_metrics()

    def documented(arguments, state, batch):
        parts = hyperparameters.join(program.structure.parts, arguments)
        step = jaxflow.make_train_step(
            parts.model,
            parts.problem,
            jaxflow.make_optimizer(parts.optimizer, parts.total_steps),
            transform=program.structure.transform,
            augment=lambda key, batch: augment.apply(parts.augment, key, batch),
            microbatch=experiment.microbatch,
            ema_decay=parts.ema_decay,
        )
        return step(state, batch)

    expected = operations(documented, program.arguments, state, item)
    compiled = operations(
        _step_function(program.structure, pipeline.get_batch).__wrapped__, state, totals, program.arguments, (), item
    )
    assert compiled[: len(expected)] == expected
    # What is left adds the metrics up.
    assert {name for name, _ in compiled[len(expected) :]} <= {"eq", "jit", "add", "select_n", "broadcast_in_dim"}


@pytest.mark.parametrize(
    ("schema", "problem", "has"),
    [
        (Schema(VECTOR, Target("number", ("price",))), jaxflow.Regression(), "numbers"),
        (
            Schema(IMAGE, Target("class", ("a", "b"), dense_shape=(6, 6))),
            jaxflow.Segmentation(),
            "a class for each position",
        ),
    ],
)
def test_balanced_sampling_needs_a_class_for_each_example(schema, problem, has):
    experiment = jaxflow.Experiment(jaxflow.Digits(), jaxflow.MLP(), problem, jaxflow.Adam(), sampling="balanced")
    with pytest.raises(jaxflow.UserError, match=f"goes by each example's class, and the data has {has}; leave it"):
        build_program(experiment, schema, [], 50)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": jaxflow.CNN()}, "model CNN does not embed them: use MLP or TabularResNet, or Category"),
        (
            {"model": jaxflow.MLP(cardinalities=(4, 6))},
            r"model.cardinalities is \(4, 6\), and the data has \(4, 5\); leave",
        ),
        ({"preprocess": (jaxflow.Standardize(),)}, r"preprocess would change by Standardize; .* leave preprocess=\(\)"),
        ({"augment": (jaxflow.GaussianNoise(),)}, r"augment would change by GaussianNoise; .* leave augment=\(\)"),
    ],
)
def test_numbers_of_categories_reach_a_model_that_embeds_them_as_they_are(change, message):
    parts = {"model": jaxflow.MLP(), "problem": jaxflow.Classification(), "optimizer": jaxflow.Adam()} | change
    experiment = jaxflow.Experiment(jaxflow.Digits(), **parts)
    schema = Schema(Feature("vector", (7,), "float32", cardinalities=(4, 5)), Target("class", ("a", "b")))
    with pytest.raises(jaxflow.UserError, match=message):
        build_program(experiment, schema, [None] * len(experiment.preprocess), 50)


def test_models_take_their_categories_from_the_data():
    experiment = jaxflow.Experiment(jaxflow.Digits(), jaxflow.MLP(), jaxflow.Classification(), jaxflow.Adam())
    for cardinalities in ((), (4, 5)):
        schema = Schema(Feature("vector", (7,), "float32", cardinalities=cardinalities), Target("class", ("a", "b")))
        assert build_program(experiment, schema, [], 50).model.cardinalities == cardinalities
    own = jaxflow.Experiment(
        jaxflow.Digits(), jaxflow.MLP(cardinalities=(3,)), jaxflow.Classification(), jaxflow.Adam()
    )
    with pytest.raises(jaxflow.UserError, match=r"model.cardinalities is \(3,\), and the data has \(\); leave"):
        build_program(own, Schema(Feature("vector", (7,), "float32"), Target("class", ("a", "b"))), [], 50)


def test_a_loss_is_not_fitted_to_targets_of_another_kind(experiment):
    loss = jaxflow.losses.CrossEntropy(class_weights="balanced")
    wrong = dataclasses.replace(experiment, data=jaxflow.ToyTable("diabetes"), preprocess=(), augment=(),
                                problem=jaxflow.Classification(loss))  # fmt: skip
    with pytest.raises(
        jaxflow.UserError,
        match=r"predicts one class .* the data has numbers \(.*use problem=Regression",
    ):
        prepare_training(wrong, wrong.data.load())


@dataclasses.dataclass(frozen=True)
class Reduced:
    """A loss of one's own that takes the mean, as those of other libraries do."""

    unit: ClassVar[str] = ""

    def __call__(self, outputs, targets):
        return jnp.square(outputs).mean()


def test_a_loss_that_is_reduced_is_refused():
    problem = jaxflow.Classification(loss=Reduced())
    experiment = jaxflow.Experiment(jaxflow.Digits(), jaxflow.MLP(), problem, jaxflow.Adam())
    schema = Schema(VECTOR, Target("class", ("a", "b")))
    with pytest.raises(jaxflow.UserError, match=r"gives losses of shape \(\) for a batch of 3; a loss is not reduced"):
        build_program(experiment, schema, [], 50)


@dataclasses.dataclass(frozen=True)
class Times:
    """A transform of whole numbers, which 2 leaves what they are and 2.0 does not."""

    factor: float
    unseen: int = dataclasses.field(default=0, compare=False)

    def fit(self, inputs):
        return None

    def __call__(self, fitted, inputs):
        return (inputs * self.factor).astype(jnp.float32) + self.unseen


def test_what_python_holds_for_equal_is_another_program(experiment, toy):
    given = [(2,), (2.0,), (2, 5), (2,)]
    sessions = [
        prepare_training(dataclasses.replace(experiment, preprocess=(Times(*values),)), toy) for values in given
    ]
    structures = [session.program.structure for session in sessions]
    assert len(set(structures)) == 3
    assert structures[0] == structures[-1]
    inputs, variables = toy.splits["train"].rows(np.arange(2))["inputs"], sessions[0].init().variables()
    answers = [session.program.compile_predict_step()(variables, inputs) for session in sessions[:2]]
    assert inputs.max() > 127  # where doubling whole numbers of eight bits begins again at 0
    assert np.abs(answers[0] - answers[1]).max() > 1e-3
