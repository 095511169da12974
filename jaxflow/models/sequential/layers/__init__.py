"""The layers of a `jaxflow.Sequential`: frozen dataclasses, public as `jaxflow.layers.NAME`."""

from jaxflow.models.sequential.layers.activations import Elu, Gelu, LeakyRelu, Relu, Selu, Sigmoid, Silu, Softplus, Tanh
from jaxflow.models.sequential.layers.regular import BatchNorm, Dropout, GroupNorm, LayerNorm, RMSNorm
from jaxflow.models.sequential.layers.residual import Residual
from jaxflow.models.sequential.layers.shaping import AvgPool, Flatten, GlobalAveragePool, MaxPool
from jaxflow.models.sequential.layers.weighted import Conv, Dense, Embedding

__all__ = [
    "AvgPool",
    "BatchNorm",
    "Conv",
    "Dense",
    "Dropout",
    "Elu",
    "Embedding",
    "Flatten",
    "Gelu",
    "GlobalAveragePool",
    "GroupNorm",
    "LayerNorm",
    "LeakyRelu",
    "MaxPool",
    "RMSNorm",
    "Relu",
    "Residual",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softplus",
    "Tanh",
]
