"""What data is: features, targets and splits, in NumPy alone."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict

import numpy as np

if TYPE_CHECKING:
    import jax

# The target of a position whose class is unknown, or that is padding: it counts nowhere.
IGNORE = -1
# Distance between neighbouring float32 numbers, in standard deviations, from which on digits are lost.
MAX_BLUR = 1e-5


@dataclass(frozen=True)
class Feature:
    """What one example's input is: its kind, its shape without the batch axis, and its dtype.

    Attributes:
      kind: "image" (height, width, channel), "volume" (depth, height, width, channel), "audio" (sample,), "tokens"
        (token,), "series" (time, column) for windows of a time series, or "vector" for everything else.
      resize: how an image file of another size becomes one of `shape`: "stretch" resizes it to that height and width,
        "crop" keeps its proportions and crops it on both sides, and "none" is an error.
      levels: grey levels of image files of more than 8 bits that become 0 and 255; None for 0 and 65535.
      sample_rate: samples per second of audio.
      cardinalities: number of categories of each of a vector's last columns, which hold category indices.
      vocab_size: number of different tokens.
    """

    kind: Literal["image", "volume", "audio", "tokens", "series", "vector", "several"]
    shape: tuple[int, ...]
    dtype: str
    resize: Literal["none", "stretch", "crop"] = "none"
    sample_rate: int | None = None
    cardinalities: tuple[int, ...] = ()
    vocab_size: int | None = None
    levels: tuple[float, float] | None = None

    @property
    def size(self) -> int:
        """Numbers in one example."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of one example."""
        return self.size * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Features(Feature):
    """Several inputs of one example: `inputs` is a dict of arrays, such as tokens with their lengths.

    Rows of padding are zeros in each of them; what a model computes of these must be finite.

    Attributes:
      kind: "several"; shape and dtype are those of the parts.
      parts: the name of each input, and what it is.
    """

    kind: Literal["several"] = "several"
    shape: tuple[int, ...] = ()
    dtype: str = ""
    parts: tuple[tuple[str, Feature], ...] = ()

    @property
    def size(self) -> int:
        """Numbers in one example."""
        return sum(part.size for _, part in self.parts)

    @property
    def nbytes(self) -> int:
        """Bytes of one example."""
        return sum(part.nbytes for _, part in self.parts)


def map_arrays(function: Callable[[np.ndarray], Any], tree: Any) -> Any:
    """Applies a function to an array, or to each of a dict of arrays."""
    if isinstance(tree, Mapping):
        return {name: map_arrays(function, part) for name, part in tree.items()}
    return function(tree)


def blurred(values: np.ndarray) -> np.ndarray:
    """Returns which columns of (rows, columns) float64 values float32 cannot tell apart well, (columns,) booleans.

    Seconds since 1970 within an hour, say: neighbouring float32 numbers are 128 seconds apart there. A column that does
    not vary is none of them.
    """
    mean, std = values.mean(0), values.std(0)
    with np.errstate(over="ignore"):
        blur = np.spacing(np.abs(values).max(0).astype(np.float32)).astype(np.float64)
    return (blur > MAX_BLUR * std) & (std > 1e-12 * np.abs(mean))


@dataclass(frozen=True)
class Target:
    """What is to be predicted.

    Attributes:
      kind: "class" for one of `names`, stored as its index, (examples,) int32; "number" for a value under each of
        `names`, (examples, names) float32, or float64 in a split where float32 would lose digits; "classes" for several
        classes at once, each one of its own `class_names`, (examples, names) int32 indices; "labels" for any of `names`
        at once, (examples, names) int32, 1 where it holds and 0 where it does not. IGNORE stands where one of several
        classes or labels is unknown.
      dense_shape: shape of dense targets: (height, width) of a mask, (time,) of a sequence; () for one target per
        example. Class indices are the smallest signed integers that hold them, (examples, *dense_shape), and IGNORE
        where the class is unknown.
      class_names: of "classes", the names of the classes of each.
    """

    kind: Literal["class", "number", "classes", "labels"]
    names: tuple[str, ...]
    dense_shape: tuple[int, ...] = ()
    class_names: tuple[tuple[str, ...], ...] = ()

    @property
    def several(self) -> bool:
        """Whether an example has several classes or labels at once."""
        return self.kind in ("classes", "labels")

    @property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """Names of the classes of each of several classes or labels; of a label "no" and "yes"."""
        return dict(zip(self.names, self.class_names or (("no", "yes"),) * len(self.names)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example's target."""
        return self.dense_shape if self.kind == "class" else (len(self.names),)

    @property
    def loss_shape(self) -> tuple[int, ...]:
        """Shape of one example's losses: one for each class index or label, and one for all of its values."""
        return () if self.kind == "number" else self.shape

    @property
    def dtype(self) -> str:
        """Dtype of the targets."""
        if self.kind == "number":
            return "float32"
        return np.min_scalar_type(-len(self.names)).name if self.dense_shape else "int32"


@dataclass(frozen=True)
class Schema:
    """The inputs and the target of every example of a dataset."""

    inputs: Feature
    target: Target


class Split(Protocol):
    """What a source's splits must have; `ArraySplit` is the split in memory."""

    def __len__(self) -> int: ...

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Gathers the examples at `indices`: {"inputs": (batch, ...), "targets": (batch, ...)}."""
        ...

    def id(self, index: int) -> str:
        """Returns the name of the example at `index`: stable when examples are added or reordered."""
        ...

    @property
    def targets(self) -> np.ndarray:
        """All targets, (examples, ...), in memory wherever the inputs are."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes that the whole split takes in memory, or would take there."""
        ...


class Batch(TypedDict, total=False):
    """Examples of one step, the batch axis first. A host batch holds NumPy arrays; in a step they are JAX's.

    Attributes:
      inputs: (batch, *input shape), as the split's `rows` returns them, or as preprocessing does after it has run.
      targets: (batch,) or (batch, *spatial) integer classes, negative where the class is unknown; (batch, values)
        float32 for regression; (batch, targets) integer classes or labels where an example has several.
      weights: float, of the loss's shape or a prefix of it: (batch,) or (batch, *spatial); 0 where there is padding.
        Absent where all examples count alike.
      index: (batch,) int32, the examples' positions in the training split.
      epoch: (batch,) int32, the epoch that each example belongs to; a batch may hold the end of one and the start of
        the next.
      mixed_targets: like `targets`, those of the example that each is mixed with (Mixup, CutMix).
      mix_weight: (batch,) float in [0, 1], the weight of `targets`; `mixed_targets` have the rest.
    """

    inputs: "jax.Array"
    targets: "jax.Array"
    weights: "jax.Array"
    index: "jax.Array"
    epoch: "jax.Array"
    mixed_targets: "jax.Array"
    mix_weight: "jax.Array"


# One row of a batch: the same keys, without the batch axis.
Example = Batch
