"""Examples before and after each augmentation, for people to look at."""

from dataclasses import dataclass

import jax
import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.sample import Sample
from jaxflow.experiment import Experiment
from jaxflow.models.layers.rows import keys_by_row
from jaxflow.transforms import augment, preprocess


@dataclass(frozen=True, eq=False)
class Augmented:
    """The same few examples, unchanged or after one augmentation.

    Attributes:
      name: of the augmentation.
      raw: (examples, ...) inputs before preprocessing.
      inputs: (examples, ...) as the model sees them.
      targets: (examples, ...); masks move with their inputs.
    """

    name: str
    raw: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray


def augmented(experiment: Experiment, dataset: Dataset, sample: Sample, count: int = 6) -> list[Augmented]:
    """Computes examples unchanged, and after each augmentation of an experiment by itself.

    Args:
      experiment: says how inputs are preprocessed and augmented.
      dataset: its data.
      sample: of the training split.
      count: examples that are shown.

    Returns:
      The unchanged examples, and one more for each augmentation.
    """
    fitted = preprocess.fit(experiment.preprocess, dataset.splits["train"], dataset.schema.inputs)
    chosen = np.linspace(0, len(sample.inputs) - 1, min(count, len(sample.inputs))).astype(int)  # neighbours are alike
    raw = {
        "inputs": jax.numpy.asarray(sample.inputs[chosen]),
        "targets": jax.numpy.asarray(sample.targets[chosen]),
        "index": jax.numpy.asarray(sample.indices[chosen].astype(np.int32)),
        "epoch": jax.numpy.zeros(len(chosen), jax.numpy.int32),
    }
    rows = []
    for position, chain in enumerate([(), *((augmentation,) for augmentation in experiment.augment)]):
        key = jax.random.fold_in(jax.random.key(experiment.seed), position)
        keys = keys_by_row(key, 0, len(chosen))
        changed = augment.apply(chain, keys, raw, raw=True)
        seen = changed | {"inputs": preprocess.apply(experiment.preprocess, fitted, changed["inputs"])}
        seen = augment.apply(chain, keys, seen, raw=False)
        name = type(chain[0]).__name__ if chain else "as they are"
        rows.append(Augmented(name, *map(np.asarray, (changed["inputs"], seen["inputs"], seen["targets"]))))
    return rows
