"""The devices of a run, and where arrays lie on them."""

import math
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

    # JAX assigns its class Device to a variable, which pyright takes for no type.
    devices: tuple[jax.Device, ...]  # pyright: ignore[reportInvalidTypeForm]
    strategy: Literal["pmap", "shard_map", "fsdp"] = "pmap"

    @property
    def axis_name(self) -> str | None:
        """Name of the axis that steps reduce over; None on one device."""
        return AXIS if len(self.devices) > 1 else None

    @property
    def mesh(self) -> Mesh:
        """Mesh of the devices along AXIS."""
        return Mesh(np.array(self.devices), (AXIS,))

    @property
    def replicated(self) -> NamedSharding:
        """Sharding that replicates an array on every device."""
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def shards_state(self) -> bool:
        """Whether the leaves of the train state are divided over the devices."""
        return self.strategy == "fsdp" and self.axis_name is not None

    @property
    def processes(self) -> int:
        """Number of processes that the devices belong to."""
        return len({device.process_index for device in self.devices})

    @property
    def process(self) -> int:
        """Index of this process."""
        return jax.process_index() if self.processes > 1 else 0

    @property
    def device(self) -> jax.Device:  # pyright: ignore[reportInvalidTypeForm]
        """This process's first device."""
        return self.devices[self.process * (len(self.devices) // self.processes)]

    def local_rows(self, rows: int) -> slice:
        """Returns the slice of a global batch that this process loads.

        Args:
          rows: of the whole batch, divisible by the processes.

        Returns:
          The slice.
        """
        share = rows // self.processes
        return slice(self.process * share, (self.process + 1) * share)

    def batch_sharding(self, axis: int) -> NamedSharding:
        """Returns the sharding that divides the axis `axis` over the devices."""
        return NamedSharding(self.mesh, PartitionSpec(*[None] * axis, AXIS))

    def sharding(self, leaf: Any) -> NamedSharding:
        """Returns the sharding of a leaf of the train state: replicated, or divided with fsdp.

        Args:
          leaf: array, or its shape and dtype.

        Returns:
          The sharding: along the largest axis that the devices divide evenly.
        """
        count = len(self.devices)
        even = [axis for axis, size in enumerate(leaf.shape) if size % count == 0]
        if not self.shards_state or not even or math.prod(leaf.shape) < SMALL:
            return self.replicated
        return self.batch_sharding(max(even, key=lambda axis: leaf.shape[axis]))

    def replicate(self, tree: Any) -> Any:
        """Replicates arrays on every device; on several processes all must have the same."""
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
          microbatch: rows whose gradients are computed at once, or None.

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
    """Builds the layout of all devices that JAX sees, of all processes.

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
