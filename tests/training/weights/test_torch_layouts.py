"""torch's names and layouts, on names, shapes and outputs of torchvision's own (benchmarks/torch_fixture.py)."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

import jaxflow
from benchmarks.torch_fixture import SIDES, draw_images, draw_weights
from jaxflow.training.state import weights_by_path
from jaxflow.training.weights.torch_layouts import from_torch

HERE = Path(__file__).parent / "torch"
MODELS = {
    "resnet18": jaxflow.ResNet(stem="imagenet", outputs=1000),
    "resnet34": jaxflow.ResNet(stem="imagenet", blocks=(3, 4, 6, 3), outputs=1000),
    "resnet50": jaxflow.ResNet(stem="imagenet", blocks=(3, 4, 6, 3), block="bottleneck", outputs=1000),
    "resnet14_bottleneck": jaxflow.ResNet(stem="imagenet", blocks=(1, 1, 1, 1), block="bottleneck", outputs=10),
    "vit_b_16": jaxflow.ViT(width=768, heads=12, outputs=1000),
    "vit_small": jaxflow.ViT(8, layers=2, heads=2, width=16, outputs=10),
}


def shapes_of(name):
    return json.loads((HERE / f"{name}.json").read_text())


def state_dict(name):
    return {key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes_of(name).items()}


@pytest.mark.parametrize("name", [name for name in MODELS if name != "vit_small"])  # for images of its own size
def test_every_weight_has_its_place_in_the_model(name):
    model = MODELS[name]
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, 224, 224, 3)), train=False))
    own = {path: leaf.shape for path, leaf in weights_by_path(variables).items() if "intermediates" not in path}
    assert {path: value.shape for path, value in from_torch(state_dict(name)).items()} == own


def error_of(model, name):
    """How far a model's outputs are from torch's, relative to the largest of these."""
    weights = traverse_util.unflatten_dict(from_torch(draw_weights(shapes_of(name))), sep="/")
    expected = np.load(HERE / f"{name}.npy")
    return np.abs(jax.jit(model.apply)(weights, draw_images(name)) - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("name", SIDES)
def test_outputs_are_torch_s(name):
    assert error_of(MODELS[name], name) < 5e-6


def test_the_approximate_gelu_is_another_function():
    assert 2e-5 < error_of(MODELS["vit_small"].clone(activation="gelu"), "vit_small") < 1e-2


def test_a_convolution_is_the_same_function():
    """Of a batch of one-hot images, torch's convolution (a correlation) reads its kernel backwards."""
    kernel = np.random.RandomState(0).normal(size=(2, 3, 3, 3)).astype(np.float32)  # (out, in, height, width)
    weights = {"conv1.weight": kernel, "layer1.0.conv1.weight": np.zeros((2, 2, 3, 3), np.float32)}
    ours = from_torch(weights)["params/Conv_0/kernel"]
    image = np.random.RandomState(1).normal(size=(3, 3, 3)).astype(np.float32)  # (channel, height, width)
    theirs = np.einsum("chw,ochw->o", image, kernel)
    dimensions = ("NHWC", "HWIO", "NHWC")
    given = jax.lax.conv_general_dilated(
        image.transpose(1, 2, 0)[None], ours, (1, 1), "VALID", dimension_numbers=dimensions, precision="highest"
    )
    np.testing.assert_allclose(given[0, 0, 0], theirs, rtol=1e-5)


def test_patches_are_embedded_as_torch_does():
    kernel = np.random.RandomState(0).normal(size=(5, 3, 4, 4)).astype(np.float32)  # (width, channel, side, side)
    patch = np.random.RandomState(1).normal(size=(3, 4, 4)).astype(np.float32)
    ours = from_torch({"conv_proj.weight": kernel})["params/Dense_0/kernel"]
    theirs = np.einsum("chw,ochw->o", patch, kernel)
    np.testing.assert_allclose(patch.transpose(1, 2, 0).reshape(-1) @ ours, theirs, rtol=1e-4, atol=1e-5)


def test_torchvisions_transformer_is_timms_under_other_names():
    timm = {
        "cls_token": "class_token",
        "pos_embed": "positions",
        "blocks.3.attn.qkv.weight": "TransformerBlock_3/Attention_0/Dense_0/kernel",
        "blocks.3.mlp.fc2.bias": "TransformerBlock_3/Dense_1/bias",
        "blocks.0.norm2.weight": "TransformerBlock_0/LayerNorm_1/scale",
        "norm.bias": "LayerNorm_0/bias",
        "head.weight": "Dense_1/kernel",
    }
    weights = {name: np.zeros((2, 3) if "weight" in name and "norm" not in name else 2) for name in timm}
    weights["patch_embed.proj.weight"] = np.zeros((2, 3, 4, 4))
    assert set(from_torch(weights)) == {f"params/{name}" for name in (*timm.values(), "Dense_0/kernel")}


def test_names_of_our_own_stay():
    weights = {"params/Dense_0/kernel": np.ones(3)}
    assert from_torch(weights) == weights
