"""Work in flight is bounded by time."""

import pytest

from jaxflow.training.parallel import dispatch
from jaxflow.training.parallel.dispatch import InFlight


class Device:
    """Does dispatches one after the other, each for some seconds; its clock runs where somebody waits for it."""

    def __init__(self, seconds_per_step):
        self.seconds_per_step, self.now, self.free, self.most, self.undone = seconds_per_step, 0.0, 0.0, 0, []

    def dispatch(self, steps):
        self.now += 1e-4  # what the host needs
        self.free = max(self.free, self.now) + steps * self.seconds_per_step
        return Output(self, self.free)

    def monotonic(self):
        return self.now


class Output:
    def __init__(self, device, ready):
        self.device, self.ready = device, ready

    def block_until_ready(self):
        self.device.now = max(self.device.now, self.ready)


@pytest.mark.parametrize(
    ("seconds_per_step", "steps", "bound"),
    [(2.0, 1, 4.0), (0.3, 1, 1.3), (0.01, 10, 1.2), (1e-5, 64, 1.1)],
)
def test_no_more_than_a_second_of_work_is_in_flight(seconds_per_step, steps, bound, monkeypatch):
    device, in_flight = Device(seconds_per_step), InFlight()
    monkeypatch.setattr(dispatch.time, "monotonic", device.monotonic)
    ahead = []
    for _ in range(100):
        in_flight.add(device.dispatch(steps), steps)
        ahead.append(device.free - device.now)
    assert max(ahead) <= bound
    if seconds_per_step * steps > 1e-3:  # the device is never idle
        assert device.free == pytest.approx(100 * steps * seconds_per_step, rel=1e-3)
