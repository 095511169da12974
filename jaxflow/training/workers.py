"""Batches made ahead by other processes, through Grain: for splits that are read and decoded from disk."""

import gc
import multiprocessing.util
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxflow.data.batching.batches import Batches
from jaxflow.errors import UserError
from jaxflow.runtime.startup import quiet_libraries, tune_allocator

# Batches that each process keeps ready; that, what is being made and what is on its way bound the memory.
READY = 1
# Seconds that a process keeps working after SIGTERM: schedulers send it to every process of a job, and the training
# process may still need a batch on its way to the last checkpoint.
GRACE_TIMEOUT_S = 30


def by_workers(batches: Batches, steps: int, workers: int) -> tuple[Callable[[int], Any], Callable[[], None]]:
    """Prepares batches ahead in worker processes, which take turns.

    A batch follows from its step, so there is no state to keep: wherever the steps jump to, they start again there.

    Args:
      batches: builds a step's batch; a copy goes to each process.
      steps: how many there are; nothing is made ahead past the last.
      workers: how many processes.

    Returns:
      Step -> its batch, from a process where the step follows the one asked for last, else made here; and what ends
      the processes, which otherwise end with this one.

    Raises:
      UserError: Grain is not installed. The first function raises one too, where a process failed.
    """
    grain = _load_grain(workers)

    def start(first: int) -> Iterator[dict[str, np.ndarray]]:
        ahead = grain.MapDataset.range(first, steps).map(batches)
        # No threads and no buffer inside a process: an element is a whole batch.
        ahead = ahead.to_iter_dataset(grain.ReadOptions(num_threads=0, prefetch_buffer_size=0))
        options = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=READY)
        return iter(ahead.mp_prefetch(options, worker_init_fn=_live_and_die_with_parent))

    def free() -> None:
        # Its semaphores are held by reference cycles; Python 3.12 warns where they are collected at a bad moment.
        gc.collect()
        # Shared memory is freed by one thread of Grain's, in order: when it gets to this, it has freed all of it.
        freeing = getattr(grain.multiprocessing.SharedMemoryArray, "_del_thread_pool", None)
        if freeing is not None:
            freeing.apply(int)

    make, close = _in_order(batches, steps, start, free)
    # When `make` is collected, and when this process ends: then before the thread pool, of priority 15, by which Grain
    # frees shared memory.
    multiprocessing.util.Finalize(make, close, exitpriority=100)
    return make, close


def _load_grain(workers: int) -> Any:
    """Imports Grain, and prepares it for an experiment's own classes.

    Raises:
      UserError: it is not installed.
    """
    try:
        import cloudpickle
        import grain
        from absl import flags
    except ImportError as error:
        raise UserError(
            f"num_workers is {workers}, which takes Grain: pip install -e '.[stream]', or set num_workers to 0"
        ) from error
    from jaxflow.serialization import FILE_MODULE

    for name, module in list(sys.modules.items()):
        if name.startswith(FILE_MODULE):  # an experiment's own files: no other process can import them by name
            cloudpickle.register_pickle_by_value(module)
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # Grain asks absl for flags, which only an absl program parses
    return grain


def _in_order(
    batches: Batches, steps: int, start: Callable[[int], Iterator[dict[str, np.ndarray]]], free: Callable[[], None]
) -> tuple[Callable[[int], dict[str, np.ndarray]], Callable[[], None]]:
    """Serves steps from an iterator that runs ahead, as long as they come one after the other.

    Args:
      batches: builds a step's batch here, where nobody is ahead.
      steps: how many there are.
      start: first step -> the batches from there on, built elsewhere.
      free: frees what such an iterator held, when it is closed and gone.

    Returns:
      Step -> its batch; and what ends the iterator.
    """
    lock, due = threading.Lock(), None
    coming: Any = None

    def make(step: int) -> dict[str, np.ndarray]:
        nonlocal coming, due
        with lock:
            if step != due or step >= steps:
                stop()
                batch = batches(step)  # here: nobody waits for processes to start
            else:
                coming = start(step) if coming is None else coming
                try:
                    batch = _next(coming)
                except BaseException:
                    stop()
                    raise
            due = step + 1
            return batch

    def stop() -> None:
        nonlocal coming
        if coming is not None:
            coming.close()
            coming = None
            free()

    def close() -> None:
        with lock:
            stop()

    return make, close


def _next(coming: Iterator[dict[str, Any]]) -> dict[str, np.ndarray]:
    try:
        # Copied out of the memory that is shared with the process, which is freed with the array.
        return jax.tree.map(np.array, next(coming))
    except UserError:
        raise
    except RuntimeError as error:
        if "terminated unexpectedly" not in str(error):
            raise
        raise UserError(
            f"a process that reads ahead ended ({error}); if memory or /dev/shm ran out, use fewer --num_workers or a "
            "smaller batch; a script that trains with workers does so under if __name__ == '__main__'"
        ) from error


def _live_and_die_with_parent(index: int, count: int) -> None:
    """Prepares a worker process."""
    quiet_libraries()
    tune_allocator()  # decoded images come and go
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of the terminal
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE_TIMEOUT_S))
    parent = multiprocessing.parent_process()

    assert parent  # this is a worker

    def watch() -> None:
        parent.join()
        os._exit(0)  # it was killed and could not say goodbye

    threading.Thread(target=watch, daemon=True).start()
