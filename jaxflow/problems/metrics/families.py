"""Which metrics measure which answers."""

from jaxflow.problems.metrics.classes import Accuracy, TopK
from jaxflow.problems.metrics.confusion import AVERAGED, OF_CONFUSION
from jaxflow.problems.metrics.entities import EntityF1
from jaxflow.problems.metrics.intervals import NLL, Coverage, Pinball
from jaxflow.problems.metrics.masks import Dice, IoU
from jaxflow.problems.metrics.probabilities import Brier, LogLoss
from jaxflow.problems.metrics.ranking import AUROC, AveragePrecision
from jaxflow.problems.metrics.texts import Perplexity
from jaxflow.problems.metrics.values import MAE, RMSE

OF_PROBABILITIES = (LogLoss, Brier, AUROC, AveragePrecision)
OF_LABELS = (Accuracy, *AVERAGED, *OF_PROBABILITIES)
OF_TWO_CLASSES = (Accuracy, *OF_CONFUSION, *OF_PROBABILITIES)
OF_RANKS = (*OF_TWO_CLASSES, MAE, RMSE)
OF_CLASSES = (*OF_TWO_CLASSES, TopK, Perplexity)
OF_TAGS = (*OF_CLASSES, EntityF1)
OF_PIXELS = (*OF_CLASSES, IoU, Dice)
OF_VALUES = (RMSE, MAE)
OF_QUANTILES = (*OF_VALUES, Pinball, Coverage)
OF_GAUSSIANS = (*OF_VALUES, NLL, Coverage)
