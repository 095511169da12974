"""Columns of a table as numbers: imputed, scaled, one-hot or target-encoded as the training rows alone decide.

What a column was fitted to is a dict that JSON holds; with it any other rows are encoded in the same way.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from jaxflow.errors import UserError

# Stands for rare and unseen categories; no text in a file holds it.
OTHER = "\0"


@dataclass(frozen=True)
class Number:
    """A column of numbers: missing ones are filled in, and the result is scaled."""

    name: str = ""
    """The column; empty where this says how all columns of numbers are encoded."""
    impute: Literal["median", "mean", "mode", "constant"] = "median"
    """What is filled in for a missing number."""
    constant: float = 0.0
    """What is filled in with impute "constant"."""
    indicator: bool = True
    """Whether a further column says where numbers were missing, if any are in the training rows."""
    clip: float = 0.0
    """Share of the training rows beyond which numbers are clipped, at either end; 0 for no clipping."""
    scale: Literal["standard", "minmax", "robust", "none"] = "standard"
    """To mean 0 and deviation 1; to [0, 1]; to median 0 and quartiles one apart; or not at all."""

    def __post_init__(self) -> None:
        if not 0 <= self.clip < 0.5:
            raise UserError(f"clip is {self.clip}; it must be a share in [0, 0.5)")

    def fit(self, values: np.ndarray) -> dict[str, Any]:
        """Fits to (rows,) float64 training values, NaN where missing."""
        known = values[~np.isnan(values)]
        if len(known) == 0:
            raise UserError(f"column {self.name} has no number in the training rows; leave it out with drop")
        low, high = np.quantile(known, (self.clip, 1 - self.clip)) if self.clip else (None, None)
        known = known if low is None else known.clip(low, high)
        middles = {"median": np.median, "mean": np.mean, "mode": _mode, "constant": lambda _: self.constant}
        fill = float(middles[self.impute](known))
        filled = np.where(np.isnan(values), fill, values if low is None else values.clip(low, high))
        quartiles = np.quantile(filled, (0.25, 0.75))
        shift, width = {
            "standard": (filled.mean(), filled.std()),
            "minmax": (filled.min(), np.ptp(filled)),
            "robust": (np.median(filled), quartiles[1] - quartiles[0]),
            "none": (0.0, 1.0),
        }[self.scale]
        return {
            "name": self.name,
            "kind": "number",
            "fill": fill,
            "low": None if low is None else float(low),
            "high": None if high is None else float(high),
            "shift": float(shift),
            "width": float(width) or 1.0,  # what does not vary becomes 0
            "indicator": bool(self.indicator and np.isnan(values).any()),
            "missing": float(np.isnan(values).mean()),
        }


@dataclass(frozen=True)
class Category:
    """A column of categories. A category that training never saw counts as the rare ones do."""

    name: str = ""
    """The column; empty where this says how all columns of categories are encoded."""
    encode: Literal["onehot", "ordinal", "target"] = "onehot"
    """One column for each category; its place in the order, in [0, 1]; or the mean of the target among its rows,
    shrunk towards the mean of all, which suits columns of many categories."""
    order: tuple[str, ...] = ()
    """The categories from low to high, for "ordinal"; empty takes them as they sort."""
    min_count: int = 1
    """Categories with fewer training rows are rare: they share one."""
    most: int = 50
    """How many categories are kept apart; the least frequent are rare."""

    def __post_init__(self) -> None:
        if self.min_count < 1 or self.most < 1:
            raise UserError(f"min_count is {self.min_count} and most is {self.most}; they must be 1 or more")

    def fit(self, values: np.ndarray) -> dict[str, Any]:
        """Fits to (rows,) training values, strings or None where missing; "target" has a function of its own."""
        names, counts = np.unique(_named(values), return_counts=True)
        frequent = sorted(zip(-counts, names))[: self.most]
        kept = sorted(str(name) for count, name in frequent if -count >= self.min_count)
        if self.encode == "ordinal":
            strange = set(kept) - set(self.order) - {""} if self.order else ()
            if strange:
                raise UserError(f"column {self.name} holds {min(strange)!r}, which its order does not name")
            kept = list(self.order) or sorted(kept, key=natural_order)
        return {
            "name": self.name,
            "kind": self.encode,
            "categories": kept,
            "other": self.encode == "onehot" and len(kept) < len(names),
            "missing": _missing(values),
        }


@dataclass(frozen=True)
class Date:
    """A column of dates: days, scaled as a number, and the places in the year, the week and the day.

    Places are points on circles, so that December lies beside January; circles on which nothing moves are left out.
    """

    name: str = ""
    """The column; empty where this says how all columns of dates are encoded."""
    format: str = ""
    """As in datetime.strptime, for example "%d.%m.%Y"; empty for ISO 8601."""

    def fit(self, values: np.ndarray) -> dict[str, Any]:
        """Fits to (rows,) datetime64[s] training values, NaT where missing."""
        seconds = _seconds(values)
        days = Number(self.name).fit(seconds / 86_400)
        turns = [period for period in PERIODS if len(np.unique(np.round(_phase(seconds, period), 9))) > 1]
        return {
            "name": self.name,
            "kind": "date",
            "days": days,
            "turns": turns,
            "format": self.format,
            "missing": days["missing"],
        }


# Seconds of the circles that a date has a place on.
PERIODS = {"year": 31_556_952.0, "week": 604_800.0, "day": 86_400.0}


def fit_target_encoding(
    spec: Category, values: np.ndarray, targets: np.ndarray, classes: bool, seed: int
) -> tuple[dict[str, Any], np.ndarray]:
    """Fits target encoding; each training row is encoded by rows of other folds, so that its own target stays out.

    Args:
      spec: says the column and what is rare.
      values: (rows,) training values, strings or None.
      targets: (rows,) integer labels, or numbers.
      classes: whether they are labels: each class then has a column, or where there are two the second.
      seed: decides the folds.

    Returns:
      What was fitted, and the training rows encoded, (rows, columns) float32.

    Source: D. Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, 2001, as scikit-learn
    does it.
    """
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import TargetEncoder

    categories = Category(spec.name, "onehot", (), spec.min_count, spec.most).fit(values)["categories"]
    known = _or_other(values, categories)[:, None]  # (rows, 1)
    labels = np.unique(targets)
    # One column is enough for two classes: the other would be its mirror image.
    wanted = [targets == label for label in (labels if len(labels) > 2 else labels[1:])] if classes else [targets]
    encoded = np.empty((len(known), len(wanted)), np.float32)
    for others, own in KFold(min(5, len(known)), shuffle=True, random_state=seed).split(known):
        for column, target in enumerate(wanted):
            encoder = TargetEncoder(target_type="continuous").fit(known[others], target[others].astype(float))
            encoded[own, column] = encoder.transform(known[own])[:, 0]
    encoders = [TargetEncoder(target_type="continuous").fit(known, target.astype(float)) for target in wanted]
    fitted = {
        "name": spec.name,
        "kind": "target",
        "categories": [str(name) for name in encoders[0].categories_[0]],
        "means": [encoder.encodings_[0].tolist() for encoder in encoders],
        "mean": [float(encoder.target_mean_) for encoder in encoders],
        "missing": _missing(values),
    }
    return fitted, encoded


def encode(fitted: dict[str, Any], values: np.ndarray) -> np.ndarray:
    """Encodes a column.

    Args:
      fitted: from a `fit`.
      values: (rows,) values of the column's kind.

    Returns:
      (rows, columns) float32.
    """
    kind = fitted["kind"]
    if kind == "number":
        missing = np.isnan(values)
        filled = np.where(missing, fitted["fill"], values)
        if fitted["low"] is not None:
            filled = filled.clip(fitted["low"], fitted["high"])
        scaled = (filled - fitted["shift"]) / fitted["width"]
        return np.stack([scaled, missing] if fitted["indicator"] else [scaled], -1).astype(np.float32)
    if kind == "date":
        seconds = _seconds(values)
        turns = [_phase(seconds, period) * 2 * np.pi for period in fitted["turns"]]
        circles = [np.where(np.isnan(turn), 0.0, wave(turn)) for turn in turns for wave in (np.sin, np.cos)]
        days = encode(fitted["days"], seconds / 86_400)
        return np.concatenate([days, *(circle[:, None] for circle in circles)], -1).astype(np.float32)
    known = _or_other(values, fitted["categories"])
    place = {name: index for index, name in enumerate(fitted["categories"])}
    index = np.array([place.get(name, -1) for name in known], int)
    if kind == "ordinal":
        return (index / max(len(place) - 1, 1)).astype(np.float32)[:, None]
    if kind == "target":
        means, unseen = np.array(fitted["means"]), np.array(fitted["mean"])
        return np.where(index >= 0, means[:, index], unseen[:, None]).T.astype(np.float32)
    columns = len(place) + fitted["other"]
    # A category that is none of them has the last column, or where there is none is zero in all.
    return np.eye(columns + 1, dtype=np.float32)[np.where(index < 0, len(place), index), :columns]


def names_of(fitted: dict[str, Any]) -> list[str]:
    """Names the columns that `encode` makes."""
    name, kind = fitted["name"], fitted["kind"]
    if kind == "number":
        return [name, *([f"{name}: missing"] if fitted["indicator"] else [])]
    if kind == "date":
        turns = [f"{name}: {wave} of {period}" for period in fitted["turns"] for wave in ("sine", "cosine")]
        return [*names_of(fitted["days"]), *turns]
    if kind == "ordinal":
        return [name]
    if kind == "target":
        return [f"{name}: target" + (f" {i}" if len(fitted["mean"]) > 1 else "") for i in range(len(fitted["means"]))]
    return [f"{name} = {category or 'missing'}" for category in fitted["categories"]] + (
        [f"{name} = other"] if fitted["other"] else []
    )


def _mode(values: np.ndarray) -> float:
    found, counts = np.unique(values, return_counts=True)
    return found[counts.argmax()]


def _missing(values: np.ndarray) -> float:
    return float(np.mean([value is None for value in values]))


def _named(values: np.ndarray) -> np.ndarray:
    """Names what is missing by the empty text, a category like others."""
    return np.array(["" if value is None else str(value) for value in values], dtype=object)


def _or_other(values: np.ndarray, categories: list[str]) -> np.ndarray:
    known = set(categories)
    return np.array([name if name in known else OTHER for name in _named(values)], dtype=object)


def natural_order(name: str) -> tuple[int, float, str]:
    """Orders texts that are numbers as numbers, before all others."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _seconds(values: np.ndarray) -> np.ndarray:
    seconds = values.astype("datetime64[s]").astype(np.float64)
    return np.where(np.isnat(values), np.nan, seconds)


def _phase(seconds: np.ndarray, period: str) -> np.ndarray:
    return seconds / PERIODS[period] % 1
