"""Columns of a table, and what is to be made of them; it is fitted to the training rows alone.

What a column was fitted to is a dict that JSON holds; with it any other rows are encoded in the same way.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from jaxflow.data.tables.column_encoding import PERIODS, cyclic_phase, fill_missing, map_unknown, seconds_of
from jaxflow.errors import UserError

# Categories that have a column each, unless more are asked for.
MAX_COLUMNS = 50


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
    winsorize: float = 0.0
    """Share of the training rows beyond which numbers are clipped, at either end; 0 for no clipping."""
    scale: Literal["standard", "minmax", "robust", "none"] = "standard"
    """To mean 0 and deviation 1; to [0, 1]; to median 0 and quartiles one apart; or not at all."""

    def __post_init__(self) -> None:
        _check_choices(self)
        if not 0 <= self.winsorize < 0.5:
            raise UserError(f"winsorize is {self.winsorize}; it must be a share in [0, 0.5)")

    def fit(self, values: np.ndarray) -> dict[str, Any]:
        """Fits to (rows,) float64 training values, NaN where missing."""
        known = values[~np.isnan(values)]
        if len(known) == 0:
            raise UserError(f"column {self.name} has no number in the training rows; leave it out with drop")
        low, high = np.quantile(known, (self.winsorize, 1 - self.winsorize)) if self.winsorize else (None, None)
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
    encode: Literal["onehot", "ordinal", "target", "index"] = "onehot"
    """One column for each category; its place in the order, in [0, 1]; the mean of the target among its rows, shrunk
    towards the mean of all; or its number, of which a model that embeds it learns what it means. The last two suit
    columns of many categories."""
    impute: Literal["as_category", "mode", "constant"] = "as_category"
    """What a missing category counts as: one of its own, the most frequent one, or `constant`."""
    constant: str = "missing"
    """What a missing category counts as with impute "constant"."""
    order: tuple[str, ...] = ()
    """The categories from low to high, for "ordinal"; empty takes them as they sort."""
    min_count: int = 1
    """Categories with fewer training rows are rare: they share one. With "index" and 2 or more, the model learns from
    them what a category that training never saw is like."""
    max_categories: int | None = None
    """How many categories are kept apart; the least frequent are rare. None for 50 with "onehot", else for all."""

    def __post_init__(self) -> None:
        _check_choices(self)
        if self.min_count < 1 or (self.max_categories is not None and self.max_categories < 1):
            raise UserError(
                f"min_count is {self.min_count} and max_categories is {self.max_categories}; they must be 1 or more"
            )

    def fit(self, values: np.ndarray) -> dict[str, Any]:
        """Fits to (rows,) training values, strings or None where missing; "target" has a function of its own."""
        fill = self._fill(values)
        names, counts = np.unique(fill_missing(values, fill), return_counts=True)
        most = MAX_COLUMNS if self.max_categories is None and self.encode == "onehot" else self.max_categories
        frequent = sorted(zip(-counts, names))[:most]
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
            "fill": fill,
            "missing": _missing(values),
        }

    def _fill(self, values: np.ndarray) -> str:
        """Names what a missing category counts as; the empty text is a category of its own."""
        if self.impute == "mode":
            known = [str(value) for value in values if value is not None]
            return str(_mode(np.array(known))) if known else ""
        return self.constant if self.impute == "constant" else ""


@dataclass(frozen=True)
class Date:
    """A column of dates: days, scaled as a number, and the places in the year, the week and the day.

    Places are points on circles, so that December lies beside January; circles on which nothing moves are left out.
    """

    name: str = ""
    """The column; empty where this says how all columns of dates are encoded."""
    format: str = ""
    """As in datetime.strptime, for example "%d.%m.%Y"; empty for ISO 8601."""

    def __post_init__(self) -> None:
        try:
            datetime.strptime("", self.format)
        except ValueError as error:
            if "does not match" not in str(error):  # as the empty text never does
                column = f" of column {self.name}" if self.name else ""
                raise UserError(f"the format{column} is {self.format!r}: {error}") from error

    def fit(self, values: np.ndarray) -> dict[str, Any]:
        """Fits to (rows,) datetime64[s] training values, NaT where missing."""
        seconds = seconds_of(values)
        days = Number(self.name).fit(seconds / 86_400)
        turns = [period for period in PERIODS if len(np.unique(np.round(cyclic_phase(seconds, period), 9))) > 1]
        return {
            "name": self.name,
            "kind": "date",
            "days": days,
            "turns": turns,
            "format": self.format,
            "missing": days["missing"],
        }


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

    plain = replace(spec, encode="index", order=()).fit(values)
    known = map_unknown(values, plain["categories"], plain["fill"])[:, None]  # (rows, 1)
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
        "fill": plain["fill"],
        "missing": plain["missing"],
    }
    return fitted, encoded


def natural_order(name: str) -> tuple[int, float, str]:
    """Orders texts that are numbers as numbers, before all others."""
    try:
        number = float(name)
    except ValueError:
        return 1, 0.0, name
    return (0, number, name) if number == number else (1, 0.0, name)  # NaN has no place among numbers


def _check_choices(spec: Any) -> None:
    for name, hint in get_type_hints(type(spec)).items():
        choices = get_args(hint)
        if get_origin(hint) is Literal and getattr(spec, name) not in choices:
            column = f" of column {spec.name}" if spec.name else ""
            raise UserError(f"{name}{column} is {getattr(spec, name)!r}; it must be one of {', '.join(choices)}")


def _mode(values: np.ndarray) -> Any:
    found, counts = np.unique(values, return_counts=True)
    return found[counts.argmax()]


def _missing(values: np.ndarray) -> float:
    return float(np.mean([value is None for value in values]))
