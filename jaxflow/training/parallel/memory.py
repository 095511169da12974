"""Whether what is to be computed fits the memory of the devices, known before any of it is allocated.

Where it does not, an accelerator raises in the middle of a step, and XLA's CPU client waits for ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax

from jaxflow.errors import UserError
from jaxflow.runtime.host_memory import free_host_bytes
from jaxflow.training.parallel.compile import Compiled
from jaxflow.training.parallel.layout import Layout, bytes_per_device


def free_bytes(device: jax.Device) -> int | None:  # pyright: ignore[reportInvalidTypeForm]
    """Returns the bytes that can still be allocated on a device, a CPU's being the host's; None where nobody knows."""
    if device.platform == "cpu":
        return free_host_bytes()
    stats = device.memory_stats() or {}
    return stats["bytes_limit"] - stats.get("bytes_in_use", 0) if "bytes_limit" in stats else None


def peak_bytes(function: Compiled, *arguments: Any) -> int:
    """Returns the bytes that one device holds at the peak of a function: its arguments, its results, all between.

    Args:
      function: what is compiled for it, and not again when it is called.
      *arguments: its arguments, or their shapes.

    Returns:
      The bytes; 0 where nobody can tell.
    """
    analysis = function.lower and function.lower(*arguments).compile().memory_analysis()
    if not analysis:
        return 0
    held = analysis.argument_size_in_bytes + analysis.output_size_in_bytes - analysis.alias_size_in_bytes
    return held + analysis.temp_size_in_bytes


def check_fits(layout: Layout, needed: int, what: str, advice: str) -> None:
    """Checks that memory is left for what is to be computed.

    Args:
      layout: the devices.
      needed: bytes on each of them, beside what is allocated already.
      what: what needs them, for the error.
      advice: what a user can do about it.

    Raises:
      UserError: it is more than is free.
    """
    free, here = free_bytes(layout.device), len(layout.devices) // layout.processes
    shared = layout.device.platform == "cpu"  # one memory for all devices of the process
    total = needed * here if shared else needed
    if free is None or total <= free:
        return
    where = f"on each of {here} devices" if here > 1 else f"on {layout.device.platform}"
    left = f"{format_bytes(free)} is free" + (" in all" if here > 1 and shared else "")
    raise UserError(f"{what} needs {format_bytes(needed)} {where}, and {left}; {advice}")


def check_state_fits(layout: Layout, state: Any) -> None:
    """Checks that a train state fits, before it is computed or read.

    Args:
      layout: the devices.
      state: the state, abstract.

    Raises:
      UserError: it does not.
    """
    divide = "--strategy=fsdp divides it, or " if layout.axis_name and not layout.shards_state else ""
    what = "the train state (parameters, optimizer, averages)"
    check_fits(layout, bytes_per_device(state), what, f"{divide}use a smaller model")


@contextmanager
def memory_error(advice: str) -> Iterator[None]:
    """Raises what a device reports when its memory is used up as one line.

    Args:
      advice: what a user can do about it.

    Raises:
      UserError: an allocation failed. Other errors pass.
    """
    try:
        yield
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        first = next(iter(str(error).splitlines()), "")
        if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in first:
            raise
        raise UserError(f"out of memory ({first[:160] or 'the host has none left'}); {advice}") from error


def format_bytes(count: int) -> str:
    """Formats a number of bytes, in units of 1000."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"


def advice_for(model: Any, layout: Layout, microbatch: int | None) -> str:
    """Returns what makes a train step smaller, of what this run does not do yet, as one clause.

    Args:
      model: the network; one with a field `dtype` can compute in bfloat16.
      layout: the devices.
      microbatch: of the experiment.
    """
    ways = ["a smaller --microbatch or --batch_size" if microbatch else "--microbatch=N, or a smaller --batch_size"]
    if getattr(model, "dtype", None) == "float32":
        ways.append("--model.dtype=bfloat16")
    if layout.axis_name and not layout.shards_state:
        ways.append("--strategy=fsdp")
    return f"try {', '.join(ways)}, or nn.remat in the model"
