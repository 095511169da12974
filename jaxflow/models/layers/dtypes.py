"""Dtypes of arithmetic, by name; parameters are float32 whatever is chosen."""

from typing import Literal

Dtype = Literal["float32", "bfloat16", "float16"]
