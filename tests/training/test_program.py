import jax
import jax.numpy as jnp
import pytest
from jax import lax

import jaxflow
from jaxflow.data.dataset import Feature, Schema, Target
from jaxflow.training.program import _uses, assemble


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


@pytest.mark.parametrize(
    ("target", "problem", "has"),
    [
        (Target("number", ("price",)), jaxflow.Regression(), "numbers"),
        (Target("class", ("a", "b"), over=(6,)), jaxflow.Classification(), "a class for each place"),
    ],
)
def test_balanced_sampling_needs_a_class_for_each_example(target, problem, has):
    experiment = jaxflow.Experiment(None, jaxflow.MLP(), problem, jaxflow.Adam(), sampling="balanced")
    with pytest.raises(jaxflow.UserError, match=f"goes by each example's class, and the data has {has}; leave it"):
        assemble(experiment, Schema(Feature("vector", (3,), "float32"), target), [], 50)
