"""Where a model errs more than elsewhere: what results.json has of it, and what the page shows."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from jaxflow.errors import listed
from jaxflow.evaluation.metrics.scores import Units, units_of
from jaxflow.evaluation.report.errors.base import Measured
from jaxflow.evaluation.slices import LEVEL, MIN_EXAMPLES, find_slices, worse_slices
from jaxflow.reports.blocks import Block, Text
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import count, exact

# Columns that are looked at, and slices that are shown and kept.
MAX_COLUMNS, MAX_SHOWN = 60, 20


def measure_slices(columns: Mapping[str, np.ndarray], measured: Measured, units: Units) -> dict[str, Any]:
    """Returns what results.json holds of slices; {} where there is nothing to look at.

    Args:
      columns: by name what each example is told by, (examples,) each.
      measured: how wrong each example is.
      units: of the examples.

    Returns:
      "measure", what is compared; "columns", those that were looked at; "slices", how many; and "worse", those where
      the model errs more than elsewhere, and not by chance, the largest difference first.
    """
    known = np.isfinite(measured.errors)
    chosen = {name: values[known] for name, values in list(columns.items())[:MAX_COLUMNS]}
    if not known.any() or not chosen:
        return {}
    found = find_slices(chosen, measured.errors[known], units_of(units.index[known], units.noun))
    worse = [asdict(each) for each in worse_slices(found)[:MAX_SHOWN]]
    return {"measure": measured.name, "columns": list(chosen), "slices": len(found), "worse": worse}


def slice_blocks(known: Mapping[str, Any]) -> list[Block]:
    """Returns the slices where a model errs more than elsewhere, or the sentence that none stands out.

    Args:
      known: as `measure_slices` returns it.
    """
    if not known:
        return []
    looked = f"{count(known['slices'], 'slice')} by {listed(known['columns'])}"
    if not known["slices"]:
        return [Text(f"There is no slice of {MIN_EXAMPLES} examples by {listed(known['columns'])} to look at.")]
    if not known["worse"]:
        return [Text(f"None of {looked} stands out: differences are no larger than chance makes them.")]
    about = (
        f"Of {looked} these have a higher {known['measure']} than the rest of the test split, and not by chance: after "
        f"Benjamini and Hochberg, {100 * LEVEL:g}% of such findings are false on average. Slices overlap, and that the "
        "model errs more there does not say why."
    )
    rows = [
        [
            f"{each['column']}: {each['value']}",
            f"{each['examples']:,}",
            exact(each["error"]),
            exact(each["elsewhere"]),
            f"{each['error'] / each['elsewhere']:.1f} times" if each["elsewhere"] > 0 else "",
            "< 0.001" if each["p"] < 0.001 else f"{each['p']:.3f}",
        ]
        for each in known["worse"]
    ]
    columns = ("slice", "examples", known["measure"], "elsewhere", "", "p, corrected")
    return [Text(about), Table("", columns, rows)]
