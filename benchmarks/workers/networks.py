"""The networks that both jaxflow and PyTorch train, with their sizes and batches. Needs NumPy alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Network:
    """A network's task and sizes.

    Attributes:
      inputs: shape of a batch.
      positions: shape of an example's targets; () for one class.
      classes: number of classes.
      tokens: number of different tokens; 0 where inputs are numbers.
      sizes: the model's, by name.
    """

    inputs: tuple[int, ...]
    positions: tuple[int, ...]
    classes: int
    tokens: int
    sizes: dict[str, Any]


NETWORKS = {
    "UNet, 2-D": Network((8, 64, 64, 3), (64, 64), 5, 0, {"widths": (16, 32, 64)}),
    "UNet, 3-D": Network((2, 32, 32, 32, 1), (32, 32, 32), 3, 0, {"widths": (8, 16, 32)}),
    "TransformerDecoder": Network((12, 64), (64,), 65, 65, {"layers": 4, "heads": 4, "width": 128}),
    "TransformerEncoder": Network((16, 128), (), 2, 1000, {"layers": 2, "heads": 4, "width": 128}),
    "ViT": Network((32, 32, 32, 3), (), 10, 0, {"patch": 4, "layers": 4, "heads": 3, "width": 96}),
    "TCN": Network((32, 96, 8), (), 10, 0, {"width": 64, "dilations": (1, 2, 4, 8), "kernel": 3}),
    "ResNet-18": Network((16, 32, 32, 3), (), 10, 0, {"widths": (64, 128, 256, 512)}),
    "ResNet9": Network((32, 32, 32, 3), (), 10, 0, {"widths": (16, 32, 64, 128)}),
    "LSTM": Network((32, 100, 8), (), 10, 0, {"width": 128}),
    "GRU": Network((32, 100, 8), (), 10, 0, {"width": 128}),
}


def draw_batch(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Draws inputs, float32 or int32 tokens without padding (0), and int32 classes."""
    generator = np.random.RandomState(0)
    if network.tokens:
        inputs = generator.randint(1, network.tokens, network.inputs).astype(np.int32)
    else:
        inputs = generator.standard_normal(network.inputs).astype(np.float32)
    targets = generator.randint(0, network.classes, (network.inputs[0], *network.positions))
    return inputs, targets.astype(np.int32)
