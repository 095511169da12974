"""The first sentence of a report: how well the model does on the test split, and what does as well without it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from jaxflow.evaluation.report.rivals import Rival, Verdict, rivals, verdicts
from jaxflow.interfaces import Problem
from jaxflow.problems.metrics.base import metric_named, metrics_of
from jaxflow.problems.names import outputs_of_columns
from jaxflow.problems.sequences.tagging import Tagging
from jaxflow.reports.wording import between, count, number, percent
from jaxflow.runs.results import Results, interval_name, values_alone
from jaxflow.schema import Schema

# What people call an example, by the kind of its inputs.
NOUNS = {
    "image": "image",
    "volume": "volume",
    "audio": "recording",
    "tokens": "text",
    "series": "window",
    "vector": "row",
}
# Metrics whose names are no words.
WORDS = {"cer": "Character error rate", "wer": "Word error rate", "nll": "Negative log-likelihood"}
# Targets that the sentence has numbers of.
MAX_NAMED = 3


@dataclass(frozen=True)
class Headline:
    """The metric that says most of a run.

    Attributes:
      metric: its name in results.json.
      higher_is_better: whether the best value is the highest.
      show: writes a value.
      sentence: with a place {} for the value and its interval.
    """

    metric: str
    higher_is_better: bool
    show: Callable[[float], str]
    sentence: str


def headline(metrics: Mapping[str, float], schema: Schema, problem: Problem, examples: int) -> Headline:
    """Returns the metric that a report begins with.

    Args:
      metrics: of the test split, by name.
      schema: what the data holds.
      problem: what was solved.
      examples: of the test split.
    """
    dense, kind = bool(schema.target.dense_shape), schema.inputs.kind
    tags = isinstance(problem, Tagging)
    noun = "window" if dense and kind == "tokens" and not tags else NOUNS.get(kind, "example")
    over = f"{examples:,} test {count(examples, noun).partition(' ')[2]}"
    share, overlap = partial(percent, examples=examples), partial(percent, examples=max(examples, 100))
    if schema.target.kind == "class" and not dense and "accuracy" in metrics:
        return Headline("accuracy", True, share, f"{{}} of {over} right")
    if schema.target.kind == "class" and dense and kind != "tokens" and "iou" in metrics:
        return Headline("iou", True, overlap, f"Answered and true classes overlap by {{}} (mean IoU) on {over}")
    if tags and "accuracy" in metrics:
        return Headline("accuracy", True, overlap, f"{{}} of the tags in {over} right")
    if dense and "perplexity" in metrics:
        return Headline("perplexity", False, number, f"Perplexity {{}} on {over}")
    columns = outputs_of_columns(getattr(problem, "columns", None)) or {"": []}
    if schema.target.kind == "number" and f"rmse{next(iter(columns))}" in metrics:
        return Headline(f"rmse{next(iter(columns))}", False, number, f"Typical error (RMSE) {{}} on {over}")
    measured = [name for name in (problem.selection_metric, *metrics_of(problem)) if name in metrics and name != "loss"]
    chosen = measured[0] if measured else "loss"
    higher = metric_named(problem, chosen).higher_is_better if measured else False
    words = WORDS.get(chosen, chosen.replace("_", " ").capitalize())
    return Headline(chosen, higher, number, f"{words} {{}} on {over}")


def lead(results: Results, schema: Schema, problem: Problem, examples: int, early: str = "") -> str:
    """Returns the first sentence.

    Args:
      results: of the run.
      schema: what the data holds.
      problem: what was solved.
      examples: of the test split.
      early: that the checkpoint is not that of the last epoch, such as "epoch 12 of 20"; "" if it is.
    """
    test = values_alone(results.get("test", {}))
    found = headline(test, schema, problem, examples)
    if found.metric not in test:
        return ""
    said = found.sentence.format(_values(results, found))
    judged = verdicts(results, found.metric, found.higher_is_better)
    if judged and judged[0].doubted:
        worst = judged[0]
        said += f": {worst.words} {worst.rival.name}, with {found.show(worst.rival.value)}"
    beside = [] if judged and "/" in judged[0].metric and judged[0].doubted else _beside(results, found, judged)
    said += "".join(f"; {rival.has} {found.show(rival.value)}" for rival in beside)
    return said + (f"; early: {early}" if early else "") + "."


def _beside(results: Results, found: Headline, judged: Sequence[Verdict]) -> list[Rival]:
    """Returns the best rule and the best simple model, but for the one that was named already."""
    others = rivals(results, found.metric, found.higher_is_better)
    best = [next((rival for rival in others if rival.fitted == fitted), None) for fitted in (False, True)]
    named = judged[0].rival if judged and judged[0].doubted else None
    return [rival for rival in best if rival is not None and rival != named]


def _values(results: Results, found: Headline) -> str:
    """Returns the metric's value and interval; of several targets that of each, or of the first of many."""
    test = results.get("test", {})
    names = [name for name in test if name.partition("/")[0] == found.metric.partition("/")[0]]
    names = names if "/" in found.metric else [found.metric]
    parts = []
    for name in names[:MAX_NAMED]:
        interval = test.get(interval_name(name))
        shown = found.show(values_alone(test)[name]) + between(
            interval if isinstance(interval, list) else None, found.show
        )
        parts.append(f"{name.partition('/')[2]} {shown}" if len(names) > 1 else shown)
    more = len(names) - MAX_NAMED
    return ", ".join(parts) + (f" and {more:,} more targets" if more > 0 else "")
