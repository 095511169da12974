"""Dispatches: several train steps sent to the devices at once, and no more of them in flight than a second's work."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import Jaxpr, subjaxprs

from jaxflow.training.parallel.compile import Compiled, parallelize_train_steps
from jaxflow.training.parallel.layout import Layout

# Work, in seconds, that may wait for the devices: a signal is answered when it is done.
MAX_SECONDS_IN_FLIGHT = 1.0


def multi_step(step: Callable[..., Any], layout: Layout, state: Any, loop: bool) -> Compiled:
    """Compiles several train steps for the devices of a layout.

    Args:
      step: jitted (state, totals, arguments, device_data, item) -> (state, totals, metrics).
      layout: the devices and the strategy.
      state: a state as it will be trained; only shapes and shardings matter.
      loop: whether the steps are one dispatch; otherwise they are dispatched one by one.

    Returns:
      (state, totals, arguments, device_data, items, count) -> (state, totals, metrics of the last step); `count` steps,
      one for each of the first items, (step, batch, ...). It reuses the state's memory.
    """
    if loop:

        def many(state: Any, totals: Any, arguments: Any, device_data: Any, items: Any, count: jax.Array) -> Any:
            def body(number: jax.Array, carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
                item = jax.tree.map(lambda leaf: leaf[number], items)
                return step(*carry[:2], arguments, device_data, item)

            # One program for any number of steps, so that how a run is cut into dispatches never shows in its bits.
            return jax.lax.fori_loop(0, count, body, (state, totals, totals))

        return parallelize_train_steps(many, layout, state, (None, None, None, None, 1, None))
    compiled = parallelize_train_steps(step, layout, state, (None, None, None, None, 0))

    def one_by_one(state: Any, totals: Any, arguments: Any, device_data: Any, items: Any, count: int) -> Any:
        last = totals
        for number in range(count):
            item = jax.tree.map(lambda leaf, number=number: leaf[number], items)
            state, totals, last = compiled(state, totals, arguments, device_data, item)
        return state, totals, last

    lower = compiled.lower
    return Compiled(one_by_one, lower and (lambda *given: lower(*given[:4], jax.tree.map(item_shape, given[4]))))


def item_shape(items: Any) -> jax.ShapeDtypeStruct:
    """Returns the shape of one step's inputs of the shape of several, (step, ...), where both lie on one device."""
    return jax.ShapeDtypeStruct(items.shape[1:], items.dtype, sharding=getattr(items, "sharding", None))


def may_loop(step: Callable[..., Any], layout: Layout, *arguments: Any) -> bool:
    """Returns whether several steps may be one dispatch: on CPU, lax's convolutions are five times slower in a loop.

    Args:
      step: as for `multi_step`.
      layout: the devices.
      *arguments: of the step, or their shapes.
    """
    if layout.devices[0].platform != "cpu":
        return True
    # jit keeps the trace and uses it again, so looking costs nothing.
    return layout.axis_name is None and not _uses(step.trace(*arguments).jaxpr.jaxpr, "conv_general_dilated")


def _uses(jaxpr: Jaxpr, primitive: str) -> bool:
    """Returns whether a program has an operation anywhere in it."""
    here = any(equation.primitive.name == primitive for equation in jaxpr.eqns)
    return here or any(_uses(inner, primitive) for inner in subjaxprs(jaxpr))


class InFlight:
    """Bounds the work that waits for the devices by time.

    JAX returns from a dispatch before it is done, so a loop runs far ahead of its devices: a signal would be answered
    when all of that is computed. At least one step is always in flight while the next one is dispatched.
    """

    def __init__(self, max_seconds: float = MAX_SECONDS_IN_FLIGHT) -> None:
        """Starts with nothing in flight and a speed that is not known."""
        self._max_seconds = max_seconds
        self._waiting: deque[tuple[jax.Array, int]] = deque()
        self._steps, self._seconds_per_step, self._ended = 0, float("inf"), time.monotonic()

    def add(self, output: jax.Array, steps: int) -> None:
        """Adds a dispatch, and waits for the oldest ones until what is in flight is no more than allowed.

        Args:
          output: an array of the dispatch that no later one takes the memory of.
          steps: how many steps the dispatch has.
        """
        if not self._waiting:
            self._ended = time.monotonic()
        self._waiting.append((output, steps))
        self._steps += steps
        while len(self._waiting) > 1 and self._steps * self._seconds_per_step > self._max_seconds:
            oldest, count = self._waiting.popleft()
            oldest.block_until_ready()
            now = time.monotonic()
            self._seconds_per_step, self._ended = (now - self._ended) / count, now
            self._steps -= count
