"""How a step spreads over devices: the only file that knows. Every strategy gives the same numbers.

On one device a step is plain jit. On several, each device runs the same program on its share of the batch, while state
and metrics stay replicated and have no device axis; a step sums over the axis AXIS whatever it reduces.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxflow.errors import UserError

AXIS = "devices"


@dataclass(frozen=True)
class Layout:
    """The devices of a run and how steps spread over them."""

    devices: tuple[jax.Device, ...]
    strategy: Literal["pmap", "shard_map"] = "pmap"

    @property
    def axis(self) -> str | None:
        """Names the axis that steps reduce over; None on one device."""
        return AXIS if len(self.devices) > 1 else None

    @property
    def mesh(self) -> Mesh:
        """Lays the devices out along AXIS."""
        return Mesh(np.array(self.devices), (AXIS,))

    @property
    def replicated(self) -> NamedSharding:
        """Says that every device holds the whole array."""
        return NamedSharding(self.mesh, PartitionSpec())

    def replicate(self, tree: Any) -> Any:
        """Puts arrays on every device."""
        return jax.device_put(tree, self.replicated)

    def check_batch(self, batch_size: int, microbatch: int | None) -> None:
        """Checks that a training batch can be divided evenly.

        Args:
          batch_size: examples in a step, over all devices.
          microbatch: examples in a tile, or None.

        Raises:
          UserError: it cannot.
        """
        count = len(self.devices)
        if batch_size % count:
            raise UserError(
                f"batch_size {batch_size} is not divisible by the {count} devices; "
                f"use a multiple of {count}, or show JAX fewer devices"
            )
        if microbatch and batch_size // count % microbatch:
            raise UserError(
                f"microbatch {microbatch} does not divide a device's share of {batch_size // count} examples "
                f"(batch_size {batch_size} on {count} devices)"
            )


def make_layout(strategy: Literal["pmap", "shard_map"]) -> Layout:
    """Takes all devices that JAX sees."""
    return Layout(tuple(jax.devices()), strategy)


def spread(
    step: Callable[..., Any],
    layout: Layout,
    in_axes: Sequence[int | None],
    out_axes: Sequence[int | None],
    donate: Sequence[int] = (),
) -> Callable[..., Any]:
    """Compiles a step for the devices of a layout.

    Args:
      step: pure function of the local share of its batched arguments; reduces over `layout.axis` what it returns
        unbatched. (What it forgot to reduce would silently be one device's own.)
      layout: the devices and the strategy.
      in_axes: for each argument the batch axis of its leaves, which is divided, or None if it is replicated.
      out_axes: the same for each output.
      donate: arguments whose memory the step may reuse.

    Returns:
      The compiled step; it takes and gives whole batches.
    """
    if layout.axis is None:
        return jax.jit(step, donate_argnums=tuple(donate))
    if layout.strategy == "pmap":
        mapped = _pmapped(step, layout, in_axes, out_axes, donate)
    else:
        mapped = _shard_mapped(step, layout, in_axes, out_axes, donate)
    if layout.devices[0].platform != "cpu":
        return mapped
    # Several virtual CPU devices share one thread pool: steps in flight can starve each other's all-reduce for ever.
    return lambda *arguments: jax.block_until_ready(mapped(*arguments))


def _pmapped(step, layout, in_axes, out_axes, donate):
    count = len(layout.devices)
    mapped = jax.pmap(
        step,
        axis_name=AXIS,
        in_axes=tuple(in_axes),
        out_axes=tuple(out_axes),
        devices=layout.devices,
        donate_argnums=tuple(donate),
    )

    def divide(leaf: Any, axis: int) -> Any:
        shape = leaf.shape
        return leaf.reshape(
            *shape[:axis], count, -1, *shape[axis + 1 :]
        )  # (..., batch, ...) -> (..., device, row, ...)

    def join(leaf: Any, axis: int) -> Any:
        shape = leaf.shape
        return leaf.reshape(*shape[:axis], -1, *shape[axis + 2 :])  # (..., device, row, ...) -> (..., batch, ...)

    def over(change: Callable[..., Any], trees: Sequence[Any], axes: Sequence[int | None]) -> tuple[Any, ...]:
        return tuple(
            tree if axis is None else jax.tree.map(lambda leaf, axis=axis: change(leaf, axis), tree)
            for tree, axis in zip(trees, axes)
        )

    return lambda *arguments: over(join, mapped(*over(divide, arguments, in_axes)), out_axes)


def _shard_mapped(step, layout, in_axes, out_axes, donate):
    def specs(axes):
        return tuple(PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, AXIS) for axis in axes)

    # check_vma=False: with the default, the transpose of a replicated parameter sums over devices by itself, and the
    # step's own psum would then count every gradient once per device.
    mapped = jax.shard_map(step, mesh=layout.mesh, in_specs=specs(in_axes), out_specs=specs(out_axes), check_vma=False)
    return jax.jit(mapped, donate_argnums=tuple(donate))
