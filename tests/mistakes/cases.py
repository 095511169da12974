"""The 500 mistakes: experiment files and command lines, the same ones each time."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.mistakes.classes import FAMILIES
from tests.mistakes.files import FILES, FUNCTIONS, WORDS
from tests.mistakes.values import FIELDS, PARTS, SLOTS

COUNT = 500
HEADER = """
import dataclasses, math, os, sys, threading, time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxflow
from jaxflow import *

def toy():
    return Playground("xor", examples=40).load()

BASE = dict(
    data=Playground("xor", examples=40), model=MLP(hidden=(4,)), problem=Classification(),
    optimizer=Adam(), batch_size=8, epochs=1,
)
"""
CONFIG = "\ndef get_config():\n    return Experiment(**BASE | dict({}))\n"


@dataclass(frozen=True)
class Mistake:
    """A command line with a mistake in it, or in its experiment file.

    Attributes:
      name: family and number.
      what: the mistake alone.
      file: the experiment file.
      words: the command line.
    """

    name: str
    what: str
    file: bytes
    words: tuple[str, ...] = ("--config", "FILE")


def _value(field: str, value: str) -> bytes:
    return (HEADER + CONFIG.format(f"{field}={value}")).encode()


def _all() -> Iterator[Mistake]:
    for family, fields in (("slots", SLOTS), ("fields", FIELDS), ("parts", PARTS)):
        for field, values in fields.items():
            for value in values:
                yield Mistake(family, f"{field}={value}", _value(field, value))
    for family, (used, frame, bodies) in FAMILIES.items():
        for body in bodies:
            text = HEADER + frame.format(body) + CONFIG.format(used)
            yield Mistake(family, body, text.encode())
    for function in FUNCTIONS:
        yield Mistake("functions", function, (HEADER + function).encode())
    for file in FILES:
        yield Mistake("files", repr(file), file)
    for words in WORDS:
        yield Mistake("words", " ".join(words), _value("seed", "0"), tuple(words))


def mistakes() -> list[Mistake]:
    """Returns `COUNT` mistakes of every family, evenly: each family by its size."""
    every = list(_all())
    random.Random(12).shuffle(every)
    return every[:COUNT]
