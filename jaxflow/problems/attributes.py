"""Checks of the parts that a problem is put together from: a loss, and metrics with a name, a direction and a unit."""

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from jaxflow.console import UNPRINTABLE
from jaxflow.errors import UserError
from jaxflow.problems import losses, metrics
from jaxflow.problems.losses.families import home_of
from jaxflow.problems.losses.sums import parts_of
from jaxflow.user_code import is_own

# What logs, tables and figures show of a metric.
ATTRIBUTES = {"name": str, "higher_is_better": bool, "unit": str}
# Names that a line of metrics.jsonl has beside the metrics.
LOGGED = {"step", "split", "epoch", "learning_rate", "examples_per_second", "step_loss", "skipped"}


def check_attributes(metrics: Iterable[Any]) -> None:
    """Raises UserError if a metric's name, direction or unit is of another type, or no text that can be shown."""
    for metric in metrics:
        for attribute, kind in ATTRIBUTES.items():
            held = getattr(metric, attribute)
            if not isinstance(held, kind) or (isinstance(held, str) and UNPRINTABLE.search(held)):
                what = "True or False" if kind is bool else "a string of characters that can be printed"
                raise UserError(f"{attribute} of metric {type(metric).__name__} is {held!r}; it must be {what}")


def check_choices(problem: Any, loss: str, metric: str) -> None:
    """Raises UserError if a problem's loss, metrics or selection metric are not what they must be.

    Args:
      problem: with `loss`, `metrics` and `selection_metric`.
      loss: a loss that fits the problem, as it is written, for the message.
      metric: likewise a metric.
    """
    if not callable(problem.loss) or isinstance(problem.loss, type):
        written = _written(problem.loss, losses) or loss
        raise UserError(f"problem.loss is {problem.loss!r}; it must be an object, for example jaxflow.losses.{written}")
    check_metrics(problem, metric)


def check_metrics(problem: Any, metric: str) -> None:
    """Raises UserError if a problem's metrics or selection metric are not what they must be, as `check_choices`."""
    for chosen in problem.metrics if isinstance(problem.metrics, tuple) else ():
        missing = [attribute for attribute in ATTRIBUTES if not hasattr(chosen, attribute)]
        if callable(chosen) and not isinstance(chosen, type) and missing:
            raise UserError(
                f"metric {type(chosen).__name__} has no {' and no '.join(missing)}; add what is missing to its class "
                "(docs/extend.md)"
            )
    several = isinstance(problem.metrics, tuple | list)
    if not isinstance(problem.metrics, tuple) or not all(map(_is_metric, problem.metrics)):
        chosen = tuple(problem.metrics) if several else (problem.metrics,)
        written = [_written(each, metrics) for each in chosen]
        known = [f"jaxflow.metrics.{each}" for each in written if each]
        texts = " of metrics, not of texts" if any(isinstance(each, str) for each in chosen) else " of metrics"
        meant = known if len(known) == len(chosen) and known else [f"jaxflow.metrics.{metric}"]
        example = f"({', '.join(meant)}{',' * (len(meant) == 1)})"
        raise UserError(f"problem.metrics is {problem.metrics!r}; it must be a tuple{texts}, for example {example}")
    check_attributes(problem.metrics)
    names = ["loss", *(chosen.name for chosen in problem.metrics)]
    if len(set(names)) < len(names):
        raise UserError(f"problem.metrics has {', '.join(names)}; each name may occur once, and loss always does")
    if taken := LOGGED.intersection(names):
        raise UserError(f"problem.metrics has {min(taken)}, which metrics.jsonl has for something else; rename it")
    by_column = hasattr(problem, "columns") and problem.selection_metric.partition("/")[0] in names[1:]
    if problem.selection_metric not in names and not by_column:
        raise UserError(f"problem.selection_metric is {problem.selection_metric!r}; it is one of {', '.join(names)}")


def _written(value: Any, family: ModuleType) -> str | None:
    """Returns how a loss or metric is written that a text names, or a class or object stands for; None for others."""
    name = value if isinstance(value, str) else (value if isinstance(value, type) else type(value)).__name__
    name = name.replace("_", "").replace("-", "").replace(" ", "").lower()
    return next((f"{each}()" for each in family.__all__ if each.lower() == name), None)


def _is_metric(value: Any) -> bool:
    return callable(value) and not isinstance(value, type) and all(hasattr(value, name) for name in ATTRIBUTES)


def check_suited(problem: Any, metrics: tuple[type, ...], losses: tuple[type, ...] = ()) -> None:
    """Raises UserError if a loss or metric of jaxflow's is none of those that can read a problem's answers.

    Args:
      problem: with `metrics`, and `loss` where losses are named.
      metrics: classes of metrics.
      losses: classes of losses; of a sum each part is one of them.
    """
    name = type(problem).__name__
    for metric in problem.metrics:
        if not is_own(metric) and not isinstance(metric, metrics):
            raise UserError(
                f"problem.metrics has {type(metric).__name__}, which does not measure what {name} answers; it takes "
                f"{_names(metrics)}, or metrics of your own"
            )
    for part in parts_of(problem.loss) if losses else ():
        if not is_own(part) and not isinstance(part, losses):
            home = home_of(part)
            raise UserError(
                f"problem.loss is {type(part).__name__}, {f'a loss of {home}' if home else 'which does not fit'}; "
                f"{name} takes {_names(losses)}, sums of these, or a loss of your own"
            )


def _names(kinds: tuple[type, ...]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)


def check_averages(problem: Any, classes: int | None) -> None:
    """Raises UserError if a metric measures the second of two classes, and there are not two.

    Args:
      problem: with `metrics`.
      classes: their number; None for labels.
    """
    for metric in problem.metrics:
        if getattr(metric, "average", None) == "binary" and not is_own(metric) and classes != 2:
            what = "labels" if classes is None else f"{classes} classes"
            raise UserError(
                f"problem.metrics has {type(metric).__name__}('binary'), which measures the second of two classes, and "
                f"{type(problem).__name__} has {what}; use {type(metric).__name__}('macro'), or 'micro' or 'weighted'"
            )
