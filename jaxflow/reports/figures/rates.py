"""The figure of a learning-rate range test."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxflow.reports.figures.plot import save


def rate_test(rates: np.ndarray, losses: np.ndarray, smoothed: np.ndarray, suggestion: float, path: Path) -> None:
    """Draws the loss over the learning rate.

    Args:
      rates: learning rate of each step, (steps,).
      losses: loss of each step, (steps,).
      smoothed: the same, smoothed, (steps,).
      suggestion: the learning rate that is suggested.
      path: PNG file to write.
    """
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(rates, losses, color="0.75", linewidth=0.8, label="loss")
    axes.plot(rates, smoothed, color="black", linewidth=1.4, label="smoothed")
    axes.axvline(suggestion, color="tab:red", linestyle="--", linewidth=1, label=f"suggested: {suggestion:.2g}")
    axes.set_xscale("log")
    low, high = float(smoothed.min()), float(np.quantile(losses, 0.9))
    margin = 0.1 * max(high - low, 1e-6)
    axes.set_ylim(min(low, float(losses.min())) - margin, max(high, float(smoothed[0])) + margin)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save(figure, path)
