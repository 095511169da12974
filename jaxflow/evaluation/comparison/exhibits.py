"""Examples on which two runs differ, as they are seen and heard."""

import logging
from collections.abc import Sequence

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.errors import UserError
from jaxflow.evaluation.comparison.values import Apart
from jaxflow.experiment import load_data
from jaxflow.file_io import storage_error
from jaxflow.reports.figures.examples import example_urls
from jaxflow.reports.galleries import Exhibit
from jaxflow.runs.folder import read_experiment
from jaxflow.runs.groups import Run

logger = logging.getLogger("jaxflow")


def read_data(run: Run) -> Dataset | None:
    """Reads the data of a run whose pictures or sounds a page may show; None where that cannot be done, which is said.

    Files of a run of classes of the user's own are executed only where they are trusted, as by every command.
    """
    try:
        with storage_error(run.folder):
            return load_data(read_experiment(run.folder))
    except UserError as error:
        logger.info(f"examples are shown without pictures, since the data cannot be read: {error}")
        return None


def exhibits(dataset: Dataset | None, shown: Sequence[Apart], names: tuple[str, str]) -> list[Exhibit] | None:
    """Returns examples as pictures and sounds; None where there are none of them.

    Args:
      dataset: the data; None where it cannot be read.
      shown: the examples.
      names: of the two runs.
    """
    kind = dataset.schema.inputs.kind if dataset else ""
    if dataset is None or kind not in ("image", "volume", "audio"):
        return None
    wanted, found = {each.name for each in shown}, {}
    for split in dataset.splits.values():
        found |= {name: (split, row) for row in range(len(split)) if (name := str(split.id(row))) in wanted}
    if wanted - found.keys():
        return None
    made = []
    for each in shown:
        lines = (f"true {each.true}", *(f"{name}: {answer}" for name, answer in zip(names, each.answers)))
        split, row = found[each.name]
        inputs = split.rows(np.array([row]))["inputs"][0]
        made.append(Exhibit(each.name, lines, *example_urls(inputs, dataset.schema.inputs)))
    return made
