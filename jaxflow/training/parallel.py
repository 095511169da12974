"""How a step spreads over devices and processes: the only file that knows. Every strategy gives the same numbers.

On one device a step is plain jit. On several, each device runs the same program on its share of the batch, while state
and metrics stay replicated and have no device axis; a step sums over the axis AXIS whatever it reduces. With fsdp the
train state's leaves are divided too: only the model's parameters are gathered, for as long as the gradient needs them.

On several processes each gives the rows of its own devices, and what comes out are arrays over all devices.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxflow.errors import UserError

AXIS = "devices"
# Leaves with fewer elements stay whole with fsdp: a collective for each costs more time than they take memory.
SMALL = 1024


@dataclass(frozen=True)
class Layout:
    """The devices of a run and how steps spread over them.

    Attributes:
      devices: all of them, each process's in a row.
    """

    devices: tuple[jax.Device, ...]
    strategy: Literal["pmap", "shard_map", "fsdp"] = "pmap"

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

    @property
    def divides_state(self) -> bool:
        """Whether the leaves of the train state are divided over the devices."""
        return self.strategy == "fsdp" and self.axis is not None

    @property
    def processes(self) -> int:
        """Counts the processes that the devices belong to."""
        return len({device.process_index for device in self.devices})

    @property
    def process(self) -> int:
        """Says which of these processes this is."""
        return jax.process_index() if self.processes > 1 else 0

    @property
    def device(self) -> jax.Device:
        """Gives this process's first device."""
        return self.devices[self.process * (len(self.devices) // self.processes)]

    def own(self, rows: int) -> slice:
        """Says which rows of a batch are this process's.

        Args:
          rows: of the whole batch, divisible by the processes.

        Returns:
          The slice.
        """
        share = rows // self.processes
        return slice(self.process * share, (self.process + 1) * share)

    def batched(self, axis: int) -> NamedSharding:
        """Says that every device holds its share of the axis `axis`."""
        return NamedSharding(self.mesh, PartitionSpec(*[None] * axis, AXIS))

    def sharding(self, leaf: Any) -> NamedSharding:
        """Says where a leaf of the train state lies: whole on every device, or divided with fsdp.

        Args:
          leaf: array, or its shape and dtype.

        Returns:
          The sharding: along the largest axis that the devices divide evenly.
        """
        count = len(self.devices)
        even = [axis for axis, size in enumerate(leaf.shape) if size % count == 0]
        if not self.divides_state or not even or math.prod(leaf.shape) < SMALL:
            return self.replicated
        return self.batched(max(even, key=lambda axis: leaf.shape[axis]))

    def replicate(self, tree: Any) -> Any:
        """Puts arrays on every device; on several processes all must have the same."""
        if self.processes == 1:
            return jax.device_put(tree, self.replicated)
        # device_put would first send everything to all processes and compare it there.
        return jax.tree.map(
            lambda leaf: jax.make_array_from_callback(leaf.shape, self.replicated, lambda index: leaf[index]), tree
        )

    def gather(self, tree: Any) -> Any:
        """Copies arrays to the host, all rows to every process."""
        if self.processes == 1:
            return jax.device_get(tree)
        return multihost_utils.process_allgather(tree, tiled=True)

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


def make_layout(strategy: Literal["pmap", "shard_map", "fsdp"]) -> Layout:
    """Takes all devices that JAX sees, of all processes.

    Raises:
      UserError: the processes have not equally many.
    """
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    layout = Layout(tuple(devices), strategy)
    counts = [sum(device.process_index == process for device in devices) for process in range(layout.processes)]
    if len(set(counts)) > 1:
        raise UserError(f"the processes have {counts} devices; give each of them as many")
    return layout


def bytes_per_device(tree: Any) -> int:
    """Counts the bytes that one device holds of a tree of arrays."""
    return sum(math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


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
      The compiled step. It takes batches, this process's rows of them, and gives whole ones.
    """
    if layout.axis is None:
        return jax.jit(step, donate_argnums=tuple(donate))
    if layout.strategy == "pmap":
        return _waiting(_pmapped(step, layout, in_axes, out_axes, donate), layout)
    compiled = jax.jit(_shard_mapped(step, layout, in_axes, tuple(out_axes)), donate_argnums=tuple(donate))
    return _waiting(_from_rows(compiled, layout, in_axes), layout)


def join_halves(
    sums_of: Callable[[Any, Any, Any], Any], finish: Callable[[Any, Any, Any], Any], layout: Layout
) -> Callable[..., Any]:
    """Makes a training step of its two halves, to be compiled by `spread_steps`.

    Args:
      sums_of: (state, resident, item) -> sums over all devices, computed from a device's share of the item.
      finish: (state, totals, sums) -> what the step gives.
      layout: the devices and the strategy.

    Returns:
      (state, totals, resident, item) -> what `finish` gives.
    """
    if not layout.divides_state:
        return lambda state, totals, resident, item: finish(state, totals, sums_of(state, resident, item))
    mapped = _shard_mapped(sums_of, layout, (None, None, 0), None)

    def step(state: Any, totals: Any, resident: Any, item: Any) -> Any:
        # What the gradient does not need is not gathered. The second half is no device's own: the compiler divides it
        # as the state is divided.
        sums = mapped(state.replace(opt_state=(), ema=None), resident, item)
        return finish(state, totals, sums)

    return step


def spread_steps(
    step: Callable[..., Any], layout: Layout, state: Any, in_axes: Sequence[int | None]
) -> Callable[..., Any]:
    """Compiles one or more steps made by `join_halves`.

    Args:
      step: (state, totals, ...) -> (state, totals, metrics).
      layout: the devices and the strategy.
      state: a state as it will be trained; its values do not matter.
      in_axes: as for `spread`.

    Returns:
      The compiled function; it reuses the state's memory.
    """
    if not layout.divides_state:
        return spread(step, layout, in_axes, (None, None, None), donate=(0,))
    divided = jax.tree.map(layout.sharding, state)
    rest = [layout.replicated if axis is None else layout.batched(axis) for axis in in_axes[1:]]
    compiled = jax.jit(
        step,
        donate_argnums=0,
        in_shardings=(divided, *rest),
        out_shardings=(divided, layout.replicated, layout.replicated),
    )
    return _waiting(_from_rows(compiled, layout, in_axes), layout)


def _waiting(compiled: Callable[..., Any], layout: Layout) -> Callable[..., Any]:
    if layout.devices[0].platform != "cpu":
        return compiled
    # Several virtual CPU devices share one thread pool: steps in flight can starve each other's all-reduce for ever.
    return lambda *arguments: jax.block_until_ready(compiled(*arguments))


def _from_rows(compiled: Callable[..., Any], layout: Layout, in_axes: Sequence[int | None]) -> Callable[..., Any]:
    """Makes arrays over all devices of what each process has of the batched arguments."""
    if layout.processes == 1:
        return compiled

    def whole(argument: Any, axis: int | None) -> Any:
        return argument if axis is None else jax.make_array_from_process_local_data(layout.batched(axis), argument)

    return lambda *arguments: compiled(*map(whole, arguments, in_axes))


def _shard_mapped(step, layout, in_axes, out_axes):
    def specs(axes):
        if isinstance(axes, tuple):
            return tuple(map(specs, axes))
        return PartitionSpec() if axes is None else PartitionSpec(*[None] * axes, AXIS)

    # check_vma=False: with the default, the transpose of a replicated parameter sums over devices by itself, and the
    # step's own psum would then count every gradient once per device.
    return jax.shard_map(
        step, mesh=layout.mesh, in_specs=specs(tuple(in_axes)), out_specs=specs(out_axes), check_vma=False
    )


def _pmapped(step, layout, in_axes, out_axes, donate):
    count = len(layout.devices) // layout.processes
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

    def whole(outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        # On several processes pmap gives each its own devices' arrays: they are put together, not copied.
        specs = [PartitionSpec() if axis is None else layout.batched(axis).spec for axis in out_axes]
        return tuple(
            multihost_utils.host_local_array_to_global_array(output, layout.mesh, spec)
            for output, spec in zip(outputs, specs)
        )

    def run(*arguments: Any) -> tuple[Any, ...]:
        outputs = mapped(*over(divide, arguments, in_axes))
        return over(join, whole(outputs) if layout.processes > 1 else outputs, out_axes)

    return run
