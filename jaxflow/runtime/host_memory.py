"""Memory of this machine that this process may still take."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

PROCESS, GROUPS = Path("/proc/self"), Path("/sys/fs/cgroup")


def free_host_bytes() -> int:
    """Returns how many bytes this process may still allocate.

    What the machine has left, swap included, what the control groups of the process leave it (a container's limit, a
    job's of SLURM), and what its limit on address space does (`ulimit -v`): the least of these.
    """
    return max(0, min(_machine(), *(allowed - taken for allowed, taken in _control_groups()), _address_space()))


def allowed_host_bytes() -> int:
    """Returns how many bytes this process may have at most, whatever is in use: the least of the same limits."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
    limits = [machine, *(allowed for allowed, _ in _control_groups())]
    return min(limits if address_space == resource.RLIM_INFINITY else [*limits, address_space])


def _machine() -> int:
    """Returns the bytes that the kernel would give without harm to others: free ones, caches, swap."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # not Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    kilobytes = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
    return 1024 * (kilobytes["MemAvailable"] + kilobytes["SwapFree"])


def _control_groups() -> Iterator[tuple[int, int]]:
    """Yields the limit of each control group that this process is in, the container's among them, and what is in use.

    Source: the Linux kernel's documentation, admin-guide/cgroup-v2 and cgroup-v1/memory.
    """
    try:
        lines = (PROCESS / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, limit, used, inactive = GROUPS, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            root, limit = GROUPS / "memory", "memory.limit_in_bytes"
            used, inactive = "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        # In a container the path is the machine's, and the group's own files lie at the root.
        here = root / path.lstrip("/")
        for folder in (here, *here.parents):
            if folder.is_relative_to(root) and (found := _read_group(folder, limit, used, inactive)):
                yield found


def _read_group(folder: Path, limit: str, used: str, inactive: str) -> tuple[int, int] | None:
    """Returns a group's limit and what is in use, without pages of files, which are given up; None without a limit."""
    try:
        allowed, taken = (folder / limit).read_text().strip(), int((folder / used).read_text())
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    if not allowed.isdecimal():  # "max"
        return None
    return int(allowed), taken - int(statistics.get(inactive, 0))


def _address_space() -> int:
    """Returns what is left of the process's limit on address space."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed == resource.RLIM_INFINITY:
        return 1 << 62
    try:
        pages = int((PROCESS / "statm").read_text().split()[0])
    except OSError:
        pages = 0
    return allowed - pages * os.sysconf("SC_PAGE_SIZE")
