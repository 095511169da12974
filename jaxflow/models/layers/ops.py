"""Convolution and pooling over (batch, *space, channel) in one, two or three spatial axes.

On GPU and TPU they are lax's own. XLA's CPU backend, though, differentiates pooling by select-and-scatter and
convolutions by dilated convolutions, several times slower than the arithmetic needs. There the same results come from
slices, products and sums, which it compiles well: pooling compares strided slices; a convolution is a product over
shifted slices (im2col, K. Chellapilla et al., 2006); its input gradient is a product whose columns are added back in
place (col2im). Patches that outgrow the cache are slow again, so a large batch is computed in parts, and a volume plane
by plane; along one axis lax stays ahead (benchmarks/OPS.md has the shapes that this comes from). Values and gradients
agree with lax up to the order of sums; ties in pooling go to the first maximum.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

# Patches of more bytes than this are built for a part of the batch at a time.
PATCH_BYTES = 8 << 20

Padding = Literal["VALID", "SAME"] | Sequence[tuple[int, int]]
Sizes = tuple[int, ...]


def conv(
    inputs: jax.Array, kernel: jax.Array, strides: int | Sequence[int] = 1, padding: Padding = "VALID"
) -> jax.Array:
    """Convolves inputs with a kernel.

    Reverse-mode derivatives work to any order. On CPU there is no forward mode (jvp), as with any custom VJP.

    Args:
      inputs: (batch, *space, channel).
      kernel: (*window, channel, feature).
      strides: steps between windows, one for all axes or one for each.
      padding: "VALID", "SAME", or low and high padding for each spatial axis.

    Returns:
      (batch, *space', feature).
    """
    rank = inputs.ndim - 2
    strides = (strides,) * rank if isinstance(strides, int) else tuple(strides)
    if padding == "VALID" and any(n < k for n, k in zip(inputs.shape[1:-1], kernel.shape)):
        raise ValueError(f"a window of {kernel.shape[:-2]} does not fit into {inputs.shape[1:-1]}")
    if not _on_cpu() or rank == 1:
        return _lax_conv(inputs, kernel, strides, padding)
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(inputs.shape[1:-1], kernel.shape[:-2], strides, padding)
    if any(tuple(pair) != (0, 0) for pair in padding):
        inputs = jnp.pad(inputs, [(0, 0), *padding, (0, 0)])
    return _conv_by_planes(inputs, kernel, strides) if rank == 3 else _conv(inputs, kernel, strides)


def max_pool(inputs: jax.Array, window: int | Sequence[int] = 2) -> jax.Array:
    """Pools the maximum of adjacent windows that do not overlap; a remainder at the edge is dropped.

    Args:
      inputs: (batch, *space, channel), floating.
      window: sizes of a window, one for all axes or one for each.

    Returns:
      (batch, *space // window, channel).
    """
    rank = inputs.ndim - 2
    window = (window,) * rank if isinstance(window, int) else tuple(window)
    if any(n < w for n, w in zip(inputs.shape[1:-1], window)):
        raise ValueError(f"a pool of {window} does not fit into {inputs.shape[1:-1]}")
    return _max_pool(inputs, window) if _on_cpu() else _lax_max_pool(inputs, window)


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def _lax_conv(inputs: jax.Array, kernel: jax.Array, strides: Sizes, padding: Padding) -> jax.Array:
    space = "DHW"[-len(strides) :]
    layout = (f"N{space}C", f"{space}IO", f"N{space}C")
    return lax.conv_general_dilated(inputs, kernel, strides, padding, dimension_numbers=layout)


def _lax_max_pool(inputs: jax.Array, window: Sizes) -> jax.Array:
    sizes = (1, *window, 1)
    return lax.reduce_window(inputs, -jnp.inf, lax.max, sizes, sizes, "VALID")


def _box(inputs: jax.Array, offset: Sizes, shape: Sizes, strides: Sizes) -> jax.Array:
    """Slices `shape` elements of every spatial axis, `strides` apart, from `offset` on."""
    limits = [start + (size - 1) * stride + 1 for start, size, stride in zip(offset, shape, strides)]
    return lax.slice(inputs, (0, *offset, 0), (inputs.shape[0], *limits, inputs.shape[-1]), (1, *strides, 1))


def _counts(inputs: jax.Array, kernel: jax.Array, strides: Sizes) -> Sizes:
    """Counts the windows that fit along each spatial axis."""
    return tuple((n - k) // s + 1 for n, k, s in zip(inputs.shape[1:-1], kernel.shape[:-2], strides))


def _offsets(window: Sizes) -> list[Sizes]:
    return list(itertools.product(*map(range, window)))


def _patches(inputs: jax.Array, window: Sizes, shape: Sizes, strides: Sizes) -> jax.Array:
    """Gathers each window's elements side by side: (batch, *shape, window * channel)."""
    return jnp.concatenate([_box(inputs, offset, shape, strides) for offset in _offsets(window)], axis=-1)


def _conv_by_planes(inputs: jax.Array, kernel: jax.Array, strides: Sizes) -> jax.Array:
    """Convolves a volume as the sum over the kernel's planes of convolutions in two axes: (batch, *space', feature).

    A volume's patches are of 27 numbers a voxel where the kernel's side is 3, and those of one example may outgrow the
    cache; those of its planes do not.
    """
    count, *_ = _counts(inputs, kernel, strides)
    total: jax.Array | None = None
    for start, plane in enumerate(kernel):
        taken = lax.slice_in_dim(inputs, start, start + (count - 1) * strides[0] + 1, strides[0], axis=1)
        planes = taken.reshape(-1, *taken.shape[2:])  # (batch * depth', height, width, channel)
        part = _conv(planes, plane, strides[1:])
        total = part if total is None else total + part
    assert total is not None  # a window has a plane at least
    return total.reshape(inputs.shape[0], count, *total.shape[1:])  # (batch, depth', height', width', feature)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv(inputs: jax.Array, kernel: jax.Array, strides: Sizes) -> jax.Array:
    # Where nothing is differentiated, lax is faster, most of all with large batches.
    return _lax_conv(inputs, kernel, strides, "VALID")


def _conv_forward(
    inputs: jax.Array, kernel: jax.Array, strides: Sizes
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    window, shape = kernel.shape[:-2], _counts(inputs, kernel, strides)

    def outputs(rows: jax.Array) -> jax.Array:
        return _patches(rows, window, shape, strides) @ kernel.reshape(-1, kernel.shape[-1])

    parts = _parts(inputs, kernel, strides)
    if parts == 1:
        return outputs(inputs), (inputs, kernel)
    # Patches are built again for the gradient: keeping them would take window-size times the memory.
    return _join(lax.map(outputs, _split(inputs, parts))), (inputs, kernel)


def _conv_backward(strides: Sizes, saved: tuple[jax.Array, jax.Array], slope: jax.Array) -> tuple[jax.Array, jax.Array]:
    inputs, kernel = saved
    parts = _parts(inputs, kernel, strides)
    if parts == 1:
        return _conv_slopes(inputs, kernel, strides, slope)

    def add(total: jax.Array, part: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        input_slope, kernel_slope = _conv_slopes(part[0], kernel, strides, part[1])
        return total + kernel_slope, input_slope

    kernel_slope, input_slope = lax.scan(add, jnp.zeros_like(kernel), (_split(inputs, parts), _split(slope, parts)))
    return _join(input_slope), kernel_slope


def _conv_slopes(inputs: jax.Array, kernel: jax.Array, strides: Sizes, slope: jax.Array) -> tuple[jax.Array, jax.Array]:
    *window, channels, features = kernel.shape
    shape = slope.shape[1:-1]
    rows = slope.reshape(-1, features)  # (batch * space, feature)
    patches = _patches(inputs, tuple(window), shape, strides)
    patches = patches.reshape(len(rows), -1)  # (batch * space, window * channel)
    kernel_slope = (patches.T @ rows).reshape(kernel.shape)
    columns = rows @ kernel.reshape(-1, features).T  # (batch * space, window * channel)
    columns = columns.reshape(*slope.shape[:-1], math.prod(window), channels)
    zero, total = jnp.zeros((), slope.dtype), None
    for index, offset in enumerate(_offsets(tuple(window))):
        inner = [
            (start, size - start - (count - 1) * stride - 1, stride - 1)
            for start, size, count, stride in zip(offset, inputs.shape[1:-1], shape, strides)
        ]
        placed = lax.pad(columns[..., index, :], zero, [(0, 0, 0), *inner, (0, 0, 0)])
        total = placed if total is None else total + placed
    return total, kernel_slope


def _parts(inputs: jax.Array, kernel: jax.Array, strides: Sizes) -> int:
    """Returns the number of parts of a batch, computed one after the other, whose patches each fit into the cache."""
    batch, positions = inputs.shape[0], math.prod(_counts(inputs, kernel, strides))
    size = batch * positions * math.prod(kernel.shape[:-1]) * inputs.dtype.itemsize
    smallest = max(1, min(batch, math.ceil(size / PATCH_BYTES)))
    return next(parts for parts in range(smallest, batch + 1) if batch % parts == 0) if batch else 1


def _split(rows: jax.Array, parts: int) -> jax.Array:
    return rows.reshape(parts, -1, *rows.shape[1:])  # (batch, ...) -> (part, row, ...)


def _join(rows: jax.Array) -> jax.Array:
    return rows.reshape(-1, *rows.shape[2:])  # (part, row, ...) -> (batch, ...)


_conv.defvjp(_conv_forward, _conv_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _max_pool(inputs: jax.Array, window: Sizes) -> jax.Array:
    return _lax_max_pool(inputs, window)


def _corners(inputs: jax.Array, window: Sizes) -> list[jax.Array]:
    """Slices the inputs into one array for each position in a window: (batch, *space // window, channel)."""
    shape = tuple(n // w for n, w in zip(inputs.shape[1:-1], window))
    return [_box(inputs, offset, shape, window) for offset in _offsets(window)]


def _max_pool_forward(inputs: jax.Array, window: Sizes) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    outputs = functools.reduce(jnp.maximum, _corners(inputs, window))
    return outputs, (inputs, outputs)


def _max_pool_backward(window: Sizes, saved: tuple[jax.Array, jax.Array], slope: jax.Array) -> tuple[jax.Array]:
    inputs, outputs = saved
    parts, taken = [], jnp.zeros(outputs.shape, bool)
    for corner in _corners(inputs, window):
        first = (corner == outputs) & ~taken
        parts.append(jnp.where(first, slope, jnp.zeros((), slope.dtype)))
        taken |= first
    for axis in reversed(range(len(window))):  # interleave the corners, the last axis first
        size = window[axis]
        stacks = [jnp.stack(parts[i : i + size], axis + 2) for i in range(0, len(parts), size)]
        parts = [stack.reshape(*stack.shape[: axis + 1], -1, *stack.shape[axis + 3 :]) for stack in stacks]
    edge = [(0, whole - pooled) for whole, pooled in zip(inputs.shape, parts[0].shape)]
    return (jnp.pad(parts[0], edge),)


_max_pool.defvjp(_max_pool_forward, _max_pool_backward)
