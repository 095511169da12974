"""Compiles steps for the devices of a layout, the only file with pmap. Every strategy computes the same numbers.

On one device a step is plain jit. On several, each device runs the same program on its share of the batch, while state
and metrics stay replicated and have no device axis; a step sums over the axis AXIS whatever it reduces. With fsdp the
train state's leaves are divided too: only the model's parameters are gathered, for as long as the gradient needs them.

On several processes each hands over the rows of its local devices, and results are arrays over all devices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jax.experimental import multihost_utils
from jax.sharding import PartitionSpec

from jaxflow.training.parallel.layout import AXIS, Layout


@dataclass(frozen=True)
class Compiled:
    """A function compiled for the devices of a layout, at its first call.

    Attributes:
      run: the function.
      lower: takes the same arguments, or shapes in the place of arrays, and returns what is ready to be compiled; what
        is compiled of it is not compiled again by the call. None for pmap on several processes, which takes no shapes.
    """

    run: Callable[..., Any]
    lower: Callable[..., jax.stages.Lowered] | None

    def __call__(self, *arguments: Any) -> Any:
        """Runs the function."""
        return self.run(*arguments)


def parallelize(
    step: Callable[..., Any],
    layout: Layout,
    in_axes: Sequence[int | None] = (None, 0),
    out_axes: Sequence[int | None] = (None, None),
    donate: Sequence[int] = (),
) -> Compiled:
    """Compiles a step for the devices of a layout: whole batches in, whole results out.

    The defaults are those of a train step, (state, batch) -> (state, metrics). On several virtual CPU devices each
    call waits for its results: with more in flight, XLA's in-process collectives can starve each other for ever.

    Args:
      step: pure function of the local share of its batched arguments; reduces over `layout.axis_name` what it returns
        unbatched. (What it forgot to reduce would silently be one device's own.)
      layout: the devices and the strategy.
      in_axes: for each argument the batch axis of its leaves, which is divided, or None if it is replicated.
      out_axes: the same for each output.
      donate: arguments whose memory the step may reuse.

    Returns:
      The compiled step. It takes this process's rows of batches and returns whole results.
    """
    if layout.axis_name is None:
        compiled = jax.jit(step, donate_argnums=tuple(donate))
        return Compiled(compiled, compiled.lower)
    if layout.strategy == "pmap":
        return _blocking(_pmapped(step, layout, in_axes, out_axes, donate), layout)
    compiled = jax.jit(_shard_mapped(step, layout, in_axes, tuple(out_axes)), donate_argnums=tuple(donate))
    return _blocking(_from_local_rows(compiled, layout, in_axes), layout)


def map_gradients(gradient_step: Callable[..., Any], layout: Layout) -> Callable[..., Any]:
    """Maps the first half of a train step alone over the devices, where the state is sharded.

    The second half is then no device's own: the compiler divides it as the state is divided.

    Args:
      gradient_step: (state, batch) -> gradients summed over all devices, from a device's share of the batch.
      layout: the devices and the strategy.

    Returns:
      The same function of a whole batch with fsdp; otherwise `gradient_step` as it is.
    """
    if not layout.shards_state:
        return gradient_step
    mapped = _shard_mapped(gradient_step, layout, (None, 0), None)
    # What the gradient does not need is not gathered.
    return lambda state, batch: mapped(state.replace(opt_state=(), ema=None), batch)


def parallelize_train_steps(
    step: Callable[..., Any], layout: Layout, state: Any, in_axes: Sequence[int | None]
) -> Compiled:
    """Compiles a function that takes one or more train steps.

    Args:
      step: (state, totals, ...) -> (state, totals, metrics); its first half is mapped by `map_gradients`.
      layout: the devices and the strategy.
      state: a state as it will be trained; its values do not matter.
      in_axes: as for `parallelize`.

    Returns:
      The compiled function; it reuses the state's memory.
    """
    if not layout.shards_state:
        return parallelize(step, layout, in_axes, (None, None, None), donate=(0,))
    divided = jax.tree.map(layout.sharding, state)
    rest = [layout.replicated if axis is None else layout.batch_sharding(axis) for axis in in_axes[1:]]
    compiled = jax.jit(
        step,
        donate_argnums=0,
        in_shardings=(divided, *rest),
        out_shardings=(divided, layout.replicated, layout.replicated),
    )
    return _blocking(_from_local_rows(compiled, layout, in_axes), layout)


def _blocking(compiled: Compiled, layout: Layout) -> Compiled:
    if layout.devices[0].platform != "cpu":
        return compiled
    # Several virtual CPU devices share one thread pool: steps in flight can starve each other's all-reduce for ever.
    return Compiled(lambda *arguments: jax.block_until_ready(compiled(*arguments)), compiled.lower)


def _from_local_rows(compiled: jax.stages.Wrapped, layout: Layout, in_axes: Sequence[int | None]) -> Compiled:
    """Builds arrays over all devices of what each process has of the batched arguments."""
    if layout.processes == 1:
        return Compiled(compiled, compiled.lower)

    def whole(argument: Any, axis: int | None) -> Any:
        return (
            argument if axis is None else jax.make_array_from_process_local_data(layout.batch_sharding(axis), argument)
        )

    def whole_shapes(argument: Any, axis: int | None) -> Any:
        if axis is None:
            return argument
        where = layout.batch_sharding(axis)

        def whole_shape(leaf: Any) -> jax.ShapeDtypeStruct:
            shape = (*leaf.shape[:axis], leaf.shape[axis] * layout.processes, *leaf.shape[axis + 1 :])
            return jax.ShapeDtypeStruct(shape, leaf.dtype, sharding=where)

        return jax.tree.map(whole_shape, argument)

    return Compiled(
        lambda *arguments: compiled(*map(whole, arguments, in_axes)),
        lambda *arguments: compiled.lower(*map(whole_shapes, arguments, in_axes)),
    )


def _shard_mapped(step, layout, in_axes, out_axes):
    def specs(axes):
        if isinstance(axes, tuple):
            return tuple(map(specs, axes))
        return PartitionSpec() if axes is None else PartitionSpec(*[None] * axes, AXIS)

    # check_vma=False: with the default, the transpose of a replicated parameter sums over devices by itself, and the
    # step's own psum would then count every gradient once per device.
    return jax.shard_map(
        step, mesh=layout.mesh, in_specs=specs(tuple(in_axes)), out_specs=specs(out_axes), check_vma=False
    )


def _pmapped(step, layout, in_axes, out_axes, donate):
    count = len(layout.devices) // layout.processes
    mapped = jax.pmap(
        step,
        axis_name=AXIS,
        in_axes=tuple(in_axes),
        out_axes=tuple(out_axes),
        devices=layout.devices,
        donate_argnums=tuple(donate),
    )

    def divide(leaf: Any, axis: int) -> Any:
        shape = leaf.shape
        return leaf.reshape(
            *shape[:axis], count, -1, *shape[axis + 1 :]
        )  # (..., batch, ...) -> (..., device, row, ...)

    def join(leaf: Any, axis: int) -> Any:
        shape = leaf.shape
        return leaf.reshape(*shape[:axis], -1, *shape[axis + 2 :])  # (..., device, row, ...) -> (..., batch, ...)

    def over(change: Callable[..., Any], trees: Sequence[Any], axes: Sequence[int | None]) -> tuple[Any, ...]:
        return tuple(
            tree if axis is None else jax.tree.map(lambda leaf, axis=axis: change(leaf, axis), tree)
            for tree, axis in zip(trees, axes)
        )

    def whole(outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        # On several processes pmap gives each its own devices' arrays: they are put together, not copied.
        specs = [PartitionSpec() if axis is None else layout.batch_sharding(axis).spec for axis in out_axes]
        return tuple(
            multihost_utils.host_local_array_to_global_array(output, layout.mesh, spec)
            for output, spec in zip(outputs, specs)
        )

    def run(*arguments: Any) -> tuple[Any, ...]:
        outputs = mapped(*over(divide, arguments, in_axes))
        return over(join, whole(outputs) if layout.processes > 1 else outputs, out_axes)

    def shape_of(leaf: Any, axis: int) -> jax.ShapeDtypeStruct:
        return jax.eval_shape(lambda array: divide(array, axis), leaf)

    if layout.processes > 1:
        return Compiled(run, None)
    return Compiled(run, lambda *arguments: mapped.lower(*over(shape_of, arguments, in_axes)))
