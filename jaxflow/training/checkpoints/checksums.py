"""Digests of arrays, computed where the arrays lie: the same number for every sharding."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec


def checksums(tree: Any) -> dict[str, str]:
    """Computes a digest of every leaf of a tree.

    A changed element of up to four bytes changes its leaf's digest with certainty, any other damage but for one case in
    2^64.

    Args:
      tree: arrays of any dtype, random keys among them.

    Returns:
      16 hexadecimal digits by the leaf's path, such as "params/Dense_0/kernel".
    """
    leaves = _named_leaves(tree)
    mesh = next((leaf.sharding.mesh for leaf in leaves.values() if isinstance(leaf.sharding, NamedSharding)), None)
    # On every device, so that each of several processes can read them.
    digest_all = _compiled(None if mesh is None else NamedSharding(mesh, PartitionSpec()))
    pairs = jax.device_get(digest_all(list(leaves.values())))
    return {name: "".join(f"{int(word):08x}" for word in pair) for name, pair in zip(leaves, pairs)}


def leaf_specs(tree: Any) -> dict[str, list[Any]]:
    """Lists the dtype and the shape of every leaf by its path, as JSON holds them; the leaves may be abstract."""
    return {name: [str(leaf.dtype), list(leaf.shape)] for name, leaf in _named_leaves(tree).items()}


def _named_leaves(tree: Any) -> dict[str, jax.Array]:
    """Lists the leaves of a tree by path; random keys as the numbers that they are made of."""
    leaves = {}
    for path, leaf in jax.tree.leaves_with_path(tree):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.eval_shape(jax.random.key_data, leaf) if _is_abstract(leaf) else jax.random.key_data(leaf)
        leaves[jax.tree_util.keystr(path, simple=True, separator="/")] = leaf
    return leaves


def _is_abstract(leaf: Any) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)


@functools.cache
def _compiled(where: NamedSharding | None) -> Callable[[list[jax.Array]], list[jax.Array]]:
    # A digest is bound by memory: on CPU compiling it well takes longer than it can ever save.
    options = {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else None
    return jax.jit(lambda leaves: [_digest(leaf) for leaf in leaves], out_shardings=where, compiler_options=options)


def _digest(leaf: jax.Array) -> jax.Array:
    """Adds up a hash of each element's bits and position: sums do not care how the elements are spread over devices."""
    if leaf.dtype == jnp.bool_:
        leaf = leaf.astype(jnp.uint8)
    size = leaf.dtype.itemsize
    unsigned = {1: jnp.uint8, 2: jnp.uint16}.get(size, jnp.uint32)
    bits = lax.bitcast_convert_type(leaf, unsigned).astype(jnp.uint32)  # eight bytes become two elements
    position = jnp.zeros(bits.shape, jnp.uint32)
    for axis in range(bits.ndim):
        stride = np.uint32(math.prod(bits.shape[axis + 1 :]) % 2**32)
        position += lax.broadcasted_iota(jnp.uint32, bits.shape, axis) * stride
    first = _mix(bits ^ _mix(position))
    second = _mix(first ^ np.uint32(0x9E3779B9))
    return jnp.stack([first.sum(dtype=jnp.uint32), second.sum(dtype=jnp.uint32)])


def _mix(words: jax.Array) -> jax.Array:
    """Scatters the bits of 32-bit words; a bijection. Source: A. Appleby, MurmurHash3, its finaliser."""
    words = (words ^ (words >> 16)) * np.uint32(0x85EBCA6B)
    words = (words ^ (words >> 13)) * np.uint32(0xC2B2AE35)
    return words ^ (words >> 16)
