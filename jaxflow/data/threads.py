"""Threads that decode: Pillow and its like work without the interpreter's lock."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_threads(function: Callable[..., Any], *arguments: Sequence[Any]) -> Iterator[Any]:
    """Maps a function over sequences, as `map` does and in order, by as many threads as there are cores."""
    return _pool().map(function, *arguments)


# Kept: threads that are made anew for every batch cost more than a small image.
@functools.cache
def _pool() -> ThreadPoolExecutor:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ThreadPoolExecutor(cores, thread_name_prefix="decode")


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not go along
