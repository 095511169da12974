"""What a process does before JAX starts, so that it starts and runs faster. launch.py calls it; no library should."""

import ctypes
import gc
import hashlib
import os
import platform
from pathlib import Path

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def relax_gc() -> None:
    """Makes Python look for reference cycles hundreds of times less often, and not at all before the first step.

    Importing JAX and tracing a step make hundreds of thousands of objects that stay; looking through them again and
    again takes a tenth of the time to the first step.
    """
    gc.set_threshold(500_000, 50, 100)


def tune_allocator() -> bool:
    """Tells glibc's allocator to keep freed memory instead of returning it to the kernel.

    XLA's CPU backend allocates and frees its temporaries in every step; by default the large ones are mapped and
    unmapped each time, and every page of them is faulted in anew. Settings in the environment (MALLOC_*) win.

    Returns:
      Whether it was done; False off glibc.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1, M_TOP_PAD: 256 << 20}
    return all(mallopt(name, value) for name, value in settings.items())


def enable_compilation_cache(folder: Path) -> None:
    """Keeps compiled programs on disk, so that the same program is compiled once.

    Args:
      folder: where they are kept, apart for each kind of processor: machine code of one may not run on another.
    """
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder / _processor()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    kinds = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    return f"{platform.machine()}-{hashlib.sha256(repr(kinds).encode()).hexdigest()[:12]}"
