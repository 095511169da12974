"""`python -m benchmarks.torch_fixture`: what torch says of torchvision's models, as tests read it.

Of each model the names and shapes of its weights, as JSON; of some also torch's outputs for two images, as .npy. The
weights and images are drawn alike here and there, so that the files are small. It runs in the peers' environment.
"""

import importlib.util
import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

FOLDER = Path("tests/training/weights/torch")
# Of the models whose outputs are kept: the sides of their images, odd and even ones.
SIDES = {"resnet18": (33, 40), "resnet14_bottleneck": (40, 33), "vit_small": (32, 32)}


def draw_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Draws weights of torch's names and shapes, so that outputs neither vanish nor explode.

    Args:
      shapes: by name, in the order of the state dict: each is drawn by its number.

    Returns:
      The arrays, float32; NumPy promises that RandomState draws the same for ever.
    """
    drawn = {}
    for number, (name, shape) in enumerate(shapes.items()):
        generator = np.random.RandomState(number)
        if len(shape) > 1:
            values = generator.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))
        elif name.endswith(("bias", "running_mean")):
            values = 0.1 * generator.standard_normal(shape)
        else:  # scales and variances
            values = generator.uniform(0.5, 1.5, shape)
        drawn[name] = values.astype(np.float32)
    return drawn


def draw_images(name: str) -> np.ndarray:
    """Draws the two images that a model's outputs are of, (2, height, width, 3) float32."""
    return np.random.RandomState(0).standard_normal((2, *SIDES[name], 3)).astype(np.float32)


def write() -> None:
    """Writes the files, with torch."""
    import torch  # not installed with the project
    import torchvision

    models = {name: getattr(torchvision.models, name)() for name in ("resnet18", "resnet34", "resnet50", "vit_b_16")}
    bottleneck = torchvision.models.resnet.Bottleneck
    models["resnet14_bottleneck"] = torchvision.models.ResNet(bottleneck, [1, 1, 1, 1], num_classes=10)
    models["vit_small"] = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 64, num_classes=10)
    for name, model in models.items():
        shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
        (FOLDER / f"{name}.json").write_text(json.dumps(shapes, separators=(",", ":")) + "\n")
        if name in SIDES:
            model.load_state_dict({key: torch.from_numpy(value) for key, value in draw_weights(shapes).items()})
            images = torch.from_numpy(draw_images(name)).permute(0, 3, 1, 2)  # (batch, channel, height, width)
            with torch.no_grad():
                np.save(FOLDER / f"{name}.npy", model.eval()(images).numpy())


def main() -> None:
    """Writes the files, in the peers' environment where torch is not at hand."""
    if importlib.util.find_spec("torchvision"):
        write()
    else:
        from benchmarks import peers  # that environment has no jaxflow

        subprocess.run([str(peers.python()), "-m", "benchmarks.torch_fixture"], check=True)


if __name__ == "__main__":
    main()
