"""Results as lines, a table in Markdown and a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from benchmarks.contender import rates, ratio

FLOPS_PER_IMAGE = 25.7e6  # to train the CIFAR network: forward, both gradients
PEAK = "matmul peak"
Group = Mapping[str, Sequence[Mapping[str, float]]]


def lines(group: Group) -> list[str]:
    """Writes one line for each contender of a group: rate, our rate over its, processor time and memory."""
    written = [f"{'':<28}{'examples/s':>12}{'jaxflow is':>12}{'CPU us/ex.':>12}{'MB':>8}"]
    for name, rate in rates(group).items():
        if name == PEAK:
            continue
        times = f"x{ratio(group, 'jaxflow', name):.2f}" if name != "jaxflow" else ""
        cpu = median(r["cpu_seconds"] / r["examples"] for r in group[name]) * 1e6
        memory = median(r["memory_mb"] for r in group[name])
        written.append(f"{name:<28}{rate:>12,.0f}{times:>12}{cpu:>12,.0f}{memory:>8,.0f}")
    if PEAK in group:
        share = median(
            FLOPS_PER_IMAGE * (ours["examples"] / ours["seconds"]) / (peak["examples"] / peak["seconds"])
            for ours, peak in zip(group["jaxflow"], group[PEAK])
        )
        written.append(f"share of the float32 matmul peak ({rates(group)[PEAK] / 1e9:,.0f} GFLOP/s): {share:.0%}")
    return written


def write(results: Mapping[str, Any], folder: Path) -> None:
    """Writes RESULTS.md and speed.png.

    Args:
      results: as the command measured them.
      folder: where the files go.
    """
    machine = results["machine"]
    versions = {**results["versions"], **{f"peers' {name}": v for name, v in results["peers"].items()}}
    parts = [
        "# Results",
        "",
        f"{results['date']}, {machine['cores']} cores of {machine['processor']}, {machine['system']}. Medians of "
        f'{results["rounds"]} interleaved rounds; "jaxflow is" is the median of the rounds\' ratios.',
        "",
        ", ".join(f"{name} {version}" for name, version in versions.items() if version) + ".",
    ]
    for name, group in results["groups"].items():
        parts += ["", f"## {name}", "", "```", *lines(group), "```"]
    if "first step" in results:
        parts += ["", "## first step", "", "| | seconds |", "| --- | --- |"]
        parts += [f"| {name} | {seconds:.2f} |" for name, seconds in results["first step"].items()]
    (folder / "RESULTS.md").write_text("\n".join(parts) + "\n")
    _draw(results["groups"], folder / "speed.png")


def _draw(groups: Mapping[str, Group], path: Path) -> None:
    drawn = {name: rates(group) for name, group in groups.items() if len(group) > 1}
    if not drawn:
        return
    figure = Figure(figsize=(9, 1.0 + 1.7 * len(drawn)), layout="constrained")
    for position, (name, group) in enumerate(drawn.items(), 1):
        axes = figure.add_subplot(len(drawn), 1, position)
        shown = {who: rate for who, rate in group.items() if who != PEAK}
        colours = ["tab:blue" if who == "jaxflow" else "lightgray" for who in shown]
        axes.barh(list(shown), list(shown.values()), color=colours)
        axes.invert_yaxis()
        axes.set_title(f"{name}, examples/s", fontsize=9, loc="left")
        axes.tick_params(labelsize=8)
    figure.savefig(path, dpi=110)
