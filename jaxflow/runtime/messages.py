"""Messages between the processes of a run: JSON, authenticated by a secret; pure functions.

They travel through JAX's coordinator, which asks nobody who he is: whoever reaches its port may read, add and overwrite
values. So nothing in a message is executed, and none is believed that does not carry an HMAC-SHA256 (RFC 2104) over
its text, the launch it belongs to, its place in the sequence, its sender and the number of processes.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from jaxflow.errors import DamagedError, StoppedError, UserError

# A longer message is not read: no value of a run comes near it.
MAX_BYTES = 1 << 28
MAC_BYTES = hashlib.sha256().digest_size
# Errors that keep their class on other processes, and with it their exit status.
ERRORS = {kind.__name__: kind for kind in (DamagedError, StoppedError, UserError)}


class ForgedError(UserError):
    """A message that no process of the run wrote in this place."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: someone else writes to the coordinator, or the processes have different secrets; close its port "
            "to strangers, and give every process the same JAXFLOW_RUN_SECRET or --secret-file (docs/multihost.md, "
            "Security)"
        )


@dataclass(frozen=True)
class Channel:
    """What the messages of one launch have in common.

    Attributes:
      secret: known to the processes alone; empty where there is none.
      processes: how many processes there are.
      session: fresh for each launch, so that messages of an earlier one do not verify.
    """

    secret: bytes
    processes: int
    session: str = ""


def key(number: int, sender: int) -> str:
    """Returns the coordinator's key of a message.

    Args:
      number: the message's place in the sequence of its sender, from 0.
      sender: the index of the process that sends it.
    """
    return f"jaxflow/{number}/{sender}"


def seal(channel: Channel, number: int, sender: int, text: bytes) -> bytes:
    """Returns a text with its authentication code before it; `number` and `sender` as for `key`."""
    return _code(channel, number, sender, text) + text


def unseal(channel: Channel, number: int, sender: int, data: bytes) -> bytes:
    """Returns the text of a sealed message.

    Raises:
      ForgedError: it was not sealed for this place in this launch, or not by who knows the secret.
    """
    code, text = data[:MAC_BYTES], data[MAC_BYTES:]
    if len(text) > MAX_BYTES or not hmac.compare_digest(code, _code(channel, number, sender, text)):
        raise ForgedError(f"what stands for process {sender} on the coordinator does not verify")
    return text


def encode(call: str, value: Any, error: Exception | None) -> bytes:
    """Writes the outcome of a call as JSON.

    Args:
      call: which function exchanges it: processes that call different ones are out of step.
      value: as `plain` takes it.
      error: what was raised. A class in `ERRORS`, or derived from one, is kept; of others, name and text are.
    """
    raised = None
    if error is not None:
        kind = next((kind.__name__ for kind in type(error).__mro__ if kind in ERRORS.values()), None)
        raised = [kind, str(error) if kind else f"{type(error).__name__}: {error}"]
    return json.dumps({"call": call, "value": plain(value), "error": raised}).encode()


def decode(call: str, text: bytes) -> tuple[Any, Exception | None]:
    """Reads the outcome of a call.

    Returns:
      The value, and the error, where one was raised.

    Raises:
      ForgedError: the text is no outcome.
      RuntimeError: it is the outcome of another call.
    """
    try:
        outcome = json.loads(text)
        if outcome.keys() != {"call", "value", "error"}:
            raise ValueError
        kind, reason = outcome["error"] or (None, None)
        error = None if reason is None else (ERRORS[kind] if kind else RuntimeError)(str(reason))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as wrong:
        raise ForgedError("what stands on the coordinator is no message of jaxflow") from wrong
    if outcome["call"] != call:
        raise RuntimeError(f"the processes are out of step: one is at {outcome['call']!r:.60}, this one at {call}")
    return outcome["value"], error


def plain(value: Any) -> Any:
    """Returns a value as JSON gives it back: tuples become lists, numbers of NumPy and JAX those of Python.

    Raises:
      TypeError: it holds what JSON has no word for, such as a path or a key that is no string.
    """
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return plain(value.item())
    raise TypeError(f"processes exchange what JSON can hold, and this is {type(value).__name__}: {value!r:.80}")


def _code(channel: Channel, number: int, sender: int, text: bytes) -> bytes:
    """Computes the authentication code of a text; JSON keeps what precedes it apart from it."""
    place = json.dumps([channel.session, key(number, sender), number, sender, channel.processes]).encode()
    return hmac.digest(channel.secret, place + b"\n" + text, "sha256")
