"""Training that starts from weights of another run, or of a file."""

import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import jaxflow
from jaxflow.runs.folder import sealed
from jaxflow.training.state import weights_by_path
from jaxflow.training.weights.reading import read_weights
from tests.conftest import toy_images


@pytest.fixture(scope="module")
def pretrained(experiment, toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "pretrained"
    jaxflow.train(dataclasses.replace(experiment, epochs=1), folder, dataset=toy)
    return folder


def variables(folder):
    return {name: np.asarray(leaf) for name, leaf in weights_by_path(jaxflow.load_run(folder).variables).items()}


def assert_same(one, other):
    assert sorted(one) == sorted(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("kind", ["run", "file"])
def test_step_0_is_the_best_checkpoint_with_its_batch_statistics(kind, pretrained, experiment, toy, tmp_path):
    best, source = jaxflow.load_run(pretrained, "best"), pretrained
    if kind == "file":
        source = tmp_path / "weights.safetensors"
        jaxflow.save_weights(best, source)
    fresh = dataclasses.replace(experiment, epochs=0, seed=7, init_from=str(source))
    jaxflow.train(fresh, tmp_path / "run", dataset=toy)
    began = variables(tmp_path / "run")
    assert_same(began, {name: np.asarray(leaf) for name, leaf in weights_by_path(best.variables).items()})
    assert any(name.startswith("batch_stats/") for name in began)


def test_a_head_of_another_width_is_drawn_anew_and_named(pretrained, experiment, tmp_path, said):
    five = jaxflow.from_arrays({"train": toy_images(50, classes=5), "validation": toy_images(9, 1, 5)})
    fresh = dataclasses.replace(experiment, epochs=0, init_from=str(pretrained))
    jaxflow.train(fresh, tmp_path / "run", dataset=five)
    assert "initialised anew: Dense_1/bias (5,), (3,) there; Dense_1/kernel (8, 5), (8, 3) there" in said()
    began, before = variables(tmp_path / "run"), read_weights(pretrained)
    np.testing.assert_array_equal(began["params/Conv_0/kernel"], before["params/Conv_0/kernel"])


def test_weights_of_which_none_fits_leave_no_folder(experiment, toy, tmp_path):
    save_file({"params/Other/kernel": np.zeros(3, np.float32)}, tmp_path / "other.safetensors")
    fresh = dataclasses.replace(experiment, init_from=str(tmp_path / "other.safetensors"))
    with pytest.raises(jaxflow.UserError, match="none of the given parameters fits the model"):
        jaxflow.train(fresh, tmp_path / "run", dataset=toy)
    assert not (tmp_path / "run").exists()


def test_weights_of_another_network_are_refused_though_one_of_them_fits(pretrained, experiment, toy, tmp_path):
    model = jaxflow.CNN(widths=(4, 8, 8), pools=1, hidden=(5, 5), padding="SAME")
    fresh = dataclasses.replace(experiment, model=model, init_from=str(pretrained))
    with pytest.raises(jaxflow.UserError, match="only 2 of 12 of the given parameters fits the model"):
        jaxflow.train(fresh, tmp_path / "run", dataset=toy)


def test_what_is_frozen_and_drawn_anew_is_said(pretrained, experiment, tmp_path, said):
    five = jaxflow.from_arrays({"train": toy_images(50, classes=5), "validation": toy_images(9, 1, 5)})
    optimizer = jaxflow.Groups((("Conv_*", 0.0), ("Dense_1", 0.0)), jaxflow.SGD(0.1))
    fresh = dataclasses.replace(experiment, epochs=0, init_from=str(pretrained), optimizer=optimizer)
    jaxflow.train(fresh, tmp_path / "run", dataset=five)
    assert "so they stay random: params/Dense_1/bias, params/Dense_1/kernel; take them out" in said()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.safetensors", None, "nothing is there; name a run folder or a .safetensors file"),
        ("broken.safetensors", b"no tensors", "is no .safetensors file or is damaged"),
        ("model.pt", b"", "a pickle.*safetensors.torch.save_file"),
    ],
)
def test_what_is_no_weights_is_named_in_a_line(name, content, message, experiment, toy, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    fresh = dataclasses.replace(experiment, init_from=str(tmp_path / name))
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.train(fresh, tmp_path / "run", dataset=toy)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_without_its_weights_but_not_with_changed_ones(pretrained, experiment, toy, tmp_path):
    source, run = tmp_path / "weights.safetensors", tmp_path / "run"
    jaxflow.save_weights(jaxflow.load_run(pretrained, "best"), source)
    fresh = dataclasses.replace(experiment, epochs=1, init_from=str(source))
    jaxflow.train(fresh, run, dataset=toy)
    more = dataclasses.replace(fresh, epochs=1.5)
    save_file({name: value + 1 for name, value in load_file(source).items()}, source)
    with pytest.raises(jaxflow.UserError, match="the weights of init_from changed"):
        jaxflow.train(more, run, dataset=toy)
    source.unlink()
    assert jaxflow.train(more, run, dataset=toy)["steps"] == 10  # ceil(1.5 * 50 / 8)
    with pytest.raises(jaxflow.UserError, match="init_from: "):
        jaxflow.train(dataclasses.replace(more, init_from=None), run, dataset=toy)


def test_a_run_with_classes_of_its_own_is_not_executed(pretrained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(pretrained, copy)
    text = (copy / "experiment.json").read_text()
    described = json.loads(text)
    described.pop("digest")
    described["problem"]["class"] = "jaxflow_experiment_evil:Problem"
    (copy / "evil.py").write_text("raise SystemExit('executed')")
    (copy / "experiment.json").write_text(sealed(json.dumps(described)))
    assert_same(read_weights(copy), variables(pretrained))


@pytest.mark.parametrize("strategy", ["pmap", "fsdp"])
def test_every_strategy_begins_with_the_same(strategy, pretrained, experiment, toy, tmp_path):
    fresh = dataclasses.replace(experiment, epochs=0, strategy=strategy, init_from=str(pretrained))
    jaxflow.train(fresh, tmp_path / "run", dataset=toy)
    assert_same(variables(tmp_path / "run"), read_weights(pretrained))


def test_a_resumed_fine_tuned_run_is_the_unbroken_one(pretrained, experiment, toy, tmp_path):
    fresh = dataclasses.replace(
        experiment, epochs=2, optimizer=jaxflow.Adam(learning_rate=1e-3), init_from=str(pretrained)
    )
    jaxflow.train(fresh, tmp_path / "unbroken", dataset=toy)
    jaxflow.train(dataclasses.replace(fresh, epochs=1), tmp_path / "broken", dataset=toy)
    jaxflow.train(fresh, tmp_path / "broken", dataset=toy)
    assert_same(variables(tmp_path / "unbroken"), variables(tmp_path / "broken"))


def test_a_transposed_array_is_written_as_it_reads(tmp_path):
    kernel = jnp.arange(6.0).reshape(2, 3).T

    class Run:
        variables = {"params": {"kernel": np.asarray(kernel).T.T}}  # noqa: RUF012

    jaxflow.save_weights(Run(), tmp_path / "w.safetensors")
    np.testing.assert_array_equal(read_weights(tmp_path / "w.safetensors")["params/kernel"], kernel)


def test_optimizers_begin_with_the_given_parameters(pretrained, experiment, toy, tmp_path):
    """Some keep a copy of the parameters in their state."""
    import optax

    from jaxflow.training.state import first_state, take_over

    weights = read_weights(pretrained)
    params = {"Conv_0": {"kernel": jnp.zeros_like(weights["params/Conv_0/kernel"])}}
    taken = take_over({"params": params}, weights)
    state = first_state(jaxflow.CNN(), taken, optax.contrib.schedule_free_sgd(0.1), jax.random.key(0), ema=True)
    for tree in (state.params, state.ema["params"], state.opt_state.z):
        np.testing.assert_array_equal(tree["Conv_0"]["kernel"], weights["params/Conv_0/kernel"])
