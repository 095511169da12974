"""Which losses are of which answers."""

from jaxflow.problems.losses.base import Loss
from jaxflow.problems.losses.binary import BinaryCrossEntropy, BinaryFocal, BinaryHinge
from jaxflow.problems.losses.classes import CrossEntropy
from jaxflow.problems.losses.distributions import KL
from jaxflow.problems.losses.margins import Focal, Hinge
from jaxflow.problems.losses.masks import Dice, Tversky
from jaxflow.problems.losses.ranks import CORN
from jaxflow.problems.losses.sequences import CTC
from jaxflow.problems.losses.values import AbsoluteError, GaussianNLL, Huber, SquaredError

CLASS_LOSSES = (CrossEntropy, Focal, Hinge)
MASK_LOSSES = (*CLASS_LOSSES, Dice, Tversky)
LOGIT_LOSSES = (BinaryCrossEntropy, BinaryFocal, BinaryHinge)
VALUE_LOSSES = (SquaredError, AbsoluteError, Huber)


def home_of(loss: Loss) -> str:
    """Returns the problems that a loss of jaxflow's is of, for an error; "" where it is no field of one."""
    homes = {
        CLASS_LOSSES: "Classification, or others of classes",
        (Dice, Tversky): "Segmentation",
        LOGIT_LOSSES: "BinaryClassification and MultiLabel",
        VALUE_LOSSES: "Regression and Autoencoding",
        (CORN,): "OrdinalClassification",
        (KL,): "LabelDistribution",
        (CTC,): "Transcription",
        (GaussianNLL,): "GaussianRegression",
    }
    return next((home for kinds, home in homes.items() if isinstance(loss, kinds)), "")
