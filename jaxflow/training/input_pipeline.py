"""Input pipeline: device-resident or host-fed training batches."""

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np

from jaxflow.data.batching.batches import Batches
from jaxflow.runtime.distributed import broadcast
from jaxflow.schema import Split
from jaxflow.training.parallel.layout import Layout
from jaxflow.training.parallel.memory import check_fits, free_bytes
from jaxflow.training.workers import by_workers

# Steps that may be dispatched at once where the host sends only indices.
MAX_STEPS = 64


@dataclass(frozen=True)
class InputPipeline:
    """Everything that turns step numbers into the steps' batches.

    Attributes:
      device_data: arrays that stay on every device; () where batches come from the host.
      max_steps: how many steps can be sent at once.
      step_inputs: (first step, count) -> what is sent to the devices for `count` steps, (max_steps, batch, ...); on
        several processes each one's own rows of the batches.
      get_batch: (device_data, item of one step) -> batch; pure, runs inside the step. Beside what the split holds a
        batch has each example's "index" in the split and its "epoch", both (batch,) int32.
      close: ends the threads and processes that read ahead; what is dropped unclosed ends them too, when it is
        collected.
    """

    device_data: Any
    max_steps: int
    step_inputs: Callable[[int, int], Any]
    get_batch: Callable[[Any, Any], dict[str, jax.Array]]
    close: Callable[[], None] = lambda: None

    @functools.cached_property
    def input_shapes(self) -> Any:
        """What `step_inputs` returns, without its values."""
        return jax.tree.map(_shape_of, self.step_inputs(0, 1))


def _shape_of(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=getattr(leaf, "sharding", None))


def make_input_pipeline(
    split: Split,
    layout: Layout,
    *,
    batch_size: int,
    seed: int,
    total_steps: int,
    sampling: Literal["shuffle", "balanced"] = "shuffle",
    data_placement: Literal["auto", "device", "host"] = "auto",
    num_workers: int = 0,
) -> InputPipeline:
    """Builds the fastest input pipeline that the split fits; every one serves the same batches.

    Args:
      split: the training split.
      layout: the devices, and which rows of a batch are this process's.
      batch_size: examples in a step, over all devices.
      seed: decides the order of the examples.
      total_steps: steps of the whole run; nothing is read ahead past the last.
      sampling: each example once in an epoch, or those of every class equally often.
      data_placement: where batches are gathered; auto takes the device where the split is in memory and fits.
      num_workers: processes that read ahead, by Grain; 0 for a thread.

    Returns:
      The pipeline.

    Raises:
      UserError: worker processes are asked for and Grain is not installed, or the split shall lie on the device and
        does not fit.
    """
    local = layout.local_rows(batch_size)
    batches = Batches(split, batch_size, seed, local, sampling)
    if _on_device(split, layout, data_placement, num_workers):
        check_fits(layout, split.nbytes, "the training split", "set data_placement='auto'")
        resident = layout.replicate(split.rows(np.arange(len(split))))

        def many(first: int, count: int) -> dict[str, np.ndarray]:
            chosen = batches.chosen(first, count)
            # Always MAX_STEPS, so that there is one program: (count, batch) -> (MAX_STEPS, batch).
            return {name: np.pad(leaf, [(0, MAX_STEPS - count), (0, 0)]) for name, leaf in chosen.items()}

        return InputPipeline(resident, MAX_STEPS, many, gather_rows)

    make, end_workers = batches, lambda: None
    if num_workers:
        make, end_workers = by_workers(batches, total_steps, num_workers)

    def one(step: int) -> Any:
        batch = make(step)
        return batch if layout.axis_name else jax.device_put(batch, layout.devices[0])

    items, end_thread = _ahead(one, total_steps)

    def close() -> None:
        end_thread()
        end_workers()

    return InputPipeline((), 1, items, take_whole, close)


def gather_rows(device_data: Any, item: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Returns the batch of a step's indices, from data that lies on the device."""
    return jax.tree.map(lambda leaf: leaf[item["index"]], device_data) | item


def take_whole(device_data: Any, item: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Returns the batch that the host sent."""
    return item


def _on_device(split: Split, layout: Layout, data_placement: str, num_workers: int) -> bool:
    if data_placement == "auto":
        # What lies on disk was put there to stay, and workers are asked for only where the host is to send batches.
        in_memory = getattr(split, "in_memory", False) and not num_workers
        free = free_bytes(layout.device) if in_memory else None
        # A CPU's memory holds the split already, and is everybody's.
        share = 8 if layout.device.platform == "cpu" else 2
        return in_memory and broadcast(free is None or split.nbytes <= free // share)
    return data_placement == "device"


def _ahead(make: Callable[[int], Any], steps: int) -> tuple[Callable[[int, int], Any], Callable[[], None]]:
    """Prepares the next step's batch, and sends it, while the device is busy with this one's.

    Args:
      make: step -> its batch; a step that is guessed wrong costs nothing but time.
      steps: how many there are; nothing is made ahead past the last.

    Returns:
      (first step, count) -> the batch of the first step; and what ends the thread.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="input_pipeline")
    coming: dict[int, Future] = {}
    asked = False

    def items(first: int, count: int) -> Any:
        nonlocal asked
        guessed = coming.pop(first, None)
        coming.clear()
        batch = make(first) if guessed is None else guessed.result()
        # The first batch of all shows what batches look like: where a run resumes, training starts at another step.
        if asked and first + 1 < steps:
            coming[first + 1] = pool.submit(make, first + 1)
        asked = True
        return batch

    return items, lambda: pool.shutdown(wait=False, cancel_futures=True)
