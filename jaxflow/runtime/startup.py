"""Settings of the whole process, before JAX starts: commands change them, a library must not."""

import ctypes
import functools
import gc
import hashlib
import inspect
import logging
import os
import platform
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
# The message of asyncio for an operation whose event loop Orbax has ended.
CLOSED = "Event loop is closed"
# Whose error says that a loop was never whole.
UNMADE = "BaseEventLoop.__del__"


def relax_gc() -> None:
    """Reduces how often Python searches for reference cycles, hundreds of times; before the first step it never does.

    Importing JAX and tracing a step create hundreds of thousands of objects that are never freed; searching them again
    and again takes a tenth of the time to the first step.
    """
    gc.set_threshold(500_000, 50, 100)


def tune_allocator() -> bool:
    """Configures glibc's allocator to retain freed memory instead of returning it to the kernel.

    XLA's CPU backend allocates and frees its temporaries in every step; by default the large ones are mapped and
    unmapped each time, and every page of them is faulted in anew. The environment (MALLOC_*) has precedence.

    Returns:
      Whether it was done; False without glibc.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1, M_TOP_PAD: 256 << 20}
    return all(mallopt(name, value) for name, value in settings.items())


def choose_device(kind: str) -> None:
    """Has JAX compute on the devices of one kind, before it starts; `check_device` says whether there is one.

    Args:
      kind: "cpu", or what JAX itself prefers where there is one.
    """
    import jax

    jax.config.update("jax_platforms", "cpu" if kind == "cpu" else "")  # JAX_PLATFORMS may name another


def check_device(kind: str) -> None:
    """Raises UserError if JAX, which is started for it, has no devices of a kind."""
    import jax

    found = jax.devices()[0].platform
    if found != kind:
        extra = {"gpu": "cuda"}.get(kind, kind)
        raise UserError(
            f"--device {kind}: JAX finds no {kind.upper()} here, only {describe_devices(jax.devices())}; install JAX "
            f"for it (pip install -e '.[{extra}]') and look that its driver is there, or leave out --device"
        )


def describe_devices(devices: Sequence[Any]) -> str:
    """Returns how many devices there are and of which kind, for a message."""
    platform, kind = devices[0].platform.upper(), devices[0].device_kind
    name = platform if kind.lower() == platform.lower() else f"{platform} ({kind})"
    return f"1 {name}" if len(devices) == 1 else f"{len(devices)} {name} devices"


def enable_compilation_cache(folder: Path) -> None:
    """Stores compiled programs on disk, so that the same program is compiled once.

    Args:
      folder: where to store them, one subfolder for each kind of processor: code of one may not run on another.
    """
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder / _processor()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def quiet_libraries() -> None:
    """Silences what other libraries print of failures that jaxflow reports itself, or that nobody need know of.

    TensorFlow Datasets and Orbax log through absl. Where a write or a read of Orbax fails, others that are in flight
    end later, with errors and warnings of asyncio. Pillow warns of damaged EXIF, which is common in photographs from
    the web and means nothing for the pixels, and of images that are large, which are read up to a limit. Of a metric
    that is not finite, which the log and the loop report, tensorboardX warns each time. What JAX cannot read from its
    cache it compiles. XLA warns of each SIGTERM; its errors are shown. Matplotlib
    draws into files alone, whatever window the environment asks for, and says where its own cache may not lie. Call it
    before JAX is imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["MPLBACKEND"] = "agg"
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    logging.getLogger("tensorboardX").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry", UserWarning)
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # "Task exception was never retrieved"
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")
    warnings.filterwarnings("ignore", r"Image size \(\d+ pixels\) exceeds limit", RuntimeWarning)
    _ignore_closed_loops()


@functools.cache  # once in a process: each call would wrap the hooks again
def _ignore_closed_loops() -> None:
    """Drops the errors of operations that end after Orbax has closed their event loop."""
    report, crash = sys.unraisablehook, sys.excepthook

    def report_unless_closed(unraisable: Any) -> None:
        # A loop that got no file for its pipe ends without one; that too many were open is reported where it happens.
        unmade = getattr(unraisable.object, "__qualname__", "") == UNMADE
        if not inspect.iscoroutine(unraisable.object) and str(unraisable.exc_value) != CLOSED and not unmade:
            report(unraisable)

    def crash_unless_closed(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if str(error) != CLOSED:
            crash(kind, error, trace)

    sys.unraisablehook, sys.excepthook = report_unless_closed, crash_unless_closed


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    kinds = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    return f"{platform.machine()}-{hashlib.sha256(repr(kinds).encode()).hexdigest()[:12]}"
