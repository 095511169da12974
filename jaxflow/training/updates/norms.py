"""Norms of a step, and its dead units: what tells a learning rate that is too large, or a gradient that vanishes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxflow.problems.running_metrics import Mean

NAMES = ("gradient_norm", "update_norm", "parameter_norm")


def norms_of(gradient: Any, before: Any, after: Any, frozen: Callable[[Any], Any] | None = None) -> dict[str, Mean]:
    """Returns the Euclidean norms of a step over all parameters, and `dead_units`, as metrics by name.

    Args:
      gradient: of the mean loss, like the parameters.
      before: the parameters before the step.
      after: those after it.
      frozen: params -> booleans like them, True for those whose gradient is not computed; None for none.
    """
    update = optax.tree.sub(after, before)
    values = [optax.tree.norm(tree) for tree in (gradient, update, after)]
    named = zip((*NAMES, "dead_units"), (*values, dead_units(gradient, frozen and frozen(before))))
    return {name: Mean.of(value[None], jnp.ones(1)) for name, value in named}


def dead_units(gradient: Any, frozen: Any = None) -> jax.Array:
    """Computes the fraction of units to which no row of the batch gives a gradient.

    A unit is an output of a layer with a "kernel". One whose ReLU is 0 for every row has a gradient of exactly 0, so
    that dead units show in the gradient, which is there already, and no activation need be kept. One that is off for
    other reasons counts too: behind a norm's scale of 0, as in a residual block before its first step.

    Args:
      gradient: of the mean loss, like the parameters.
      frozen: booleans like the gradient, True for what is frozen and not counted; None for none.

    Returns:
      Scalar float32; 0 where there are no such layers.
    """
    skip = jax.tree.leaves(frozen) if frozen is not None else [False] * len(jax.tree.leaves(gradient))
    kernels = [
        leaf
        for (path, leaf), off in zip(jax.tree.leaves_with_path(gradient), skip, strict=True)
        if not off and path and jax.tree_util.keystr(path[-1:], simple=True) == "kernel"
    ]
    dead = [(leaf == 0).all(axis=tuple(range(leaf.ndim - 1))).sum() for leaf in kernels]
    return jnp.float32(sum(dead)) / max(sum(leaf.shape[-1] for leaf in kernels), 1)
