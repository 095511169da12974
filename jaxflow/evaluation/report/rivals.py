"""What does without the model, in words, and whether the model does better."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxflow.runs.results import Results, interval_name, values_alone

# Relative difference that float32 makes of equal values.
ROUNDING = 1e-6
# What rules do that need no model, by their names in results.json.
RULES = {
    "majority": "always answering the most frequent class",
    "prior": "guessing by how frequent the classes are",
    "mean": "always answering the mean",
    "median": "always answering the median",
    "median class": "always answering the median class",
    "majority of each label": "answering each label as it mostly is",
    "most frequent class": "the most frequent class everywhere",
    "prior of each pixel": "the most frequent class of each pixel",
    "most frequent tag of each token": "the most frequent tag of each token",
    "most frequent text": "always answering the most frequent text",
    "mean input": "answering the mean input",
    "unigram": "frequencies of tokens alone",
    "bigram": "frequencies of pairs of tokens",
    "baseline": "answering without inputs",  # of results that earlier versions wrote
}


@dataclass(frozen=True)
class Rival:
    """What does without the model.

    Attributes:
      name: what it does, in words.
      value: its metric.
      fitted: whether it is a simple model, and no mere rule.
    """

    name: str
    value: float
    fitted: bool = False

    @property
    def has(self) -> str:
        """The name with its verb."""
        return f"{self.name} {'have' if self.name.startswith('frequencies') else 'has'}"


@dataclass(frozen=True)
class Verdict:
    """Whether the model does better than the best rival.

    Attributes:
      metric: by which.
      own: the model's value.
      interval: of it, [low, high]; None where there is none.
      rival: the best one.
      better: whether the model's value is the better one; not where both are equal.
    """

    metric: str
    own: float
    interval: Sequence[float] | None
    rival: Rival
    better: bool

    @property
    def clear(self) -> bool:
        """Whether the model does better, and its interval, which there must be, does not hold the rival's value."""
        return self.better and self.interval is not None and not self.doubted

    @property
    def doubted(self) -> bool:
        """Whether the model does not do better, or its interval holds the rival's value."""
        held = self.interval is not None and self.interval[0] <= self.rival.value <= self.interval[1]
        return held or not self.better

    @property
    def tied(self) -> bool:
        """Whether both are equal, but for rounding."""
        return _equal(self.own, self.rival.value)

    @property
    def words(self) -> str:
        """What is to be said before the rival's name; of several targets with the target's."""
        target = self.metric.partition("/")[2]
        of = f" for {target}" if target else ""
        if self.tied:
            return f"only as good{of} as"
        return f"{'no better' if not self.better else 'not clearly better' if self.doubted else 'better'}{of} than"


def rivals(results: Results, metric: str, higher_is_better: bool) -> list[Rival]:
    """Returns what does without the model, the best first.

    Args:
      results: of the run.
      metric: that is compared.
      higher_is_better: whether its best value is the highest.
    """
    baselines: Mapping[str, Mapping[str, float]] = results.get("baselines") or {"baseline": results.get("baseline", {})}
    known = {name: values_alone(metrics) for name, metrics in baselines.items()}
    made = [Rival(_does(name), of[metric], not _is_rule(name)) for name, of in known.items() if metric in of]
    return sorted(made, key=lambda rival: -rival.value if higher_is_better else rival.value)


def verdicts(results: Results, metric: str, higher_is_better: bool) -> list[Verdict]:
    """Returns whether the model does better; of several targets one for each, what is worse first.

    Args:
      results: of the run.
      metric: that is compared, such as "accuracy" or "rmse/price".
      higher_is_better: whether its best value is the highest.
    """
    test = results.get("test", {})
    values, kind = values_alone(test), metric.partition("/")[0]
    made = []
    for name in [name for name in values if name.partition("/")[0] == kind] if "/" in metric else [metric]:
        others = rivals(results, name, higher_is_better)
        if others and name in values:
            interval, own, best = test.get(interval_name(name)), values[name], others[0].value
            known = interval if isinstance(interval, list) else None
            better = (own > best if higher_is_better else own < best) and not _equal(own, best)
            made.append(Verdict(name, own, known, others[0], better))
    return sorted(made, key=lambda verdict: (verdict.better, verdict.clear))


def _equal(own: float, other: float) -> bool:
    return math.isclose(own, other, rel_tol=ROUNDING)


def _is_rule(name: str) -> bool:
    return name in RULES or name.startswith(("last ", "distribution of ", "quantiles of "))


def _does(name: str) -> str:
    return f"repeating the {name}" if name.startswith("last ") else RULES.get(name, name)
