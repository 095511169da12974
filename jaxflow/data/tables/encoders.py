"""Column encoders: what was fitted to the training rows of a table, and what turns any rows into features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jaxflow.data.dates import cyclic_phase, epoch_seconds
from jaxflow.data.numbers import PLAIN, NumberFormat, Transform, transformed
from jaxflow.data.reading.category_names import category_key
from jaxflow.data.tables.forms import Kind

# Stands for rare and unseen categories; no text in a file holds it.
OTHER = "\0"


@dataclass(frozen=True)
class NumberEncoder:
    """Fills in missing numbers, clips and scales.

    Attributes:
      name: the column.
      missing_fraction: fraction of the training rows where it was missing.
      fill: the value of a missing number.
      low: smallest value, smaller ones are clipped to it; None for no clipping.
      high: largest value, as `low`.
      shift: what is subtracted from a value.
      width: what the difference is divided by.
      indicator: whether a second feature is 1 where the number is missing.
      transform: what is done to numbers before they are scaled, as `Number.transform`.
      quantiles: those of the training rows, for transform "quantile".
      format: how the column's texts are written.
    """

    kind: ClassVar[str] = "number"
    cells: ClassVar[Kind] = "number"

    name: str
    missing_fraction: float
    fill: float
    low: float | None
    high: float | None
    shift: float
    width: float
    indicator: bool
    transform: Transform = "none"
    quantiles: tuple[float, ...] = ()
    format: NumberFormat = PLAIN

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return (self.name, f"{self.name}: missing") if self.indicator else (self.name,)

    def scale(self, values: np.ndarray) -> np.ndarray:
        """Fills in, clips, transforms and scales (rows,) float64, NaN where missing; returns float64."""
        filled = np.where(np.isnan(values), self.fill, values)
        if self.low is not None:
            filled = filled.clip(self.low, self.high)
        return (transformed(filled, self.transform, self.quantiles) - self.shift) / self.width

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Encodes (rows,) float64, NaN where missing, as (rows, features) float32."""
        scaled = self.scale(values)
        return np.stack([scaled, np.isnan(values)] if self.indicator else [scaled], -1).astype(np.float32)


@dataclass(frozen=True)
class DateEncoder:
    """Encodes a date as its day, scaled as a number is, and as a point on the circle of each period.

    Attributes:
      days: the encoder of days since 1970.
      periods: those of PERIODS in which the training rows differ.
      format: of the column's texts, as in datetime.strptime; empty for ISO 8601.
    """

    kind: ClassVar[str] = "date"
    cells: ClassVar[Kind] = "date"

    days: NumberEncoder
    periods: tuple[str, ...]
    format: str

    @property
    def name(self) -> str:
        """The column."""
        return self.days.name

    @property
    def missing_fraction(self) -> float:
        """Fraction of the training rows where the date was missing."""
        return self.days.missing_fraction

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        circles = (f"{self.name}: {wave} of {period}" for period in self.periods for wave in ("sine", "cosine"))
        return (*self.days.names, *circles)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Encodes (rows,) datetime64[s], NaT where missing, as (rows, features) float32."""
        seconds = epoch_seconds(values)
        angles = [cyclic_phase(seconds, period) * 2 * np.pi for period in self.periods]
        circles = [np.where(np.isnan(angle), 0.0, wave(angle)) for angle in angles for wave in (np.sin, np.cos)]
        days = self.days.encode(seconds / 86_400)
        return np.concatenate([days, *(circle[:, None] for circle in circles)], -1).astype(np.float32)


@dataclass(frozen=True)
class CategoryEncoder:
    """What the encoders of categories share.

    Attributes:
      name: the column.
      missing_fraction: fraction of the training rows where it was missing.
      categories: those that are told apart; all others are rare or unknown.
      fill: the category of a missing value; the empty text is a category like others.
    """

    cells: ClassVar[Kind] = "category"

    name: str
    missing_fraction: float
    categories: tuple[str, ...]
    fill: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return (self.name,)

    def indices(self, values: np.ndarray) -> np.ndarray:
        """Returns the category indices of (rows,) strings, None where missing: (rows,) int64, -1 for any other."""
        keys = {value: category_key(value) for value in set(values) - {None}}
        categories = list(map(category_key, self.categories))
        same = np.array([None if value is None else keys[value] for value in values], object)
        known = map_unknown(same, categories, category_key(self.fill))
        index_of = {name: index for index, name in enumerate(categories)}
        return np.array([index_of.get(name, -1) for name in known], int)


@dataclass(frozen=True)
class OneHotEncoder(CategoryEncoder):
    """Encodes a category as a feature of its own that is 1, all others 0.

    Attributes:
      other: whether a last feature is 1 for categories that are rare or unknown; without it all features are 0.
    """

    kind: ClassVar[str] = "onehot"

    other: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        known = (f"{self.name} = {category or 'missing'}" for category in self.categories)
        return (*known, f"{self.name} = other") if self.other else tuple(known)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Encodes (rows,) strings, None where missing, as (rows, features) float32."""
        index, size, columns = self.indices(values), len(self.categories), len(self.names)
        return np.eye(columns + 1, dtype=np.float32)[np.where(index < 0, size, index), :columns]


@dataclass(frozen=True)
class OrdinalEncoder(CategoryEncoder):
    """Encodes a category as its rank, from 0 for the first to 1 for the last."""

    kind: ClassVar[str] = "ordinal"

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Encodes (rows,) strings, None where missing, as (rows, 1) float32."""
        return (self.indices(values) / max(len(self.categories) - 1, 1)).astype(np.float32)[:, None]


@dataclass(frozen=True)
class IndexEncoder(CategoryEncoder):
    """Encodes a category as its index from 1, for a model that embeds it; 0 is what is rare or unknown."""

    kind: ClassVar[str] = "index"

    @property
    def cardinality(self) -> int:
        """Number of different indices, 0 included."""
        return len(self.categories) + 1

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Encodes (rows,) strings, None where missing, as (rows, 1) float32."""
        return (self.indices(values) + 1).astype(np.float32)[:, None]


@dataclass(frozen=True)
class TargetEncoder(CategoryEncoder):
    """Encodes a category as the mean of the target among its training rows, shrunk towards the mean of all.

    Attributes:
      means: for each feature (one of a number or of two classes, else one a class), the mean of each category.
      overall_means: for each feature the mean of all training rows, for categories that are unknown.
    """

    kind: ClassVar[str] = "target"

    means: tuple[tuple[float, ...], ...]
    overall_means: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        count = len(self.means)
        return tuple(f"{self.name}: target" + (f" {index}" if count > 1 else "") for index in range(count))

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Encodes (rows,) strings, None where missing, as (rows, features) float32."""
        index, means, unseen = self.indices(values), np.array(self.means), np.array(self.overall_means)
        return np.where(index >= 0, means[:, index], unseen[:, None]).T.astype(np.float32)


Encoder = NumberEncoder | DateEncoder | OneHotEncoder | OrdinalEncoder | IndexEncoder | TargetEncoder


def map_unknown(values: np.ndarray, categories: Sequence[str], fill: str) -> np.ndarray:
    """Replaces categories that are not known by OTHER.

    Args:
      values: (rows,) strings, None where missing.
      categories: those that are known.
      fill: the category of a missing value.

    Returns:
      (rows,) strings.
    """
    known = set(categories)
    return np.array([name if name in known else OTHER for name in fill_missing(values, fill)], dtype=object)


def fill_missing(values: np.ndarray, fill: str) -> np.ndarray:
    """Replaces None in (rows,) strings by `fill`."""
    return np.array([fill if value is None else str(value) for value in values], dtype=object)
