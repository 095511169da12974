"""Hyperparameters are arguments: every number traces, and runs that differ in numbers share what is compiled."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow import hyperparameters
from jaxflow.training.prepare import prepare_training
from jaxflow.training.structure import train_step

# For each public class with numbers, values of them all that are not off.
OPTIMIZERS = (
    jaxflow.SGD(0.1, jaxflow.Constant(3), 1e-3, 1.0, momentum=0.9),
    jaxflow.RMSprop(1e-2, jaxflow.Linear(3, final=0.1), 1e-3, 1.0, momentum=0.5),
    jaxflow.Adam(1e-2, jaxflow.Step(3, decay=0.5), 1e-3, 1.0),
    jaxflow.AdamW(1e-2, jaxflow.Cosine(3, final=0.1), 1e-3, 1.0),
    jaxflow.Muon(weight_decay=1e-3, clip_norm=1.0, matrix_optimizer=jaxflow.Adam(), default_optimizer=jaxflow.SGD()),
)
IMAGES = (
    jaxflow.Flip(), jaxflow.Crop(1), jaxflow.Affine(), jaxflow.ColorJitter(), jaxflow.Cutout(2, value=0.5),
    jaxflow.GaussianNoise(), jaxflow.RandAugment(), jaxflow.Mixup(),
)  # fmt: skip
WAVES = (jaxflow.TimeShift(), jaxflow.SpeedChange(), jaxflow.WhiteNoise())
NUMBERS_OF_DATA = ("data.", "transforms.preprocess", "transforms.spectrogram", "experiment", "training.state", "schema")


def classes_with_numbers():
    found = [getattr(jaxflow, name) for name in jaxflow.__all__]
    found += [getattr(jaxflow.losses, name) for name in jaxflow.losses.__all__]
    for kind in found:
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)) or kind in (
            jaxflow.Optimizer,
            jaxflow.RateTest,
        ):
            continue
        if not kind.__module__.removeprefix("jaxflow.").startswith(NUMBERS_OF_DATA):
            fields = [field for field in dataclasses.fields(kind) if field.type in (float, "float", float | None)]
            yield from ((kind, field.name) for field in fields)


def traced_fields(value):
    """Lists (class, field) of the numbers that `split` takes out of a value."""
    if isinstance(value, tuple):
        return [pair for part in value for pair in traced_fields(part)]
    if not dataclasses.is_dataclass(value):
        return []
    structure, _ = hyperparameters.split(value)
    fields = dataclasses.fields(value)
    own = [field.name for field in fields
           if isinstance(getattr(structure, field.name, None), hyperparameters.Argument)]  # fmt: skip
    inner = [pair for field in fields for pair in traced_fields(getattr(value, field.name, None))]
    return [(type(value), name) for name in own] + inner


def step_of(optimizer=OPTIMIZERS[0], augment=(), model=None, loss=None, inputs=(6, 6, 1), problem=None, targets=None):
    """Traces a train step with every number an argument; returns what was traced."""
    model = model or jaxflow.MLP(hidden=(4,), dropout=0.1, outputs=3)
    problem = problem or jaxflow.Classification(loss or jaxflow.losses.CrossEntropy(label_smoothing=0.1))
    parts = (model, problem, optimizer, augment)
    structure, numbers = hyperparameters.split(parts)
    dtype = jnp.int32 if len(inputs) == 1 and getattr(model, "vocab_size", None) else jnp.float32
    batch = {
        "inputs": jnp.zeros((4, *inputs), dtype),
        "targets": jnp.zeros(4, jnp.int32) if targets is None else targets,
        "index": jnp.arange(4), "epoch": jnp.zeros(4, jnp.int32),
    }  # fmt: skip

    def step(numbers):
        model, problem, optimizer, augment = hyperparameters.join(structure, numbers)
        tx = jaxflow.make_optimizer(optimizer, 10)
        state = jaxflow.init_state(model, tx, jax.random.key(0), batch["inputs"])
        chain = lambda key, batch: jaxflow.transforms.augment.apply(augment, key, batch)  # noqa: E731
        return jaxflow.make_train_step(model, problem, tx, augment=chain)(state, batch)[0].params

    jax.eval_shape(step, numbers)
    return traced_fields(parts)


def test_every_number_of_every_class_traces():
    import jaxflow.transforms.augment

    masks, tokens = jnp.zeros((4, 6, 6), jnp.int8), jnp.zeros((4, 5), jnp.int8)
    traced = [pair for optimizer in OPTIMIZERS for pair in step_of(optimizer)]
    traced += step_of(augment=IMAGES) + step_of(augment=(jaxflow.CutMix(),))
    traced += step_of(augment=WAVES, inputs=(50,))
    spectrograms = (jaxflow.FrequencyWarp(), jaxflow.RandomFilter(), jaxflow.SpecAugment(2, 1, 2, 1, value=0.5))
    traced += step_of(augment=spectrograms)
    traced += step_of(model=jaxflow.CNN(widths=(2,), padding="SAME", dropout=0.1, outputs=3))
    traced += step_of(model=jaxflow.BagOfTokens(vocab_size=9, hidden=(4,), dropout=0.1, outputs=3), inputs=(5,),
                      augment=(jaxflow.TokenDropout(),))  # fmt: skip
    traced += step_of(model=jaxflow.CausalCNN(8, (1,), dropout=0.1, vocab_size=9, outputs=3), inputs=(5,),
                      problem=jaxflow.LanguageModelling(), targets=tokens)  # fmt: skip
    traced += step_of(model=jaxflow.LinkNet((2, 2), 1, dropout=0.1, outputs=3), targets=masks,
                      problem=jaxflow.Segmentation(jaxflow.losses.CrossEntropy(label_smoothing=0.1)))  # fmt: skip
    traced += step_of(problem=jaxflow.Regression(jaxflow.losses.Huber(0.5), mean=(0.0,) * 3, std=(1.0,) * 3),
                      targets=jnp.zeros((4, 3)))  # fmt: skip
    series, deep = (7, 3), {"dropout": 0.1, "stochastic_depth": 0.1, "outputs": 3}
    for kind in (jaxflow.RNN, jaxflow.GRU, jaxflow.LSTM):
        traced += step_of(model=kind(4, dropout=0.1, outputs=3), inputs=series)
    traced += step_of(model=jaxflow.TCN(4, (1,), dropout=0.1, outputs=3), inputs=series)
    traced += step_of(model=jaxflow.ViT(2, 2, 2, 4, **deep))
    traced += step_of(model=jaxflow.TransformerEncoder(2, 2, 4, vocab_size=9, **deep), inputs=(5,),
                      augment=(jaxflow.TokenSwap(), jaxflow.TokenCrop()))  # fmt: skip
    traced += step_of(model=jaxflow.TransformerDecoder(2, 2, 4, tied=False, vocab_size=9, **deep), inputs=(5,),
                      problem=jaxflow.LanguageModelling(), targets=tokens)  # fmt: skip
    missing = set(classes_with_numbers()) - set(traced)
    assert not missing


@pytest.fixture
def tuned(experiment):
    """A small experiment with many numbers. No norm: a bias before one has gradients of rounding alone."""
    model = dataclasses.replace(experiment.model, norm="none")
    augment = (jaxflow.Flip(), jaxflow.GaussianNoise())
    return dataclasses.replace(experiment, microbatch=None, augment=augment, model=model)


def with_other_numbers(experiment):
    return dataclasses.replace(
        experiment,
        model=dataclasses.replace(experiment.model, dropout=0.4),
        problem=jaxflow.Classification(jaxflow.losses.CrossEntropy(label_smoothing=0.2)),
        optimizer=dataclasses.replace(
            experiment.optimizer, learning_rate=3e-3, weight_decay=0.1, b1=0.8, b2=0.99, clip_norm=0.5
        ),
        augment=(jaxflow.Flip(0.3), jaxflow.GaussianNoise(0.1)),
        ema_decay=0.8,
        seed=1,
    )


def compilations(call):
    """Counts the programs that a call has compiled, or looked up in a cache on disk."""
    counted = []

    def count(event, duration, **attributes):
        if event == "/jax/core/compile/backend_compile_duration":
            counted.append(attributes.get("fun_name", ""))

    jax.monitoring.register_event_duration_secs_listener(count)
    try:
        result = call()
    finally:
        jax.monitoring.unregister_event_duration_listener(count)
    return result, counted


def test_a_run_of_other_numbers_compiles_no_step(tuned, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])
    _, first = compilations(lambda: jaxflow.train(tuned, tmp_path / "first", dataset=toy))
    other = with_other_numbers(tuned)
    _, compiled = compilations(lambda: jaxflow.train(other, tmp_path / "second", dataset=toy))
    assert first
    assert not compiled
    switched_on = dataclasses.replace(other, optimizer=jaxflow.SGD(0.1, momentum=0.5))
    _, compiled = compilations(lambda: jaxflow.train(switched_on, tmp_path / "third", dataset=toy))
    assert compiled


# 1 - x of these is handed over beside them, so they agree to the bit with programs that hold them as constants. Not b2
# on every processor: which of its two products is rounded before they are added is the compiler's choice.
EXACT = {"dropout", "learning_rate", "weight_decay", "b1", "epsilon", "ema_decay", "total_steps", "warmup_steps"}


def trained(experiment, dataset, monkeypatch, arguments=lambda name: True, steps=20):
    """Trains some steps; `arguments` chooses, by field, the numbers that are not compiled as constants."""
    real, names = hyperparameters._is_hyperparameter, set()

    def chosen(kind, field, value):
        names.update({field.name} if real(kind, field, value) else ())
        return real(kind, field, value) and arguments(field.name)

    with monkeypatch.context() as patch:
        patch.setattr(hyperparameters, "_is_hyperparameter", chosen)
        session = prepare_training(experiment, dataset)
    state, totals = session.init(), session.program.empty_metrics()
    run = session.program.compile_train_steps(session.pipeline)
    for step in range(steps):
        items = session.pipeline.step_inputs(step, 1)
        state, totals, _ = run(state, totals, session.pipeline.device_data, items, 1)
    return jax.device_get((state.params, state.ema)), names


def test_numbers_as_arguments_are_numbers_as_constants(tuned, toy, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])
    tuned = dataclasses.replace(tuned, epochs=4)
    constants, names = trained(tuned, toy, monkeypatch, arguments=lambda name: False)
    assert names > EXACT
    exact, _ = trained(tuned, toy, monkeypatch, arguments=EXACT.__contains__)
    for one, other in zip(jax.tree.leaves(constants), jax.tree.leaves(exact)):
        np.testing.assert_array_equal(one, other)
    arguments, _ = trained(tuned, toy, monkeypatch)
    for one, other in zip(jax.tree.leaves(constants), jax.tree.leaves(arguments)):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_every_argument_changes_what_is_computed(tuned, toy, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])
    session = prepare_training(tuned, toy)
    names = hyperparameters.names_of(session.program.structure.parts)
    assert len(names) >= 10
    step = jax.jit(lambda numbers, state, batch: train_step(session.program.structure, numbers)(state, batch)[0])
    batch = session.pipeline.get_batch(
        session.pipeline.device_data, jax.tree.map(lambda leaf: leaf[0], session.pipeline.step_inputs(0, 1))
    )
    numbers, state = session.program.arguments, session.init()
    for _ in range(4):  # past the warm-up
        state = step(numbers, state, batch)
    expected = jax.device_get(jax.tree.leaves((step(numbers, state, batch).params, step(numbers, state, batch).ema)))
    position = 0
    for name, argument in zip(names, hyperparameters.arguments_of(session.program.structure.parts), strict=True):
        differs, width = False, 1 + argument.complement  # a rate and 1 - it: of dropout only this is used
        for factor in (0.1, 1.5):  # a clipping norm matters where it is small, a warm-up where it is long
            changed = numbers.copy()
            changed[position : position + width] *= factor
            after = step(changed, state, batch)
            found = jax.device_get(jax.tree.leaves((after.params, after.ema)))
            differs |= any((one != other).any() for one, other in zip(expected, found))
        position += width
        assert differs, f"{name} changes nothing"


def test_a_complement_keeps_the_digits_that_float32_would_lose():
    structure, numbers = hyperparameters.split(jaxflow.Adam(b2=0.999))
    adam = hyperparameters.join(structure, numbers)
    assert float(1 - adam.b2) == np.float32(1 - 0.999)
    assert np.float32(1) - np.float32(0.999) != np.float32(1 - 0.999)
    assert float(adam.b2 * 2) == 2 * np.float32(0.999)


def test_a_part_that_is_off_is_structure():
    off, on = jaxflow.SGD(0.1), jaxflow.SGD(0.1, momentum=0.9)
    assert hyperparameters.split(off)[0] != hyperparameters.split(on)[0]
    assert hyperparameters.split(on)[0] == hyperparameters.split(jaxflow.SGD(0.2, momentum=0.5))[0]
    np.testing.assert_allclose(hyperparameters.split(on)[1], [0.1, 0.9])


class Scaled(nn.Module):
    """A model of one's own: Python itself must know one of its floats, and asks another one what it is."""

    ratio: float = 2.0
    shift: float = 0.5
    factor: float = dataclasses.field(default=0.5, metadata=jaxflow.HYPERPARAMETER)
    outputs: int | None = None

    @nn.compact
    def __call__(self, inputs, train=False):
        x = inputs.reshape(len(inputs), -1)  # (batch, feature)
        x = nn.relu(nn.Dense(int(4 * self.ratio))(x))
        shift = self.shift if isinstance(self.shift, float) else 100.0
        return self.factor * nn.Dense(self.outputs)(x) + shift


@dataclasses.dataclass(frozen=True)
class Patient(jaxflow.Adam):
    """An optimizer of one's own, with a number of jaxflow's and a branch on one of its own."""

    patience: float = 0.5

    def direction(self):
        return super().direction() if self.patience == 0.5 else optax.scale(100.0)


def test_numbers_of_classes_of_ones_own_are_structure_unless_they_are_marked(toy):
    experiment = jaxflow.Experiment(
        jaxflow.Digits(), Scaled(), jaxflow.Classification(), Patient(), preprocess=(jaxflow.Scale(),), batch_size=8
    )
    session = prepare_training(experiment, toy)
    parts = session.program.structure.parts
    assert (parts.model.ratio, parts.model.shift, parts.optimizer.patience) == (2.0, 0.5, 0.5)
    for number in (parts.model.factor, parts.optimizer.learning_rate, parts.optimizer.b1):
        assert isinstance(number, hyperparameters.Argument)
    inputs, variables = toy.splits["test"].rows(np.arange(3))["inputs"], session.init().variables()
    outputs = session.program.model.apply(
        variables, jnp.asarray(session.program.structure.transform(inputs)), train=False
    )
    np.testing.assert_allclose(
        session.program.compile_predict_step()(variables, inputs), jax.nn.softmax(outputs), rtol=1e-5
    )


@pytest.mark.parametrize(
    "ask", [bool, float, lambda n: n == 0.5 or 1, lambda n: n < 1 or 2, lambda n: 1 if n >= 1 else 2]
)
def test_what_python_asks_of_a_traced_number_is_an_error(ask):
    def traced(numbers):
        return jnp.float32(ask(hyperparameters.Complemented(numbers[0], numbers[1])))

    with pytest.raises(jax.errors.ConcretizationTypeError):
        jax.eval_shape(traced, jnp.zeros(2))


def test_arithmetic_with_a_complemented_number_is_that_of_the_number():
    def computed(n):
        return jnp.stack([-n + 1.0, n / 3, 3 / n, n * 2, 2 - n, n - 2, n**2, 1.0 * (n < 0.5), 1.0 * (n == 0.25)])

    half = hyperparameters.Complemented(jnp.float32(0.25), jnp.float32(0.75))
    np.testing.assert_array_equal(computed(half), computed(jnp.float32(0.25)))
