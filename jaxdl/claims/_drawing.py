"""What the pictures of several claims draw alike: the seeds of a quantity, and their mean."""

from typing import Any

import numpy as np

from jaxdl.metrics.intervals import confidence


def dots(ax: Any, place: float, values: Any, *, sideways: bool = False) -> None:
    """A dot for each seed, side by side around `place` on the x axis, and a bar at their mean; or along the y axis."""
    values = np.asarray(values)
    across, bar = place + np.linspace(-0.15, 0.15, len(values)), [place - 0.3, place + 0.3]
    mean = [float(values.mean())] * 2
    ax.plot(*((values, across) if sideways else (across, values)), "o", color="black", markerfacecolor="none", ms=5)
    ax.plot(*((mean, bar) if sideways else (bar, mean)), color="black", linewidth=2)


def intervals(ax: Any, x: Any, values: Any, style: str, label: str) -> None:
    """The means of values [len(x), seeds] along x, with their 95 % intervals."""
    means, spread = [float(np.mean(v)) for v in values], [confidence(v) for v in values]
    ax.errorbar(x, means, spread, fmt=style, color="black", capsize=3, markerfacecolor="white", label=label)
