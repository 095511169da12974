"""Which processes a run has: what flags and the environment of a cluster say of them."""

from collections.abc import Mapping
from typing import Any

from jaxflow.errors import UserError


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
    host, _, port = coordinator.rpartition(":")
    if host != "unix" and (not host or not port.isdecimal() or not 0 < int(port) < 2**16):
        raise UserError(f"--coordinator is {coordinator}; it must be HOST:PORT of process 0, for example node0:12345")
    if not num_processes.isdecimal() or int(num_processes) < 1:
        raise UserError(f"--num-processes is {num_processes}; it must be 1 or more")
    if not process_id.isdecimal() or int(process_id) >= int(num_processes):
        raise UserError(f"--process-id is {process_id}; it must be in 0..{int(num_processes) - 1}")
    if int(num_processes) == 1:
        return {}
    return {
        "coordinator_address": coordinator,
        "num_processes": int(num_processes),
        "process_id": int(process_id),
        "cluster_detection_method": "deactivate",  # flags take precedence over the environment
    }


def detect_cluster(environment: Mapping[str, str]) -> str | None:
    """Returns the kind of cluster that this process is one of several of, by its documented environment variables.

    Args:
      environment: the environment variables.

    Returns:
      "SLURM", "Open MPI" or "TPU pod"; None for a single process.
    """

    def number(name: str) -> int:
        value = environment.get(name, "")
        return int(value) if value.isdecimal() else 0

    # Of the step, not of the job: an interactive shell has one process in a job of many.
    if number("SLURM_STEP_NUM_TASKS") > 1 and "SLURM_PROCID" in environment:
        return "SLURM"
    if number("OMPI_COMM_WORLD_SIZE") > 1:
        return "Open MPI"
    hosts = environment.get("TPU_PROCESS_ADDRESSES") or environment.get("TPU_WORKER_HOSTNAMES") or ""
    if "," in hosts or number("MEGASCALE_NUM_SLICES") > 1:
        return "TPU pod"
    return None
