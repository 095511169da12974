"""`python -m benchmarks.ops`: jaxflow's convolution and pooling beside lax's, shape by shape, in one process."""

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import jax
import jax.numpy as jnp

from jaxflow.models.layers import ops
from jaxflow.runtime.startup import tune_allocator

# batch, space, window, strides, channels, features
CONVOLUTIONS = (
    (32, (32, 32), (3, 3), 1, 3, 32),
    (32, (15, 15), (3, 3), 1, 32, 64),
    (32, (6, 6), (3, 3), 1, 64, 64),
    (128, (15, 15), (3, 3), 1, 32, 64),
    (32, (32, 32), (3, 3), 1, 64, 64),
    (32, (16, 16), (3, 3), 1, 128, 128),
    (32, (8, 8), (3, 3), 1, 256, 256),
    (8, (64, 64), (3, 3), 1, 64, 64),
    (4, (224, 224), (7, 7), 2, 3, 64),
    (32, (32, 32), (5, 5), 1, 16, 32),
    (32, (32, 32), (1, 1), 1, 64, 64),
    (32, (32, 32), (3, 3), 2, 64, 128),
    (32, (32, 32), (1, 1), 2, 64, 128),
    (32, (1000,), (3,), 1, 32, 32),
    (32, (1000,), (5,), 1, 64, 64),
    (32, (1000,), (9,), 1, 32, 32),
    (32, (1000,), (9,), 1, 128, 128),
    (4, (32, 32, 32), (3, 3, 3), 1, 8, 16),
    (4, (16, 16, 16), (3, 3, 3), 1, 32, 32),
)
# batch, space, window, channels
POOLINGS = (
    (32, (30, 30), 2, 32),
    (32, (13, 13), 2, 64),
    (32, (32, 32), 4, 64),
    (32, (1000,), 2, 32),
    (4, (32,) * 3, 2, 16),
)


def milliseconds(forms: dict[str, Callable], *arguments: jax.Array, rounds: int = 7) -> dict[str, float]:
    """Times forms of one function in turns.

    Args:
      forms: what is compared, by name.
      *arguments: what they are called with.
      rounds: turns of each.

    Returns:
      Medians, by name.
    """
    compiled = {name: jax.jit(form) for name, form in forms.items()}
    times: dict[str, list[float]] = {name: [] for name in forms}
    for function in compiled.values():
        jax.block_until_ready(function(*arguments))
    for _ in range(rounds):
        for name, function in compiled.items():
            marks = [time.perf_counter()]
            while len(marks) < 4 or marks[-1] - marks[0] < 0.05:
                jax.block_until_ready(function(*arguments))
                marks.append(time.perf_counter())
            times[name].append(median(after - before for before, after in pairwise(marks)) * 1e3)
    return {name: median(values) for name, values in times.items()}


def main() -> None:
    """Prints the tables."""
    tune_allocator()
    print("| convolution | lax | jaxflow | jaxflow is |\n| --- | --- | --- | --- |")
    key = jax.random.key(0)
    for batch, space, window, stride, channels, features in CONVOLUTIONS:
        inputs = jax.random.normal(key, (batch, *space, channels))
        kernel = jax.random.normal(key, (*window, channels, features))
        strides = (stride,) * len(space)

        def gradient(conv, strides=strides):
            return jax.grad(lambda x, k: jnp.square(conv(x, k, strides)).sum(), (0, 1))

        took = milliseconds(
            {
                "lax": gradient(lambda x, k, s: ops._lax_conv(x, k, s, "VALID")),
                "jaxflow": gradient(ops._conv),
            },
            inputs,
            kernel,
        )
        shape = f"{batch} x {'x'.join(map(str, space))} x {channels}, {'x'.join(map(str, window))} to {features}"
        print(row(shape + (f", stride {stride}" if stride > 1 else ""), took), flush=True)
    print("\n| max-pooling | lax | jaxflow | jaxflow is |\n| --- | --- | --- | --- |")
    for batch, space, window, channels in POOLINGS:
        inputs = jax.random.normal(key, (batch, *space, channels))
        windows = (window,) * len(space)

        def gradient(pool, windows=windows):
            return jax.grad(lambda x: jnp.square(pool(x, windows)).sum())

        took = milliseconds({"lax": gradient(ops._lax_max_pool), "jaxflow": gradient(ops._max_pool)}, inputs)
        print(row(f"{batch} x {'x'.join(map(str, space))} x {channels}, window {window}", took), flush=True)


def row(shape: str, took: dict[str, float]) -> str:
    """Writes one line of a table: milliseconds and their ratio."""
    return f"| {shape} | {took['lax']:.2f} ms | {took['jaxflow']:.2f} ms | x{took['lax'] / took['jaxflow']:.2f} |"


if __name__ == "__main__":
    main()
