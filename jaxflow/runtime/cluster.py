"""Which processes a run has: what flags and the environment of a cluster say of them."""

import os
import re
from collections.abc import Mapping
from typing import Any

from jaxflow.errors import UserError
from jaxflow.ranges import MAX_INT, whole_number

# A name, or an address with or without brackets.
HOST = re.compile(r"[\w.-]{1,253}|\[?[0-9a-fA-F:.]+(?:%\w+)?\]?")
# Of a socket's path, without its end: what Linux takes.
MAX_SOCKET_BYTES = 107


def explicit_arguments(
    coordinator: str | None, num_processes: str | None, process_id: str | None
) -> dict[str, Any] | None:
    """Converts the flags of a process to the arguments of `jax.distributed.initialize`.

    Args:
      coordinator: HOST:PORT of process 0, unix:PATH on one machine, or "auto".
      num_processes: how many processes there are.
      process_id: the index of this one.

    Returns:
      The arguments; {} for a single process; None where the flags leave them to JAX.

    Raises:
      UserError: the flags do not fit together.
    """
    given = {"--coordinator": coordinator, "--num-processes": num_processes, "--process-id": process_id}
    if coordinator == "auto" and num_processes is None and process_id is None:
        return None
    if all(value is None for value in given.values()):
        return None
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise UserError(f"{' and '.join(missing)} missing; a process needs all of {', '.join(given)}")
    _check_address(coordinator)
    count, index = whole_number(num_processes), whole_number(process_id)
    if count is None or not 0 < count <= MAX_INT:
        raise UserError(f"--num-processes is {num_processes[:40]}; it must be 1 or more, and at most {MAX_INT:,}")
    if index is None or index >= count:
        raise UserError(f"--process-id is {process_id[:40]}; it must be in 0..{count - 1}")
    if count == 1:
        return {}
    return {
        "coordinator_address": coordinator,
        "num_processes": count,
        "process_id": index,
        "cluster_detection_method": "deactivate",  # flags take precedence over the environment
    }


def _check_address(coordinator: str) -> None:
    """Raises UserError if an address is none that anybody could ever listen at."""
    host, _, port = coordinator.rpartition(":")
    if host == "unix":
        if not port or len(os.fsencode(port)) > MAX_SOCKET_BYTES or "\0" in port:
            raise UserError(
                f"--coordinator is {coordinator[:160]}; the path of a socket has 1 to {MAX_SOCKET_BYTES} bytes: name a "
                "shorter one"
            )
    elif not HOST.fullmatch(host) or not 0 < (whole_number(port) or 0) < 2**16:
        raise UserError(
            f"--coordinator is {coordinator[:160]}; it must be HOST:PORT of process 0, for example node0:12345"
        )


def detect_cluster(environment: Mapping[str, str]) -> str | None:
    """Returns the kind of cluster that this process is one of several of, by its documented environment variables.

    Args:
      environment: the environment variables.

    Returns:
      "SLURM", "Open MPI" or "TPU pod"; None for a single process.
    """

    def number(name: str) -> int:
        return whole_number(environment.get(name, "")) or 0

    # Of the step, not of the job: an interactive shell has one process in a job of many.
    if number("SLURM_STEP_NUM_TASKS") > 1 and "SLURM_PROCID" in environment:
        return "SLURM"
    if number("OMPI_COMM_WORLD_SIZE") > 1:
        return "Open MPI"
    hosts = environment.get("TPU_PROCESS_ADDRESSES") or environment.get("TPU_WORKER_HOSTNAMES") or ""
    if "," in hosts or number("MEGASCALE_NUM_SLICES") > 1:
        return "TPU pod"
    return None
