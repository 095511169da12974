"""Checks that model, problem and data fit together, before anything is computed."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.errors import UserError, listed
from jaxflow.experiment import Experiment
from jaxflow.interfaces import Problem
from jaxflow.models.sequential.layers.activations import ActivationLayer
from jaxflow.models.sequential.layers.regular import Dropout
from jaxflow.models.sequential.network import Sequential
from jaxflow.problems.attributes import check_attributes
from jaxflow.problems.language_modelling import LanguageModelling
from jaxflow.problems.metrics.base import metrics_of
from jaxflow.problems.metrics.classes import TopK
from jaxflow.problems.names import with_names, without_names
from jaxflow.problems.sequences.tagging import Tagging
from jaxflow.schema import Feature, Schema
from jaxflow.training.state import weights_by_path
from jaxflow.user_code import calling, is_own

logger = logging.getLogger("jaxflow")


def check_fit(experiment: Experiment, schema: Schema) -> None:
    """Checks that what an experiment asks for makes sense for the target of its data.

    Raises:
      UserError: it does not.
    """
    target = schema.target
    if target.dense_shape and experiment.tta is not None:
        raise UserError(
            "tta averages over views of an image, and here each pixel has a target of its own; leave tta=None"
        )
    warmup = getattr(experiment.optimizer.schedule, "warmup_steps", 0)
    if isinstance(warmup, bool) or not isinstance(warmup, int) or warmup < 0:  # of a schedule of the user's own
        raise UserError(f"optimizer.schedule.warmup_steps is {warmup!r}; it must be an int, 0 or more")
    if experiment.sampling == "balanced" and (target.kind != "class" or target.dense_shape):
        has = {"number": "numbers", "class": "a class for each position"}.get(target.kind, "several classes or labels")
        raise UserError(f"sampling 'balanced' goes by each example's class, and the data has {has}; leave it 'shuffle'")


def check_patience(experiment: Experiment, dataset: Dataset) -> None:
    """Raises UserError if an experiment waits for validations to improve, and there are none."""
    for name in ("early_stopping", "reduce_on_plateau"):
        if getattr(experiment, name) is not None and "validation" not in dataset.splits:
            raise UserError(
                f"{name} goes by the validation split, and the data has {', '.join(dataset.splits)} alone; "
                f"give it one, or leave {name}=None"
            )


def check_cardinalities(experiment: Experiment, model: nn.Module, inputs: Feature) -> None:
    """Checks that the numbers of categories reach a model that embeds them, as they are."""
    expected = getattr(model, "cardinalities", ())
    if inputs.kind == "tokens" or expected == inputs.cardinalities == ():
        return
    what, name = "the numbers of categories in its last columns", type(model).__name__
    if not hasattr(model, "cardinalities"):
        raise UserError(
            f"the data has {what}; model {name} does not embed them: use MLP or TabularResNet, or "
            "Category(encode='onehot')"
        )
    if expected != inputs.cardinalities:
        raise UserError(
            f"model.cardinalities is {expected}, and the data has {inputs.cardinalities}; leave cardinalities=None"
        )
    for field in ("preprocess", "augment"):
        for part in getattr(experiment, field)[:1]:
            raise UserError(
                f"the data has {what}, which {field} would change by {type(part).__name__}; a table scales its own "
                f"numbers: leave {field}=()"
            )


# Models for inputs of each kind, in messages.
MODELS = {"image": "CNN or ViT", "volume": "CNN", "vector": "MLP", "tokens": "LSTM or BagOfTokens"}


def check_sequences(problem: Problem, model: nn.Module, inputs: Feature) -> None:
    """Checks that a model takes data of this kind, knows all its tokens and, where it predicts the next, sees none.

    A model of jaxflow's has `input_kinds` where it takes some kinds alone, and `causal` where it sees sequences; the
    others take anything but tokens.

    Raises:
      UserError: it does not.
    """
    name, kinds = type(model).__name__, getattr(model, "input_kinds", None)
    if isinstance(model, Sequential):
        _check_layers(model, inputs)
    elif inputs.kind != "several" and not is_own(model):
        fitting = f"take a model for these, for example {MODELS.get(inputs.kind, 'LSTM or CNN')}"
        if kinds is not None and inputs.kind not in kinds:
            raise UserError(
                f"model {name} takes {' or '.join(kinds)} inputs, and the data has {inputs.kind} inputs of shape "
                f"{inputs.shape}; {fitting}"
            )
        if kinds is None and inputs.kind == "tokens" and inputs.vocab_size is not None:
            raise UserError(
                f"model {name} takes numbers, and the data has tokens of shape {inputs.shape}, whose indices say "
                f"nothing by their size; {fitting}"
            )
    known = getattr(model, "vocab_size", None)
    if known is not None and inputs.vocab_size is not None and known < inputs.vocab_size:
        raise UserError(
            f"model.vocab_size is {known}, and the data has {inputs.vocab_size} different tokens; leave vocab_size=None"
        )
    predicts_next = isinstance(problem, LanguageModelling) and not isinstance(problem, Tagging)
    if predicts_next and getattr(model, "causal", True) is False:
        advice = "--model.bidirectional=False" if hasattr(model, "bidirectional") else "TransformerDecoder"
        raise UserError(
            f"model {name} sees the tokens that LanguageModelling predicts, and would learn to copy them; take {advice}"
        )


def _check_layers(model: Sequential, inputs: Feature) -> None:
    """Raises UserError if tokens come to a layer of numbers, or to an embedding that does not know all of them."""
    first = next((layer for layer in model.layers if not isinstance(layer, Dropout)), None)
    if inputs.kind != "tokens" or inputs.vocab_size is None or first is None or is_own(first):
        return
    if not getattr(first, "takes_tokens", False):
        raise UserError(
            f"model.layers begins with {type(first).__name__}, which takes numbers, and the data has tokens; begin "
            "with layers.Embedding()"
        )
    known = getattr(first, "vocab_size", None)
    if known is not None and known < inputs.vocab_size:
        raise UserError(
            f"layers.{type(first).__name__} has vocab_size={known}, and the data has {inputs.vocab_size} different "
            "tokens; leave vocab_size=None"
        )


def check_outputs(model: nn.Module, schema: Schema) -> None:
    """Raises UserError if a network of layers ends with an activation, and the problem makes probabilities itself."""
    layers = model.layers if isinstance(model, Sequential) else ()
    last = next((layer for layer in reversed(layers) if not isinstance(layer, Dropout)), None)
    if isinstance(last, ActivationLayer) and schema.target.kind in ("class", "labels"):
        raise UserError(
            f"model.layers ends with {type(last).__name__}, and the problem takes raw outputs, of which it makes "
            "probabilities itself; leave that layer out"
        )


def check_learning(optimizer: Any, params: Any, total_steps: int) -> None:
    """Checks that an optimizer changes parameters within a run; a warm-up that never ends is logged.

    Args:
      optimizer: its warm-up is in steps.
      params: the model's, which may be abstract.
      total_steps: of the run.

    Raises:
      UserError: every parameter is frozen.
    """
    frozen = getattr(optimizer, "frozen", None)
    if frozen is not None and all(jax.tree.leaves(frozen(params))):
        raise UserError(
            "every parameter has the factor 0 in optimizer.groups: nothing would be learned; leave some out"
        )
    warmup = getattr(optimizer.schedule, "warmup_steps", 0)
    if 0 < total_steps < warmup:
        logger.warning(
            f"the warm-up takes {warmup:,} steps and the run {total_steps:,}: the learning rate never reaches "
            f"{optimizer.learning_rate:g}; make it shorter (warmup_fraction=0.1), or train longer"
        )


def check_frozen(optimizer: Any, params: Any, weights: Mapping[str, Any]) -> None:
    """Logs which parameters an optimizer never changes though they are drawn at random, not among the given weights."""
    frozen = getattr(optimizer, "frozen", None)
    if frozen is None:
        return
    own = weights_by_path({"params": params})
    off = {name for name, held in weights_by_path({"params": frozen(params)}).items() if held}
    given = {name for name, leaf in own.items() if name in weights and np.shape(weights[name]) == leaf.shape}
    if random := sorted(off - given):
        logger.warning(
            f"frozen and not among the given weights, so they stay random: {listed(random)}; take them out of "
            "optimizer.groups"
        )


def check_problem(problem: Problem, schema: Schema, targets: np.ndarray) -> Problem:
    """Returns a problem fitted to the training targets.

    Raises:
      UserError: it does not fit the data, or its `num_outputs` or `fit` return something else than they must.
    """
    name = type(problem).__name__
    with calling(f"problem {name}", problem):
        outputs = problem.num_outputs(schema)  # raises for targets of another kind
    if not isinstance(outputs, int) or outputs < 1:
        raise UserError(f"num_outputs of problem {name} returns {outputs!r:.60}; it must return an int, 1 or more")
    with calling(f"problem {name}", problem):
        if check_targets := getattr(problem, "check_targets", None):
            check_targets(schema, targets)
        fitted = with_names(problem, schema).fit(targets)
    if not (isinstance(fitted, Problem) and dataclasses.is_dataclass(fitted)):
        raise UserError(f"fit of problem {name} returns {fitted!r:.60}; it must return the fitted problem")
    fitted = without_names(fitted, problem)
    with calling(f"metrics of problem {name}", problem):
        check_attributes(fitted.metrics)
    for metric in fitted.metrics:
        if isinstance(metric, TopK) and schema.target.kind == "class" and metric.k >= len(schema.target.names):
            raise UserError(
                f"metric TopK(k={metric.k}) is always 1: the data has {len(schema.target.names)} classes; take a "
                "smaller k"
            )
    if hasattr(fitted, "columns") and fitted.selection_metric not in (names := metrics_of(with_names(fitted, schema))):
        raise UserError(
            f"problem.selection_metric is {fitted.selection_metric!r}; on this data it is one of {listed(names)}"
        )
    return fitted
