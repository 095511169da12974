"""Hyperparameters are arguments of the program: runs that differ in numbers alone share one executable.

An experiment is split into its structure (classes, widths, names, what is switched on) and the values of its numbers,
one float32 vector. A program is compiled for the structure and takes the vector; inside the trace the numbers are put
back into the objects that they came from, so that no code needs to know. A number that is off (0 or None) is structure:
what it would do is left out of the program.

The floats that jaxflow's own classes declare are arguments. A class of the user's own may ask Python what its numbers
are, in a branch or for a width, so they are structure, unless its fields are marked.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Marks a field that is a hyperparameter: an integer, or a float of a class that is not jaxflow's; or that has some, as
# (name, value) pairs.
HYPERPARAMETER = {"hyperparameter": True}
# Marks a hyperparameter of which code computes 1 - x. In float32 that would lose digits (1 - 0.999 all but four), so
# the difference is computed on the host, in float64, and handed over beside the number.
COMPLEMENT = {"hyperparameter": True, "complement": True}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Complemented:
    """A traced number that knows 1 - itself to the last bit; otherwise it counts as the number.

    Where Python itself asks for its value (in a branch, say), the answer is that of a traced number: an error.

    Attributes:
      value: scalar float32.
      complement: scalar float32, 1 - value as float64 has it, rounded once.
    """

    value: jax.Array
    complement: jax.Array

    def __rsub__(self, other: Any) -> jax.Array:
        return self.complement if isinstance(other, int | float) and other == 1 else other - self.value

    def __sub__(self, other: Any) -> jax.Array:
        return self.value - other

    def __mul__(self, other: Any) -> jax.Array:
        return self.value * other

    def __rmul__(self, other: Any) -> jax.Array:
        return other * self.value

    def __add__(self, other: Any) -> jax.Array:
        return self.value + other

    __radd__ = __add__

    def __neg__(self) -> jax.Array:
        return -self.value

    def __truediv__(self, other: Any) -> jax.Array:
        return self.value / other

    def __rtruediv__(self, other: Any) -> jax.Array:
        return other / self.value

    def __eq__(self, other: object) -> Any:
        return self.value == other

    def __lt__(self, other: Any) -> jax.Array:
        return self.value < other

    def __le__(self, other: Any) -> jax.Array:
        return self.value <= other

    def __gt__(self, other: Any) -> jax.Array:
        return self.value > other

    def __ge__(self, other: Any) -> jax.Array:
        return self.value >= other

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __pow__(self, other: Any) -> jax.Array:
        return self.value ** jnp.asarray(other, self.value.dtype)  # as the power of a constant is computed

    def __jax_array__(self) -> jax.Array:
        return self.value


@dataclasses.dataclass(frozen=True)
class Argument:
    """Stands in a structure for a number that the program takes as an argument.

    Attributes:
      complement: whether 1 - x is handed over beside it.
    """

    complement: bool = False


def split(value: Any) -> tuple[Any, np.ndarray]:
    """Splits a value into its structure and the numbers that a program of it takes.

    Args:
      value: an experiment, or a part of one: dataclasses, tuples of them.

    Returns:
      The structure, equal for values that differ in numbers alone, and the numbers, (arguments,) float32.
    """
    numbers: list[float] = []

    def take(number: float, complement: bool) -> Argument:
        numbers.extend((number, 1 - number) if complement else (number,))
        return Argument(complement)

    structure = _replaced(value, lambda name, number, mark: take(number, mark))
    return structure, np.array(numbers, np.float64).astype(np.float32)


def join(structure: Any, numbers: jax.Array) -> Any:
    """Inserts numbers into a structure, inside a trace.

    Args:
      structure: from `split`.
      numbers: (arguments,) float32, as `split` returns them; may be traced.

    Returns:
      The value that was split, with traced scalars for its numbers.
    """
    following: Iterator[jax.Array] = (numbers[position] for position in range(len(numbers)))

    def put(name: str, argument: Any, mark: bool) -> Any:
        if not isinstance(argument, Argument):
            return argument
        number = next(following)
        return Complemented(number, next(following)) if argument.complement else number

    return _replaced(structure, put)


def names_of(value: Any) -> list[str]:
    """Lists the dotted names of the numbers that `split` takes out of a value, in their order."""
    names: list[str] = []
    _replaced(value, lambda name, number, mark: names.append(name) or number)
    return names


def arguments_of(structure: Any) -> list[Argument]:
    """Lists the placeholders of a structure, in their order; one with a complement takes two numbers."""
    found: list[Argument] = []
    _replaced(structure, lambda name, argument, mark: found.append(argument) or argument)
    return [argument for argument in found if isinstance(argument, Argument)]


def count_arguments(structure: Any) -> int:
    """Returns how many numbers a structure takes."""
    return sum(1 + argument.complement for argument in arguments_of(structure))


def _replaced(value: Any, new: Callable[[str, Any, bool], Any], prefix: str = "") -> Any:
    """Rebuilds a value with `new(name, number, complement)` for each of its hyperparameters."""
    if isinstance(value, tuple) and any(dataclasses.is_dataclass(part) for part in value):
        return tuple(_replaced(part, new, f"{prefix}.{index}") for index, part in enumerate(value))
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    changed = {}
    for field in filter(lambda field: field.init, dataclasses.fields(value)):
        before, name = getattr(value, field.name, None), f"{prefix}.{field.name}" if prefix else field.name
        if isinstance(before, Argument) or _is_hyperparameter(type(value), field, before):
            after = new(name, before, field.metadata.get("complement", False))
        elif isinstance(before, tuple) and field.metadata.get("hyperparameter"):
            after = _replaced_pairs(before, new, name, field.metadata.get("complement", False))
        else:
            after = _replaced(before, new, name)
        if after is not before:
            changed[field.name] = after
    return dataclasses.replace(value, **changed) if changed else value


def _replaced_pairs(pairs: tuple, new: Callable[[str, Any, bool], Any], name: str, complement: bool) -> tuple:
    """Rebuilds (name, value) pairs with `new(name, number, complement)` for each float that is not 0."""
    return tuple(
        (key, new(f"{name}.{key}", value, complement))
        if isinstance(value, Argument) or (isinstance(value, float) and value != 0)
        else (key, value)
        for key, value in pairs
    )


def _is_hyperparameter(kind: type, field: dataclasses.Field, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or value == 0:
        return False
    marked = field.metadata.get("hyperparameter")
    return isinstance(value, float) and _declared_by_jaxflow(kind, field) if marked is None else marked


def _declared_by_jaxflow(kind: type, field: dataclasses.Field) -> bool:
    """Returns whether a class of jaxflow's declares a field, though a class derived from it may do so again."""
    bases = (base for base in kind.__mro__ if base.__module__.startswith("jaxflow."))
    return any(field.name in vars(base).get("__annotations__", {}) for base in bases)
