"""Curves of several runs laid over each other, a panel for each score."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxdl.artifacts.pictures import by_epoch, subplots

COLORS = ("#2a6fbb", "#d9822b", "#3a8f5c", "#8e5bb5", "#c0504d", "#17a2b8", "#8a8a8a", "#b8860b")

Curve = tuple[Sequence[float], Sequence[float]]  # epochs and values


def overlay(panels: Mapping[str, Mapping[str, Curve]]) -> Any:
    """A panel for each score with a curve for each run, three panels in a row; a run keeps its color.

    Args:
        panels: score -> run -> (epochs, values).
    """
    names = list(dict.fromkeys(name for runs in panels.values() for name in runs))
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    figure, axes = subplots(len(panels), 3, width=4.2, height=3.2)
    for ax, (score, runs) in zip(axes, panels.items(), strict=True):
        for name, (epochs, values) in runs.items():
            ax.plot(epochs, values, color=colors[name], label=name, marker="." if len(epochs) < 40 else None)
        by_epoch(ax, score)
    axes[0].legend(frameon=False, fontsize=8)
    return figure
