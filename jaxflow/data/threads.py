"""Threads that decode: Pillow and its like work without the interpreter's lock."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_threads(function: Callable[..., Any], *arguments: Sequence[Any]) -> Iterator[Any]:
    """Maps a function over sequences, as `map` does and in order, by as many threads as there are cores."""

    def several(first: int) -> list[Any]:
        return list(map(function, *(sequence[first : first + size] for sequence in arguments)))

    # A few chunks for each thread: handing over one by one costs a tenth of what a small photograph takes.
    size = -(-len(arguments[0]) // (4 * _cores()))
    for done in _pool().map(several, range(0, len(arguments[0]), max(size, 1))):
        yield from done


# Cached: threads that are started anew for every batch cost more than a small image.
@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_cores(), thread_name_prefix="decode")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has no threads
