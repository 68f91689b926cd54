"""Pictures of a search: all trials as lines over their dimensions; loss over the learning rate."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl.artifacts import pictures


def parallel_coordinates(
    trials: Sequence[Mapping[str, Any]], scores: Sequence[float], name: str, mode: str, *, log: Sequence[str] = ()
) -> Any:
    """A line for each trial through its values, the darker the better its score; the score is the last axis.

    Args:
        trials: dimension -> value, the same dimensions in each.
        scores: of the trials; those that are not finite are left out.
        name: of the score.
        mode: whether "max" or "min" is best.
        log: dimensions with a logarithmic axis.
    """
    kept = [(trial, score) for trial, score in zip(trials, scores, strict=True) if np.isfinite(score)]
    axes = [*(trials[0] if trials else {}), name]
    figure, (ax,) = pictures.subplots(1, 1, width=1.7 * len(axes) + 0.8, height=3.6)
    columns = [_positions([trial[axis] for trial, _ in kept], axis in log) for axis in axes[:-1]]
    columns.append(_positions([score for _, score in kept], False))
    rank = np.argsort(np.argsort([score if mode == "max" else -score for _, score in kept]))
    for i in np.argsort(rank):  # the best last, on top
        share = float(rank[i] / max(len(kept) - 1, 1))
        ax.plot(
            range(len(axes)),
            [column[0][i] for column in columns],
            color=str(0.88 - 0.88 * share),
            linewidth=0.6 + 1.6 * share,
        )
    box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    for x, (_, ticks) in enumerate(columns):
        ax.axvline(x, color="0.4", linewidth=0.8)
        for height, text in ticks:
            ax.text(x + 0.03, height, text, fontsize=8, va="center", bbox=box)
    ax.set_xticks(range(len(axes)), axes, fontsize=9)
    ax.set_yticks([])
    ax.set_xlim(-0.1, len(axes) - 0.6)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_xlabel(f"trials, the darker the better {name}")
    return figure


def _positions(values: Sequence[Any], log: bool) -> tuple[list[float], list[tuple[float, str]]]:
    """Heights in [0, 1] and labelled ticks: by size or its logarithm, or by the order of names."""
    if not values:
        return [], []
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        names = sorted(set(map(str, values)))
        heights = {text: (i + 0.5) / len(names) for i, text in enumerate(names)}
        return [heights[str(value)] for value in values], [(height, text) for text, height in heights.items()]
    x = np.array(values, float)
    low, high = x.min(), x.max()
    scaled = (np.log(x) if log else x) - (np.log(low) if log else low)
    width = scaled.max() or 1.0
    middle = np.sqrt(low * high) if log else (low + high) / 2
    ticks = [(0.0, f"{low:.3g}"), (0.5, f"{middle:.3g}"), (1.0, f"{high:.3g}")] if high > low else [(0.5, f"{low:.3g}")]
    return ((scaled / width) if high > low else np.full(len(x), 0.5)).tolist(), ticks


def rate_curve(rates: Any, losses: Any, suggestion: float, largest: float) -> Any:
    """The smoothed loss over the learning rate, with the suggested and the largest useful rate."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.4, height=3.4)
    ax.semilogx(rates, losses, color="black")
    ax.axvline(suggestion, color="black", linestyle="--", label=f"steepest fall: {suggestion:.2g}")
    ax.axvline(largest, color="0.6", linestyle=":", label=f"lowest loss: {largest:.2g}")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("training loss (smoothed)")
    ax.legend(frameon=False)
    return figure
