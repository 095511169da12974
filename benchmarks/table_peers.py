"""scikit-learn's models on the encoded rows of a run's table, on the run's own split."""

from pathlib import Path

import numpy as np

from jaxflow.errors import UserError
from jaxflow.evaluation.baselines.models import fit_simple_models
from jaxflow.experiment import load_data
from jaxflow.training.trained import read_trained

# More than any table takes: nothing is cut short.
SECONDS = 3600.0


def table_peers(folder: Path) -> dict[str, float]:
    """Trains scikit-learn's models on a run's training split, with its defaults, and tests them on its test split.

    Args:
      folder: the folder of a run on a table, one class for each row.

    Returns:
      Test accuracy by the model's name.

    Raises:
      UserError: a model could not be fitted, or saw a part of the training split alone.
    """
    dataset = load_data(read_trained(folder, None).experiment)
    train, test = dataset.splits["train"], dataset.splits["test"]
    scores = {}
    for peer in fit_simple_models(dataset.schema, train, test, seconds=SECONDS):
        if peer.predictions is None or peer.note:
            raise UserError(f"{peer.name} beside {folder}: {peer.note}")
        scores[peer.name] = float(np.mean(peer.predictions.argmax(1) == test.targets))
    return scores
