"""Metrics, chosen in the experiment: frozen dataclasses with a name, a direction and a unit that score a batch.

Each returns a running metric, sums that merge over steps, devices and padded batches. A metric of the user's own is
such a dataclass in the experiment file.
"""

from jaxflow.problems.metrics.classes import Accuracy, TopK
from jaxflow.problems.metrics.confusion import F1, BalancedAccuracy, CohenKappa, MatthewsCorrelation, Precision, Recall
from jaxflow.problems.metrics.edits import CharacterErrorRate, WordErrorRate
from jaxflow.problems.metrics.entities import EntityF1
from jaxflow.problems.metrics.explained_variance import ExplainedVariance
from jaxflow.problems.metrics.intervals import NLL, Coverage, Pinball
from jaxflow.problems.metrics.masks import Dice, IoU
from jaxflow.problems.metrics.probabilities import Brier, LogLoss
from jaxflow.problems.metrics.ranking import AUROC, AveragePrecision
from jaxflow.problems.metrics.texts import Perplexity
from jaxflow.problems.metrics.values import MAE, RMSE

__all__ = [
    "AUROC",
    "F1",
    "MAE",
    "NLL",
    "RMSE",
    "Accuracy",
    "AveragePrecision",
    "BalancedAccuracy",
    "Brier",
    "CharacterErrorRate",
    "CohenKappa",
    "Coverage",
    "Dice",
    "EntityF1",
    "ExplainedVariance",
    "IoU",
    "LogLoss",
    "MatthewsCorrelation",
    "Perplexity",
    "Pinball",
    "Precision",
    "Recall",
    "TopK",
    "WordErrorRate",
]
