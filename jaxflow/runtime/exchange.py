"""The exchange of messages through JAX's coordinator: every process sends one, and reads those of all.

Messages go through the coordinator, as Orbax's barriers do, and not over the devices, whose collectives may fail if a
process is late. What the coordinator holds is believed only where it verifies (`messages.py`).
"""

import collections
import dataclasses
import functools
import hashlib
import itertools
import logging
import os
import time
from typing import Any

import jax

from jaxflow.runtime.messages import Channel, ForgedError, decode, encode, key, seal, unseal
from jaxflow.runtime.secret import VARIABLE, take_secret

# Others are waited for as long as a process may need to load data or to write a report. A process that is dead is
# noticed by JAX after 100 s, which then ends the others.
PEER_TIMEOUT_S = 24 * 60 * 60
# After this time of waiting a process looks whether what it sent is still there.
LOOK_TIMEOUT_MS = 10_000

logger = logging.getLogger("jaxflow")
_numbers = itertools.count()
_secrets: list[bytes] = []  # of this process: set once, when it joins the others
# The last messages of this process. Nobody is further behind than one exchange, so nobody needs an earlier one.
_sent: collections.deque[tuple[str, bytes]] = collections.deque(maxlen=2)


def use_secret(secret: bytes) -> None:
    """Sets the secret of this process's messages, before the first is sent."""
    _secrets.append(secret)


def exchange(call: str, value: Any, error: Exception | None) -> list[tuple[Any, Exception | None]]:
    """Sends an outcome to all processes and returns theirs, process 0's first; each process must call it equally often.

    Args:
      call: the name of the function that exchanges it.
      value: what JSON can hold.
      error: what was raised, if anything was.

    Raises:
      ForgedError: a message does not verify, or was removed.
    """
    try:
        text = encode(call, value, error)
    except TypeError as unsendable:
        text = encode(call, None, unsendable)
    return [decode(call, text) for text in _gather(_channel(), next(_numbers), text)]


def coordinator_client() -> Any:
    """Returns the client of JAX's coordinator."""
    from jax._src.distributed import global_state  # JAX has no public name for it

    return global_state.client


@functools.cache  # for the life of the process, as its connection to the coordinator
def _channel() -> Channel:
    """Opens the channel: every process adds a number that it has just drawn, so nothing old verifies."""
    secret = _secrets[-1] if _secrets else take_secret(None, os.environ)
    if not secret and jax.process_index() == 0:
        logger.warning(
            f"the processes have no secret: whoever reaches the coordinator's port can change what they tell each "
            f"other; set {VARIABLE} or --secret-file (docs/multihost.md)"
        )
    channel = Channel(secret, jax.process_count())
    drawn = _gather(channel, next(_numbers), os.urandom(16).hex().encode())
    return dataclasses.replace(channel, session=hashlib.sha256(b" ".join(drawn)).hexdigest())


def _gather(channel: Channel, number: int, text: bytes) -> list[bytes]:
    """Sends a text to all processes and returns theirs, process 0's first."""
    client, own = coordinator_client(), jax.process_index()
    name, sent = key(number, own), seal(channel, number, own, text)
    try:
        client.key_value_set_bytes(name, sent)
    except jax.errors.JaxRuntimeError as error:
        if "ALREADY_EXISTS" not in str(error):
            raise
        raise ForgedError(f"the place of process {own} on the coordinator is taken") from error
    _sent.append((name, sent))
    return [
        text if sender == own else unseal(channel, number, sender, _receive(key(number, sender)))
        for sender in range(channel.processes)
    ]


def _receive(name: str) -> bytes:
    """Waits for a message of another process."""
    client, deadline = coordinator_client(), time.monotonic() + PEER_TIMEOUT_S
    while True:
        try:
            return client.blocking_key_value_get_bytes(name, LOOK_TIMEOUT_MS)
        except jax.errors.JaxRuntimeError as error:
            if "DEADLINE_EXCEEDED" not in str(error) or time.monotonic() > deadline:
                raise
        for own, sent in _sent:
            if _held(own) != sent:
                raise ForgedError("what this process sent is not what the coordinator holds")


def _held(name: str) -> bytes | None:
    try:
        return coordinator_client().key_value_try_get_bytes(name)
    except jax.errors.JaxRuntimeError as error:
        if "NOT_FOUND" in str(error):
            return None
        raise
