"""The machine's float32 matrix rate through XLA: a large product, all cores. Counts floating-point operations."""

import jax
import jax.numpy as jnp

from benchmarks.workers.protocol import serve

SIZE = 2048
left = jax.random.normal(jax.random.key(0), (SIZE, SIZE))
product = jax.jit(jnp.dot)


def work(calls):
    for _ in range(calls):
        out = product(left, left)
    out.block_until_ready()


serve(work, 2 * SIZE**3)
