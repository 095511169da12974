"""Results as lines, a table in Markdown and a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from benchmarks.contender import rates, ratio

# To train on an image: forward, both gradients. By a word in the group's name.
FLOPS_PER_IMAGE = {"ResNet-18": 3.33e9, "": 25.7e6}  # the other is the CIFAR network
PEAK = "matmul peak"
Group = Mapping[str, Sequence[Mapping[str, float]]]


def lines(name: str, group: Group) -> list[str]:
    """Writes one line for each contender of a group: rate, our rate over its, processor time and memory.

    Args:
      name: the group's name.
      group: each contender's answers.

    Returns:
      The lines; where the group holds the matmul peak, the last is our share of it.
    """
    written = [f"{'':<28}{'examples/s':>12}{'jaxflow is':>12}{'CPU us/ex.':>12}{'MB':>8}"]
    for who, rate in rates(group).items():
        if who == PEAK:
            continue
        times = f"x{ratio(group, 'jaxflow', who):.2f}" if who != "jaxflow" else ""
        cpu = median(r["cpu_seconds"] / r["examples"] for r in group[who]) * 1e6
        memory = median(r["memory_mb"] for r in group[who])
        written.append(f"{who:<28}{rate:>12,.0f}{times:>12}{cpu:>12,.0f}{memory:>8,.0f}")
    if PEAK in group:
        flops = next(number for word, number in FLOPS_PER_IMAGE.items() if word in name)
        share = median(
            flops * (ours["examples"] / ours["seconds"]) / (peak["examples"] / peak["seconds"])
            for ours, peak in zip(group["jaxflow"], group[PEAK])
        )
        dtype = "bfloat16" if "bfloat16" in name else "float32"
        written.append(f"share of the {dtype} matmul peak ({rates(group)[PEAK] / 1e9:,.0f} GFLOP/s): {share:.0%}")
    return written


def memory_line(memory: Mapping[str, float]) -> str:
    """Says how a training process's size changed."""
    change = memory["after_mb"] / memory["before_mb"] - 1
    return (
        f"resident size over {memory['steps']:,} steps: {memory['before_mb']:.1f} MB, then {memory['after_mb']:.1f} MB "
        f"({change:+.1%})"
    )


def stream_line(said: Mapping[str, Mapping[str, float]]) -> str:
    """Says what training processes took at most, beside what their images would take decoded."""
    sizes = (f"{d['peak_mb']:,.0f} MB with {d['decoded_mb']:,.0f} MB of decoded images" for d in said.values())
    return "largest resident size of a run on images in files: " + ", ".join(sizes)


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
        f"Made by `python -m benchmarks --rounds {results['rounds']} --seconds {results['seconds']:g}`. "
        "![speed](speed.png)",
        "",
        f"{results['date']}, {machine['cores']} cores of {machine['processor']}, {machine['system']}. Medians of "
        f'{results["rounds"]} interleaved rounds; "jaxflow is" is the median of the rounds\' ratios.',
        "",
        ", ".join(f"{name} {version}" for name, version in versions.items() if version) + ".",
    ]
    for name, group in results["groups"].items():
        parts += ["", f"## {name}", "", "```", *lines(name, group), "```"]
    if "memory" in results:
        parts += ["", "## memory", "", memory_line(results["memory"])]
    if "memory of a stream" in results:
        parts += ["", "## memory of a stream", "", stream_line(results["memory of a stream"])]
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
