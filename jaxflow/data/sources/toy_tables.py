"""scikit-learn's small tables, which come with the installation."""

import importlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.errors import UserError
from jaxflow.schema import Feature, Schema, Target


@dataclass(frozen=True)
class ToyTable:
    """A table of numbers with a class to predict, in "diabetes" a value, in "linnerud" three: no network, no files.

    Columns are in their own units, so `preprocess` wants a Standardize().

    Source: R. A. Fisher, 1936 (iris); M. Forina et al., 1991 (wine); W. N. Street et al., 1993 (breast_cancer);
    B. Efron et al., 2004 (diabetes); A. C. Linnerud, in M. Tenenhaus, 1998 (linnerud).
    """

    name: Literal["iris", "wine", "breast_cancer", "diabetes", "linnerud"]
    """Which table."""
    split: HoldOut | KFold = HoldOut(0.1, 0.2)
    """Which rows are held out."""

    def __post_init__(self) -> None:
        names = ("iris", "wine", "breast_cancer", "diabetes", "linnerud")
        if self.name not in names:
            raise UserError(f"data.name is {self.name!r}; bundled are {', '.join(names)}")

    def load(self) -> Dataset:
        """Reads the rows as (examples, columns) float32, and splits them."""
        datasets = importlib.import_module("sklearn.datasets")  # a second to import: only when asked for
        # scikit-learn's scaling of diabetes is fitted to all rows, those held out too.
        options = {"scaled": False} if self.name == "diabetes" else {}
        table = getattr(datasets, f"load_{self.name}")(**options)
        inputs = table.data.astype(np.float32)
        if self.name in ("diabetes", "linnerud"):
            names = [name.lower() for name in table.get("target_names", ["progression"])]
            targets = table.target.astype(np.float32).reshape(len(inputs), len(names))
            target = Target("number", tuple(names))
        else:
            target, targets = Target("class", tuple(map(str, table.target_names))), table.target.astype(np.int32)
        everything = ArraySplit(inputs, targets, [f"{self.name}_{i:03d}" for i in range(len(inputs))])
        classes = targets if target.kind == "class" else None
        splits = self.split.split(SplitKeys(everything.ids, classes=classes))
        schema = Schema(Feature("vector", inputs.shape[1:], "float32"), target)
        return validate(Dataset({name: everything.take(chosen) for name, chosen in splits.items()}, schema))
