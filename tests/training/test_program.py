import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.training.program import _uses


def test_an_operation_is_found_however_deep_it_lies():
    def conv(inputs):
        return lax.conv(inputs, jnp.ones((1, 1, 3)), (1,), "SAME")

    def deep(inputs):
        body = jax.checkpoint(lambda carry, _: (jax.jit(conv)(carry), None))
        return lax.cond(True, lambda x: lax.scan(body, x, length=2)[0], lambda x: x, inputs).sum()

    inputs = jnp.ones((1, 1, 8))
    for function in (deep, jax.grad(deep)):
        assert _uses(jax.make_jaxpr(function)(inputs).jaxpr, "conv_general_dilated")
        assert not _uses(jax.make_jaxpr(function)(inputs).jaxpr, "dot_general")
