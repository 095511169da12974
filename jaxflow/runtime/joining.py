"""How the processes of a run find each other, and connect their devices."""

import contextlib
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from jaxflow.errors import UserError
from jaxflow.runtime.cluster import detect_cluster, explicit_arguments
from jaxflow.runtime.exchange import exchange, use_secret
from jaxflow.runtime.preemption_service import take_sigterm
from jaxflow.runtime.secret import take_secret

# How long process 0 may take to start.
START_TIMEOUT_S = 300  # seconds
# After this time of waiting for the others it is said.
SLOW_START_S = 10.0  # seconds

logger = logging.getLogger("jaxflow")


def join(
    coordinator: str | None = None,
    num_processes: str | None = None,
    process_id: str | None = None,
    secret_file: str | None = None,
) -> None:
    """Joins this process to the others of its run, before it touches a device.

    Args:
      coordinator: HOST:PORT where process 0 listens, or unix:PATH on one machine; "auto" leaves all three to JAX's
        detection of the cluster. If all are None, the process joins only where the environment tells of several
        (SLURM, Open MPI, TPU pods).
      num_processes: how many processes there are.
      process_id: the index of this one, from 0.
      secret_file: a file with the secret that all processes share; without it JAXFLOW_RUN_SECRET has it.

    Raises:
      UserError: the arguments do not fit together, or the others cannot be reached.
    """
    use_secret(take_secret(secret_file, os.environ))
    arguments = explicit_arguments(coordinator, num_processes, process_id)
    if arguments is None and coordinator != "auto" and not detect_cluster(os.environ):
        return
    if arguments == {}:
        return
    if (coordinator or "").startswith("unix:"):  # no proxy is asked, of which JAX would warn
        logging.getLogger("jax._src.distributed").setLevel(logging.ERROR)
    try:
        with _told_if_slow():
            if arguments and arguments["process_id"] > 0:
                _wait_for(arguments["coordinator_address"])
            jax.distributed.initialize(**(arguments or {}))
    except (RuntimeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise UserError(
            f"cannot join the other processes ({coordinator or detect_cluster(os.environ)}): {reason}; "
            "say where they are: --coordinator HOST:PORT --num-processes N --process-id I"
        ) from error
    if threading.current_thread() is threading.main_thread():
        take_sigterm()
    _connect_devices()


@contextlib.contextmanager
def _told_if_slow() -> Iterator[None]:
    """Logs one line if the others do not come for a while."""
    timer = threading.Timer(SLOW_START_S, logger.info, ("waiting for the other processes of this run to start",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _connect_devices() -> None:
    """Connects the devices of all processes on CPU, while none of them is late.

    Gloo connects them at the first collective, and gives up on a process that is 30 seconds late: half a minute more to
    compile or to load data would end the run. Once they are connected a process may be as late as it likes.
    """
    if jax.default_backend() != "cpu" or jax.process_count() == 1:
        return
    exchange("join", None, None)  # all are here: what follows takes a moment
    # All with all, for steps; and each with its like on the other processes, for rows that are gathered.
    groups = (("process", "device"), "process")
    mesh = Mesh(np.array(jax.devices()).reshape(jax.process_count(), -1), groups[0])
    sums = jax.shard_map(
        lambda: [jax.lax.psum(jnp.ones(1, int) * jax.lax.axis_index("process"), axes) for axes in groups],
        mesh=mesh,
        in_specs=(),
        out_specs=[PartitionSpec(), PartitionSpec("device")],
        check_vma=False,
    )
    with _without_stdout():  # Gloo prints a line for each device there
        jax.block_until_ready(jax.jit(sums)())


@contextlib.contextmanager
def _without_stdout() -> Iterator[None]:
    """Discards what is written to the standard output's file descriptor, from C++ too."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _wait_for(address: str) -> None:
    """Waits until the coordinator listens: JAX would abort the process if it does not, with little explanation."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            _connect(address)
            return
        except OSError as error:  # not started yet, or its name is not known yet
            if time.monotonic() > deadline:
                raise UserError(
                    f"cannot reach process 0 at {address} for {START_TIMEOUT_S} s: {error}; start it, or change "
                    f"--coordinator"
                ) from error
            time.sleep(0.2)
        except UnicodeError as error:
            raise UserError(f"--coordinator is {address}, and {error}; name the host of process 0") from error


def _connect(address: str) -> None:
    """Opens a connection to the coordinator, and closes it; raises OSError if nobody listens there."""
    host, _, port = address.rpartition(":")
    if host == "unix":
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(port)
    else:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
