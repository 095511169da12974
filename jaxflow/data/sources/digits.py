"""scikit-learn's handwritten digits: 1,797 real images that come with the installation."""

from dataclasses import dataclass

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.splitting.hashing import split_by_hash, split_size
from jaxflow.ranges import BelowOne, Seed, check_ranges
from jaxflow.schema import Feature, Schema, Target


@dataclass(frozen=True)
class Digits:
    """8x8 grey images of the digits 0 to 9, embedded in scikit-learn: no network, no files.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """

    validation: BelowOne = 0.1
    """Fraction of the examples held out for validation; 0 for none."""
    test: BelowOne = 0.2
    """Fraction of the examples held out for the test."""
    split_seed: Seed = 0
    """Seed of the splits, apart from the run's seed, so that comparing seeds does not mix splits."""

    __post_init__ = check_ranges

    def load(self) -> Dataset:
        """Reads the images as uint8 in [0, 255], (examples, 8, 8, 1), and splits them."""
        from sklearn.datasets import load_digits  # a second to import: only when asked for

        digits = load_digits()
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]  # (example, height, width, 1)
        everything = ArraySplit(images, digits.target.astype(np.int32), [f"digit_{i:04d}" for i in range(len(images))])
        held_out = {
            name: split_size(getattr(self, name), len(images), f"data.{name}") for name in ("test", "validation")
        }
        rest, test = split_by_hash(everything.ids, held_out["test"], self.split_seed)
        train, held = split_by_hash([everything.ids[i] for i in rest], held_out["validation"], self.split_seed)
        splits = {"train": rest[train], "validation": rest[held], "test": test}
        if self.validation == 0:
            del splits["validation"]
        schema = Schema(Feature("image", (8, 8, 1), "uint8"), Target("class", tuple("0123456789")))
        return validate(Dataset({name: everything.take(chosen) for name, chosen in splits.items()}, schema))
