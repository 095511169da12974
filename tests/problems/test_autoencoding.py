import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.schema import Feature, Schema, Target
from tests.conftest import toy_images

GENERATOR = np.random.RandomState(0)
OUTPUTS = GENERATOR.randn(8, 6, 2).astype(np.float32)
PROBLEM = jaxflow.Autoencoding()
CLASSES = Schema(Feature("image", (6, 6, 1), "uint8"), Target("class", ("a", "b", "c")))


def test_losses_are_squared_errors_and_the_mean_input_explains_nothing():
    made, true = OUTPUTS[..., 0], OUTPUTS[..., 1]
    labels = np.zeros(8, np.int32)
    np.testing.assert_allclose(PROBLEM.losses(OUTPUTS, labels), np.square(made - true).mean(1), rtol=1e-5)
    weights = jnp.array([1.0] * 6 + [0.0] * 2)

    def explained(outputs):
        metrics = PROBLEM.running_metrics(outputs, labels, PROBLEM.losses(outputs, labels), weights)
        return float(metrics["explained_variance"].compute())

    expected = 1 - np.square(made - true)[:6].sum() / np.square(true[:6] - true[:6].mean(0)).sum()
    assert explained(OUTPUTS) == pytest.approx(expected, rel=1e-4)
    mean = np.stack([np.broadcast_to(true[:6].mean(0), true.shape), true], -1)
    assert explained(mean) == pytest.approx(PROBLEM.baseline(labels, labels)["explained_variance"], abs=1e-5)
    assert explained(np.stack([true, true], -1)) == 1.0
    assert np.isnan(explained(OUTPUTS + np.float32(1e4)))  # float32 has no such variance


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (jaxflow.MLPAutoencoder(hidden=(8,), bottleneck=3), (7,)),
        (jaxflow.MLPAutoencoder(hidden=(8, 4), bottleneck=3), (4, 5)),
        (jaxflow.ConvAutoencoder(widths=(4, 6), bottleneck=3), (7, 5, 3)),
        (jaxflow.ConvAutoencoder(widths=(4,), bottleneck=3), (4, 5, 6, 2)),
    ],
)
def test_models_return_a_reconstruction_beside_the_inputs(model, shape):
    inputs = GENERATOR.randn(3, *shape).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0), inputs)
    outputs = jax.jit(model.apply)(variables, inputs)
    assert outputs.shape == (3, np.prod(shape), 2)
    assert outputs.dtype == jnp.float32
    np.testing.assert_array_equal(outputs[..., 1], inputs.reshape(3, -1))
    # All of an example goes through the bottleneck: its other end depends on that alone.
    codes = jax.jit(jaxflow.make_feature_step(model))(variables, inputs)
    assert codes.shape == (3, 3)
    one = jax.jacobian(lambda x: model.apply(variables, x)[0, :, 0])(inputs[:1]).reshape(np.prod(shape), -1)
    assert np.linalg.matrix_rank(np.asarray(one, np.float64), tol=1e-5) <= 3


def test_a_linear_autoencoder_of_full_width_can_return_its_inputs():
    model = jaxflow.MLPAutoencoder(hidden=(), bottleneck=5)
    inputs = GENERATOR.randn(4, 5).astype(np.float32)
    params = model.init(jax.random.key(0), inputs)["params"]
    kernel = params["Dense_0"]["kernel"]
    params["Dense_1"]["kernel"] = jnp.linalg.inv(kernel)
    outputs = model.apply({"params": params}, inputs)
    np.testing.assert_allclose(outputs[..., 0], inputs, atol=1e-4)


@pytest.mark.slow
def test_what_is_unlike_the_training_data_has_the_largest_errors(toy, tmp_path):
    experiment = jaxflow.Experiment(
        jaxflow.Arrays(),
        jaxflow.ConvAutoencoder(widths=(8,), bottleneck=8),
        PROBLEM,
        jaxflow.Adam(1e-2),
        preprocess=(jaxflow.Scale(),),
        batch_size=12,
        epochs=60,
    )
    jaxflow.train(experiment, tmp_path / "run", dataset=toy)
    results = jaxflow.evaluate(tmp_path / "run", dataset=toy)
    assert results["test"]["explained_variance"] > 0.3 > results["baseline"]["explained_variance"]
    rows = (tmp_path / "run" / "predictions" / "test.csv").read_text().splitlines()
    assert rows[0] == "id,target,error"
    np.save(tmp_path / "new.npy", toy.splits["test"].inputs)
    with pytest.raises(jaxflow.UserError, match=r"--submission 1 asks for the probability of a class.*leave"):
        jaxflow.predict(tmp_path / "run", tmp_path / "new.npy", tmp_path / "out.csv", submission="1")
    assert not (tmp_path / "out.csv").exists()
    run = jaxflow.load_run(tmp_path / "run")
    usual, _ = toy_images(20, seed=9)
    errors, strange = run.predict(usual), run.predict(255 - usual)
    assert errors.shape == (20,)
    assert strange.min() > errors.max()


def test_what_cannot_be_reconstructed_is_one_line(toy, tmp_path):
    tokens = Schema(Feature("tokens", (5,), "int32", vocab_size=9), CLASSES.target)
    with pytest.raises(jaxflow.UserError, match=r"Autoencoding reconstructs images.*and the data has tokens"):
        PROBLEM.num_outputs(tokens)
    masks = Schema(CLASSES.inputs, Target("class", ("a", "b"), dense_shape=(6, 6)))
    with pytest.raises(jaxflow.UserError, match="several targets for each example"):
        PROBLEM.num_outputs(masks)
    experiment = jaxflow.Experiment(
        jaxflow.Arrays(), jaxflow.MLP(), PROBLEM, jaxflow.Adam(), (jaxflow.Scale(),), batch_size=12, epochs=1
    )
    with pytest.raises(jaxflow.UserError, match=r"outputs of shape \(2,\).* needs \(36, 2\)"):
        jaxflow.train(experiment, tmp_path / "run", dataset=toy)
