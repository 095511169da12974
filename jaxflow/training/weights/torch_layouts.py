"""Weights in the names and layouts of torch: torchvision's ResNets, timm's and torchvision's Vision Transformers."""

import re
from collections.abc import Mapping

import numpy as np

# What torch adds to a norm, and no model here needs.
COUNTERS = "num_batches_tracked"
# By torch's name of a leaf of batch normalisation: its collection and its name here.
NORM = {
    "weight": ("params", "scale"),
    "bias": ("params", "bias"),
    "running_mean": ("batch_stats", "mean"),
    "running_var": ("batch_stats", "var"),
}
# torchvision's names of a Vision Transformer, in timm's.
TIMM = (
    (r"^class_token$", "cls_token"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"^encoder\.ln\.", "norm."),
    (r"^heads\.head\.", "head."),
    (r"\.ln_(\d)\.", r".norm\1."),
    (r"\.self_attention\.in_proj_", ".attn.qkv."),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(?:linear_1|0)\.", ".mlp.fc1."),
    (r"\.mlp\.(?:linear_2|3)\.", ".mlp.fc2."),
)


def from_torch(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns weights by the paths and in the layouts of this package's models; what is in these already, as it is.

    Args:
      weights: by torch's names, recognised by "conv1.weight" and "layer1.0.conv1.weight" of ResNet, or
        "patch_embed.proj.weight" (timm) and "conv_proj.weight" (torchvision) of ViT; or by any others.

    Returns:
      The arrays by path, such as "params/Block_0/Conv_0/kernel".
    """
    if "conv1.weight" in weights and "layer1.0.conv1.weight" in weights:
        return _resnet({name: value for name, value in weights.items() if not name.endswith(COUNTERS)})
    if "patch_embed.proj.weight" in weights or "conv_proj.weight" in weights:
        return _vit({_in_timm(name): value for name, value in weights.items()})
    return dict(weights)


def _resnet(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the weights of torchvision's ResNet; a block's shortcut comes after its other convolutions."""
    in_stages = {tuple(name.split(".")[:2]) for name in weights if re.match(r"layer\d", name)}
    stages = [".".join(stage) for stage in sorted(in_stages, key=lambda stage: (stage[0], int(stage[1])))]
    blocks = {stage: f"Block_{number}" for number, stage in enumerate(stages)}
    found = {}
    for name, value in weights.items():
        *parents, leaf = name.split(".")
        if parents[0] == "fc":
            found["params/Dense_0/" + ("kernel" if leaf == "weight" else leaf)] = value.T
            continue
        prefix = f"{blocks['.'.join(parents[:2])]}/" if parents[0] in ("layer1", "layer2", "layer3", "layer4") else ""
        stage = ".".join(parents[:2])
        if "downsample" in parents:
            number = sum(f"{stage}.conv{other}.weight" in weights for other in (1, 2, 3))
        else:
            number = int(parents[-1][-1]) - 1
        if value.ndim == 4:
            found[f"params/{prefix}Conv_{number}/kernel"] = value.transpose(2, 3, 1, 0)  # (height, width, in, out)
        else:
            collection, own = NORM[leaf]
            found[f"{collection}/{prefix}BatchNorm_{number}/BatchNorm_0/{own}"] = value
    return found


def _in_timm(name: str) -> str:
    for pattern, other in TIMM:
        name = re.sub(pattern, other, name)
    return name


def _vit(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the weights of timm's Vision Transformer with a class token."""
    layers = {
        "patch_embed.proj": "Dense_0",
        "norm": "LayerNorm_0",
        "head": "Dense_1",
        "attn.qkv": "Attention_0/Dense_0",
        "attn.proj": "Attention_0/Dense_1",
        "norm1": "LayerNorm_0",
        "norm2": "LayerNorm_1",
        "mlp.fc1": "Dense_0",
        "mlp.fc2": "Dense_1",
    }
    found = {}
    for name, value in weights.items():
        if name in ("cls_token", "pos_embed"):
            found["params/" + {"cls_token": "class_token", "pos_embed": "positions"}[name]] = value
            continue
        in_block = re.match(r"blocks\.(\d+)\.(.+)", name)
        prefix = f"params/TransformerBlock_{in_block[1]}/" if in_block else "params/"
        layer, _, leaf = (in_block[2] if in_block else name).rpartition(".")
        if layer not in layers:  # such as layer scale: named by who reads this as not in the model
            found[f"params/{name}"] = value
        elif "norm" in layer:
            found[f"{prefix}{layers[layer]}/" + ("scale" if leaf == "weight" else leaf)] = value
        elif value.ndim == 4:  # a convolution of whole patches: (out, channel, side, side)
            found[f"{prefix}{layers[layer]}/kernel"] = value.transpose(2, 3, 1, 0).reshape(-1, len(value))
        else:
            found[f"{prefix}{layers[layer]}/" + ("kernel" if leaf == "weight" else leaf)] = value.T
    return found
