"""The exchange, with a coordinator that a stranger writes to: values arrive as they were sent, or not at all."""

import itertools
import json
import threading
import time

import jax
import pytest

from jaxflow.errors import UserError
from jaxflow.runtime import exchange as module
from jaxflow.runtime.exchange import exchange
from jaxflow.runtime.messages import ForgedError


class Coordinator:
    """What JAX's coordinator does with keys, on a dict; each thread is a process."""

    def __init__(self):
        self.held, self.changed = {}, threading.Condition()

    def key_value_set_bytes(self, key, value, allow_overwrite=False):
        with self.changed:
            if key in self.held and not allow_overwrite:
                raise jax.errors.JaxRuntimeError(f"ALREADY_EXISTS: key {key} already exists.")
            self.held[key] = value
            self.changed.notify_all()

    def blocking_key_value_get_bytes(self, key, milliseconds):
        with self.changed:
            if not self.changed.wait_for(lambda: key in self.held, milliseconds / 1000):
                raise jax.errors.JaxRuntimeError(f"DEADLINE_EXCEEDED: GetKeyValue() timed out with key: {key}")
            return self.held[key]

    def key_value_try_get_bytes(self, key):
        if key not in self.held:
            raise jax.errors.JaxRuntimeError(f"NOT_FOUND: Config key {key} not found.")
        return self.held[key]


SECRET = b"known to two alone"


class Numbers(threading.local):
    """Each thread's own count, as each process has one."""

    def __init__(self):
        self.count = itertools.count()

    def __next__(self):
        return next(self.count)


class Sent(threading.local):
    """Each thread's own list."""

    def __init__(self):
        self.messages = []

    def append(self, message):
        self.messages.append(message)

    def __iter__(self):
        return iter(self.messages)


@pytest.fixture
def processes(monkeypatch):
    """Runs two processes, as threads with one coordinator, and returns the result or the error of each."""
    coordinator, local, secrets = Coordinator(), threading.local(), {0: SECRET, 1: SECRET}
    open_channel = module._channel.__wrapped__

    def channel():
        if not hasattr(local, "channel"):
            local.channel = open_channel()
        return local.channel

    monkeypatch.setattr(module, "coordinator_client", lambda: coordinator)
    monkeypatch.setattr(module, "take_secret", lambda file, environment: secrets[local.index])
    monkeypatch.setattr(module, "LOOK_TIMEOUT_MS", 50)
    monkeypatch.setattr(module, "PEER_TIMEOUT_S", 2)
    monkeypatch.setattr(module, "_channel", channel)
    monkeypatch.setattr(module, "_numbers", Numbers())
    monkeypatch.setattr(module, "_sent", Sent())
    monkeypatch.setattr(module, "_secrets", [])
    monkeypatch.setattr(jax, "process_index", lambda: local.index)
    monkeypatch.setattr(jax, "process_count", lambda: 2)

    def run(*acts):
        results = [None, None]

        def one(index):
            local.index = index
            try:
                results[index] = acts[index]()
            except Exception as error:
                results[index] = error

        threads = [threading.Thread(target=one, args=(index,)) for index in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        return results

    run.coordinator, run.secrets = coordinator, secrets
    return run


def test_values_and_errors_arrive(processes):
    def act():
        one = exchange("f", {"index": jax.process_index()}, None)
        two = exchange("g", None, UserError("no") if jax.process_index() else None)
        return one, [(value, str(error)) for value, error in two]

    expected = [({"index": 0}, None), ({"index": 1}, None)], [(None, "None"), (None, "no")]
    assert processes(act, act) == [expected, expected]
    assert not any(SECRET in value for value in processes.coordinator.held.values())


def test_what_cannot_be_sent_is_an_error_of_all(processes):
    def act():
        return [str(error)[:60] for _, error in exchange("f", {1: 2} if jax.process_index() == 0 else 3, None)]

    said = "TypeError: processes exchange what JSON can hold, and this i"
    assert processes(act, act) == [[said, "None"]] * 2


def attacked(processes, attack):
    """Two processes that exchange three times, and a stranger who acts before the second."""
    reached = threading.Barrier(2, action=lambda: attack(processes.coordinator.held))

    def act():
        got = []
        for turn in range(3):
            if turn == 1:
                reached.wait(5)
            got.append(exchange("f", [turn, jax.process_index()], None))
        return got

    return processes(act, act)


def held_after(turn, process):
    return f"jaxflow/{turn + 1}/{process}"  # the first exchange opens the channel


ATTACKS = {
    "a pickle, ahead": lambda held: held.update({held_after(1, 1): b"cos\nsystem\n(S'touch /tmp/owned'\ntR."}),
    "nothing, ahead": lambda held: held.update({held_after(1, 0): b""}),
    "an earlier value": lambda held: held.update({held_after(1, 1): held[held_after(0, 1)]}),
    "a value of another": lambda held: held.update({held_after(1, 1): held[held_after(0, 0)]}),
    "JSON without a code": lambda held: held.update({held_after(1, 0): json.dumps({"call": "f"}).encode()}),
    "a very long one": lambda held: held.update({held_after(1, 0): b"x" * 10**7}),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_stranger_changes_no_value(name, processes):
    results = attacked(processes, ATTACKS[name])
    said = [str(result) for result in results if isinstance(result, ForgedError)]
    assert said  # the other waits for a message that never comes, and is ended with this one
    assert all("someone else writes to the coordinator" in line and "\n" not in line for line in said)
    assert not any(isinstance(result, list) for result in results)


def test_a_message_that_is_removed_is_missed(processes):
    """Process 1 is late, and what process 0 sent is gone when it comes."""

    def first():
        return exchange("f", 1, None)

    def second():
        module._channel()
        while held_after(0, 0) not in processes.coordinator.held:
            time.sleep(0.001)
        del processes.coordinator.held[held_after(0, 0)]
        time.sleep(0.3)
        return exchange("f", 2, None)

    results = processes(first, second)
    assert isinstance(results[0], ForgedError)
    assert "what this process sent is not what the coordinator holds" in str(results[0])


def test_nothing_of_an_earlier_launch_verifies(processes):
    undisturbed = attacked(processes, lambda held: None)
    assert undisturbed[0] == undisturbed[1] == [[([turn, index], None) for index in (0, 1)] for turn in range(3)]
    earlier = dict(processes.coordinator.held)
    processes.coordinator.held.clear()
    results = attacked(processes, lambda held: held.update({held_after(1, 1): earlier[held_after(1, 1)]}))
    assert isinstance(results[0], ForgedError)


def test_processes_with_different_secrets_say_so(processes):
    processes.secrets[1] = b"another"
    for result in processes(*[lambda: exchange("f", 1, None)] * 2):
        assert "the processes have different secrets" in str(result)


def test_processes_without_a_secret_are_warned_of_once(processes, said):
    processes.secrets.update({0: b"", 1: b""})
    act = lambda: [exchange("f", turn, None) for turn in range(2)]  # noqa: E731
    assert processes(act, act)[0] == [[(0, None)] * 2, [(1, None)] * 2]
    assert said().count("the processes have no secret") == 1


def test_a_fault_of_the_coordinator_is_not_a_strangers(processes, monkeypatch):
    def broken(*arguments):
        raise jax.errors.JaxRuntimeError("UNAVAILABLE: no connection")

    monkeypatch.setattr(processes.coordinator, "key_value_set_bytes", broken)
    assert [str(result) for result in processes(*[lambda: exchange("f", 1, None)] * 2)] == [
        "UNAVAILABLE: no connection"
    ] * 2
