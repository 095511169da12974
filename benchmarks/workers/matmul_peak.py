"""The machine's matrix rate through XLA: a large product, all cores. Counts floating-point operations.

Argument: dtype (float32 where there is none).
"""

import sys

import jax
import jax.numpy as jnp

from benchmarks.workers.protocol import serve

DTYPE = sys.argv[1] if len(sys.argv) > 1 else "float32"
SIZE = 2048 if jax.default_backend() == "cpu" else 8192
left = jax.random.normal(jax.random.key(0), (SIZE, SIZE)).astype(DTYPE)
product = jax.jit(jnp.dot)


def work(calls):
    for _ in range(calls):
        out = product(left, left)
    out.block_until_ready()


serve(work, 2 * SIZE**3)
