"""The layers that the models are built of; each takes the batch axis first."""

from jaxflow.models.layers.activations import Activation, activation, is_monotone
from jaxflow.models.layers.conv import Conv, ConvPadding, ConvTranspose
from jaxflow.models.layers.dense import CategoryEmbedding, Dense, Embedding, embed_categories
from jaxflow.models.layers.dropout import Dropout, StochasticDepth, dropout
from jaxflow.models.layers.dtypes import Dtype
from jaxflow.models.layers.initializers import KernelInit, dirac, initializer
from jaxflow.models.layers.norms import BatchNorm, LayerNorm, Norm, group_norm, normalize
from jaxflow.models.layers.padding import pad_to_multiple
from jaxflow.models.layers.pooling import avg_pool, overlapping_max_pool
from jaxflow.models.layers.rows import row_keys

__all__ = [
    "Activation",
    "BatchNorm",
    "CategoryEmbedding",
    "Conv",
    "ConvPadding",
    "ConvTranspose",
    "Dense",
    "Dropout",
    "Dtype",
    "Embedding",
    "KernelInit",
    "LayerNorm",
    "Norm",
    "StochasticDepth",
    "activation",
    "avg_pool",
    "dirac",
    "dropout",
    "embed_categories",
    "group_norm",
    "initializer",
    "is_monotone",
    "normalize",
    "overlapping_max_pool",
    "pad_to_multiple",
    "row_keys",
]
