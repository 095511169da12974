"""Columns of a table, and how each is encoded: `fit` to the training rows alone returns the column's encoder."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import numpy as np

from jaxflow.data.dates import PERIODS, check_format, cyclic_phase, epoch_seconds
from jaxflow.data.numbers import fit_quantiles, transformed
from jaxflow.data.reading.category_names import category_name
from jaxflow.data.tables.encoders import (
    DateEncoder,
    IndexEncoder,
    NumberEncoder,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
    fill_missing,
    map_unknown,
)
from jaxflow.errors import UserError
from jaxflow.ranges import Count, Finite, Range, check_ranges

# Categories that have a feature each, unless more are asked for.
MAX_COLUMNS = 50


@dataclass(frozen=True)
class Number:
    """A column of numbers: missing ones are imputed, and the result is scaled."""

    name: str = ""
    """The column; empty where this says how all columns of numbers are encoded."""
    impute: Literal["median", "mean", "mode", "constant"] = "median"
    """What a missing number is replaced by."""
    constant: Finite = 0.0
    """What a missing number is replaced by with impute "constant"."""
    indicator: bool = True
    """Whether a further feature is 1 where numbers were missing, if any are in the training rows."""
    winsorize: Annotated[float, Range(0, 0.5, without=(0.5,))] = 0.0
    """Fraction of the training rows beyond which numbers are clipped, at either end; 0 for no clipping."""
    transform: Literal["none", "log", "quantile"] = "none"
    """What is done to numbers before they are scaled. log: sign(x) log(1 + |x|), for what spans orders of magnitude;
    quantile: the normal deviate of its rank among the training rows, for any distribution."""
    scale: Literal["standard", "minmax", "robust", "none"] = "standard"
    """To mean 0 and deviation 1; to [0, 1]; to median 0 and quartiles one apart; or not at all."""

    def __post_init__(self) -> None:
        _check_choices(self)
        check_ranges(self)

    def fit(self, values: np.ndarray) -> NumberEncoder:
        """Fits an encoder to (rows,) float64 training values, NaN where missing."""
        known = values[~np.isnan(values)]
        if len(known) == 0:
            raise UserError(f"column {self.name} has no number in the training rows; leave it out with drop")
        low, high = np.quantile(known, (self.winsorize, 1 - self.winsorize)) if self.winsorize else (None, None)
        known = known if low is None else known.clip(low, high)
        middles = {"median": np.median, "mean": np.mean, "mode": _mode, "constant": lambda _: self.constant}
        fill = float(middles[self.impute](known))
        filled = np.where(np.isnan(values), fill, values if low is None else values.clip(low, high))
        quantiles = fit_quantiles(filled) if self.transform == "quantile" else ()
        filled = transformed(filled, self.transform, quantiles)
        quartiles = np.quantile(filled, (0.25, 0.75))
        shift, width = {
            "standard": (filled.mean(), filled.std()),
            "minmax": (filled.min(), np.ptp(filled)),
            "robust": (np.median(filled), quartiles[1] - quartiles[0]),
            "none": (0.0, 1.0),
        }[self.scale]
        return NumberEncoder(
            self.name,
            missing_fraction=float(np.isnan(values).mean()),
            fill=fill,
            low=None if low is None else float(low),
            high=None if high is None else float(high),
            shift=float(shift),
            width=float(width) or 1.0,  # what does not vary becomes 0
            indicator=bool(self.indicator and np.isnan(values).any()),
            transform=self.transform,
            quantiles=quantiles,
        )


@dataclass(frozen=True)
class Category:
    """A column of categories. A category that training never saw counts as the rare ones do."""

    name: str = ""
    """The column; empty where this says how all columns of categories are encoded."""
    encode: Literal["onehot", "ordinal", "target", "index"] = "onehot"
    """One feature for each category; its rank in the order, in [0, 1]; the mean of the target among its rows, shrunk
    towards the mean of all; or its index, for a model that embeds it. The last two suit columns of many categories."""
    impute: Literal["as_category", "mode", "constant"] = "as_category"
    """What a missing category counts as: a category like others, the most frequent one, or `constant`."""
    constant: str = "missing"
    """What a missing category counts as with impute "constant"."""
    order: tuple[str, ...] = ()
    """The categories from low to high, for "ordinal"; empty takes them as they sort."""
    min_count: Count = 1
    """Categories with fewer training rows are rare: they share one. With "index" and 2 or more, the model learns from
    them what a category that training never saw is like."""
    max_categories: Count | None = None
    """How many categories are told apart; the least frequent are rare. None for 50 with "onehot", else for all."""

    def __post_init__(self) -> None:
        _check_choices(self)
        check_ranges(self)

    def fit(self, values: np.ndarray) -> OneHotEncoder | OrdinalEncoder | IndexEncoder:
        """Fits an encoder to (rows,) training values, None where missing; "target" has `fit_target_encoder`."""
        fill = self._fill(values)
        names, counts = np.unique(fill_missing(values, fill), return_counts=True)
        limit = MAX_COLUMNS if self.max_categories is None and self.encode == "onehot" else self.max_categories
        frequent = sorted(zip(-counts, names))[:limit]
        known = sorted(str(name) for count, name in frequent if -count >= self.min_count)
        missing = float(np.mean([value is None for value in values]))
        if self.encode == "onehot":
            return OneHotEncoder(self.name, missing, tuple(known), fill, other=len(known) < len(names))
        if self.encode == "ordinal":
            return OrdinalEncoder(self.name, missing, self._ordered(known), fill)
        return IndexEncoder(self.name, missing, tuple(known), fill)

    def _ordered(self, known: list[str]) -> tuple[str, ...]:
        """Returns the categories from low to high."""
        if not self.order:
            return tuple(sorted(known, key=natural_order))
        order = tuple(map(category_name, self.order))
        if strange := set(known) - set(order) - {""}:
            raise UserError(f"column {self.name} holds {min(strange)!r}, which its order does not name")
        return order

    def _fill(self, values: np.ndarray) -> str:
        """Returns the category of a missing value; the empty text is a category like others."""
        if self.impute == "mode":
            known = [str(value) for value in values if value is not None]
            return str(_mode(np.array(known))) if known else ""
        return category_name(self.constant) if self.impute == "constant" else ""


@dataclass(frozen=True)
class Date:
    """A column of dates: days, scaled as a number, and the phase in the year, the week and the day.

    A phase is a point on a circle, so that December lies beside January; circles on which nothing moves are left out.
    """

    name: str = ""
    """The column; empty where this says how all columns of dates are encoded."""
    format: str = ""
    """As in datetime.strptime, for example "%d.%m.%Y", and %q for a quarter, "%YQ%q"; "s", "ms", "us" or "ns" for such
    since 1970; empty for ISO 8601, or for what is found in the training rows."""

    def __post_init__(self) -> None:
        check_format(self.format, f"the format of column {self.name}" if self.name else "the format of dates")

    def fit(self, values: np.ndarray) -> DateEncoder:
        """Fits an encoder to (rows,) datetime64[s] training values, NaT where missing."""
        seconds = epoch_seconds(values)
        days = Number(self.name).fit(seconds / 86_400)
        phases = {period: np.round(cyclic_phase(seconds, period), 9) for period in PERIODS}
        return DateEncoder(days, tuple(period for period in PERIODS if len(np.unique(phases[period])) > 1), self.format)


Spec = Number | Category | Date


def fit_target_encoder(
    spec: Category, values: np.ndarray, targets: np.ndarray, classes: bool, seed: int
) -> tuple[TargetEncoder, np.ndarray]:
    """Fits target encoding; each training row is encoded by rows of other folds, so that its target has no part in it.

    Args:
      spec: the column, and which categories are rare.
      values: (rows,) training values, strings or None.
      targets: (rows,) integer class indices, or regression targets, of which means are those of standardised ones.
      classes: whether they are class indices: each class then has a feature, of two classes the second only.
      seed: seed of the folds.

    Returns:
      The encoder for new rows, and the training rows encoded, (rows, features) float32.

    Source: D. Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, 2001, as scikit-learn
    does it.
    """
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import TargetEncoder as Fit

    plain = replace(spec, encode="index", order=()).fit(values)
    known = map_unknown(values, plain.categories, plain.fill)[:, None]  # (rows, 1)
    labels = np.unique(targets)
    # One column is enough for two classes: the other would be its mirror image.
    wanted = [targets == label for label in (labels if len(labels) > 2 else labels[1:])] if classes else [targets]

    def fit(rows: np.ndarray, target: np.ndarray) -> Fit:
        values = target[rows].astype(float)
        if not classes:  # means in the target's units would outweigh all other features
            values = (values - values.mean()) / (values.std() or 1.0)
        return Fit(target_type="continuous").fit(known[rows], values)

    encoded = np.empty((len(known), len(wanted)), np.float32)
    for others, fold in KFold(min(5, len(known)), shuffle=True, random_state=seed).split(known):
        for column, target in enumerate(wanted):
            encoded[fold, column] = fit(others, target).transform(known[fold])[:, 0]
    whole = [fit(np.arange(len(known)), target) for target in wanted]
    encoder = TargetEncoder(
        spec.name,
        plain.missing_fraction,
        categories=tuple(str(name) for name in whole[0].categories_[0]),
        fill=plain.fill,
        means=tuple(tuple(fitted.encodings_[0].tolist()) for fitted in whole),
        overall_means=tuple(float(fitted.target_mean_) for fitted in whole),
    )
    return encoder, encoded


def natural_order(name: str) -> tuple[int, float, str]:
    """Returns a sort key that orders texts that are numbers as numbers, before all others."""
    try:
        number = float(name)
    except ValueError:
        return 1, 0.0, name
    return (0, number, name) if number == number else (1, 0.0, name)  # NaN has no order among numbers


def _check_choices(spec: Number | Category) -> None:
    for name, hint in get_type_hints(type(spec)).items():
        choices = get_args(hint)
        if get_origin(hint) is Literal and getattr(spec, name) not in choices:
            column = f" of column {spec.name}" if spec.name else ""
            raise UserError(f"{name}{column} is {getattr(spec, name)!r}; it must be one of {', '.join(choices)}")


def _mode(values: np.ndarray) -> np.generic:
    found, counts = np.unique(values, return_counts=True)
    return found[counts.argmax()]
