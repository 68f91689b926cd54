"""Time series: one drawn from a known rule, windows of any series with what follows, and forecasts without a model."""

from typing import NamedTuple

import numpy as np

DAY, WEEK = 24, 168  # hours


class Seasons(NamedTuple):
    """A series by the hour.

    Attributes:
        values: season + noise, [N] float32.
        season: what repeats: a day's wave whose height changes over the week, and a week's wave, [N] float32.
    """

    values: np.ndarray
    season: np.ndarray


def seasons(n: int, *, persistence: float = 0.8, noise: float = 0.3, seed: int = 0) -> Seasons:
    """A sum of seasons and of noise that lasts: what a demand by the hour looks like.

        x_t = (1 + sin(2 pi t / 168) / 2) sin(2 pi t / 24) + sin(2 pi t / 168) / 2 + u_t
        u_t = a u_{t-1} + sqrt(1 - a^2) s e_t,    e_t ~ N(0, 1),    so that u has the standard deviation s

    Args:
        n: hours.
        persistence: a in [0, 1).
        noise: s.
        seed: of e.

    >>> drawn = seasons(48, noise=0.0)
    >>> bool((drawn.values == drawn.season).all()), f"{drawn.season[6]:.3f}"
    (True, '1.223')
    """
    t = np.arange(n)
    week = np.sin(2 * np.pi * t / WEEK)
    season = (1 + week / 2) * np.sin(2 * np.pi * t / DAY) + week / 2
    e = np.random.default_rng(seed).normal(size=n)
    u, last = np.empty(n), e[0] * noise if n else 0.0
    for i in range(n):
        last = persistence * last + np.sqrt(1 - persistence**2) * noise * e[i] if i else last
        u[i] = last
    return Seasons((season + u).astype(np.float32), season.astype(np.float32))


def windows(values: np.ndarray, length: int, ahead: int) -> dict[str, np.ndarray]:
    """Every window of a series, and the value some steps after its end.

    Args:
        values: [N].
        length: T, values that a window holds.
        ahead: steps from the window's last value to the target.
    Returns: {"x": [M, T, 1], "y": [M], "time": [M] the index of y}, M = N - T - ahead + 1.
    Raises: ValueError for a series without a window.

    >>> part = windows(np.arange(6.0), length=3, ahead=2)
    >>> part["x"][:, :, 0].tolist(), part["y"].tolist(), part["time"].tolist()
    ([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]], [4.0, 5.0], [4, 5])
    """
    if length < 1 or ahead < 1 or len(values) < length + ahead:
        raise ValueError(f"windows: {len(values)} values hold no window of {length} and one {ahead} steps later")
    time = np.arange(length + ahead - 1, len(values))
    x = np.lib.stride_tricks.sliding_window_view(values[: len(values) - ahead], length)
    return {"x": np.ascontiguousarray(x)[..., None], "y": values[time], "time": time}


def split_by_time(part: dict[str, np.ndarray], validation: float, test: float) -> list[dict[str, np.ndarray]]:
    """The first windows, those after them and the last ones: nothing is forecast from what comes later.

    >>> [p["y"].tolist() for p in split_by_time(windows(np.arange(11.0), 1, 1), 0.2, 0.3)]
    [[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0], [8.0, 9.0, 10.0]]
    """
    n = len(part["y"])
    ends = [n - round(n * test) - round(n * validation), n - round(n * test), n]
    starts = [0, *ends[:-1]]
    return [{name: v[a:b] for name, v in part.items()} for a, b in zip(starts, ends, strict=True)]


def naive(values: np.ndarray, time: np.ndarray, ahead: int, *, season: int = 1) -> np.ndarray:
    """The last known value of the same phase: x_{t - k season}, the smallest k for which it is `ahead` steps old.

    `season` 1 repeats the last value; 24 takes the same hour of the last known day.

    >>> naive(np.arange(10.0), np.array([8, 9]), 2, season=3).tolist()
    [5.0, 6.0]
    """
    return values[time - season * -(-ahead // season)]
