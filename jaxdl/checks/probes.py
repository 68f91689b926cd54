"""Probes of a gradient: coordinates and random directions, each compared with finite differences at a good step."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdl.checks.differences import EPS, LEVELS, ROUNDING, Estimate, estimate, steps_of
from jaxdl.checks.problem import Problem

# Steps relative to the coordinate's size: irrational, since periodic functions repeat along round numbers and pi.
FIRST_STEP = math.sqrt(3) / 61
OTHER_STEPS = tuple(math.sqrt(3) * s for s in (0.5, 1e-3, 6.5e-5, 4e-6, 2.5e-7))  # for curvature, for a near kink
ABSOLUTE_STEPS = (FIRST_STEP, OTHER_STEPS[2])  # for values far below the scale of the function: 1 + 1e-8
SMALLEST_STEP = 5e-8
NARROW_STEP = 1e-3  # below it, a function that rounds to float32 is a staircase
KINK_STEPS = tuple(math.sqrt(3) * s for s in (1e-3, 6.5e-5, 4e-6))
NOISE_STEPS = tuple(math.sqrt(3) * s for s in (1e-9, 1e-6, 1e-3))
SECOND_OPINION = 0.5 * (math.sqrt(5) - 1)
MOVES = ((1.0, 1.0), (-1.0, -1.0), (-1.0, 1.0), (-1.0, 1.0))  # signs of the moves off a kink: a domain may end there


class Probe(NamedTuple):
    """One direction: `vector` at x[start:], of one coordinate or of a whole leaf."""

    leaf: int
    start: int
    vector: np.ndarray
    where: tuple[int, ...] | None  # its index in the leaf, None for a direction
    share: float = 1.0  # |x_i| / vector: x_i dg/dx_i is `share` times the derivative along the probe


class Comparison(NamedTuple):
    """Gradient and finite difference per probe, [P] each; `points` are where they were compared."""

    gradient: np.ndarray
    difference: Estimate
    settled: np.ndarray
    place: np.ndarray  # which of the points: 0 is that of the check, the others lie off its kinks
    beyond: np.ndarray  # bool: at a kink the gradient lies outside of both slopes
    points: list[np.ndarray]

    def take(self, rows: Sequence[int]) -> "Comparison":
        """Some of the probes."""
        difference = Estimate(*(values[rows] for values in self.difference))
        per_probe = (self.gradient[rows], difference, self.settled[rows], self.place[rows], self.beyond[rows])
        return Comparison(*per_probe, self.points)


def unseen(magnitude: float) -> float:
    """The slope along a probe that no step may show in values of this magnitude: they are rounded to what they were."""
    return ROUNDING * EPS * magnitude / FIRST_STEP


def sizes_of(x: np.ndarray) -> np.ndarray:
    """The size of each coordinate of a leaf, by which steps are scaled: its own, or a tenth of the leaf's largest."""
    largest = np.max(np.abs(x), initial=0.0) or 1.0
    return np.maximum(np.abs(x), 0.1 * largest)


def make_probes(problem: Problem, gradient: np.ndarray, directions: int, rng: np.random.Generator) -> list[Probe]:
    """Every coordinate; or (directions > 0) for larger leaves random directions, steepest and random coordinates."""
    probes = []
    for n, leaf in enumerate(problem.leaves):
        sizes = sizes_of(problem.point[leaf.start : leaf.start + leaf.size])
        coordinates = np.arange(leaf.size)
        if directions and leaf.size > 2 * directions:
            for _ in range(directions):
                probes.append(Probe(n, leaf.start, sizes * rng.choice([-1.0, 1.0], leaf.size), None))
            steepness = np.nan_to_num(np.abs(gradient[leaf.start : leaf.start + leaf.size]) * sizes, nan=np.inf)
            steepest = np.argsort(steepness)[-directions:]
            coordinates = np.union1d(steepest, rng.choice(leaf.size, directions, replace=False))
        for i in coordinates:
            index = tuple(int(k) for k in np.unravel_index(i, leaf.shape))
            share = float(abs(problem.point[leaf.start + i]) / sizes[i]) or 1.0
            probes.append(Probe(n, leaf.start + int(i), sizes[i : i + 1], index, share))
    return probes


def _along(gradient: np.ndarray, probes: Sequence[Probe]) -> np.ndarray:
    return np.array([gradient[p.start : p.start + p.vector.size] @ p.vector for p in probes])


def _measure(
    problem: Problem, x: np.ndarray, probes: Sequence[Probe], step: np.ndarray, magnitude: np.ndarray
) -> Estimate:
    """Finite differences at x along each probe, at the ladder of steps below `step` [P]."""
    steps = np.stack([steps_of(step), -steps_of(step)], axis=1).reshape(len(probes), 2 * LEVELS)
    change, size = np.empty(steps.shape), np.empty(steps.shape)
    group = max(1, 2**22 // (2 * LEVELS * x.size + 1))  # probes whose points fit into 32 MiB
    for begin in range(0, len(probes), group):
        part = slice(begin, begin + group)
        points = np.tile(x, (len(probes[part]), 2 * LEVELS, 1))
        for row, probe, t in zip(points, probes[part], steps[part], strict=True):
            row[:, probe.start : probe.start + probe.vector.size] += t[:, None] * probe.vector
        shape = points.shape[:2]
        results = problem.changes(x, points.reshape(-1, x.size))
        change[part], size[part] = (values.reshape(shape) for values in results)
    seen = np.where(np.isfinite(size), size, 0.0).max(axis=1)  # beyond the end of a domain there is no size
    return estimate(change[:, :LEVELS], change[:, LEVELS:], np.maximum(seen, magnitude), step)


def _is_precise(difference: Estimate, rtol: float) -> np.ndarray:
    return difference.error + difference.rounding <= 0.25 * rtol * np.abs(difference.value)


def _is_settled(difference: Estimate, rtol: float) -> np.ndarray:
    return difference.error <= 0.25 * rtol * np.abs(difference.value) + difference.rounding


def _ladders(problem: Problem, probe: Probe) -> list[float]:
    """The steps to try where the first is not precise."""
    if problem.narrow:
        return [s for s in OTHER_STEPS if s >= NARROW_STEP]
    size = float(np.abs(probe.vector).max())
    absolute = [max(s / size, SMALLEST_STEP) for s in ABSOLUTE_STEPS]
    return [*OTHER_STEPS, *absolute, FIRST_STEP * probe.share]  # the last: log(1e-8) beside log(1) in one leaf


def _differences(
    problem: Problem, x: np.ndarray, probes: Sequence[Probe], rtol: float, factor: float = 1.0
) -> Estimate:
    """The most precise estimate per probe; more steps are tried only where the first is not precise.

    `factor` times all steps: a second opinion.
    """
    best = _measure(problem, x, probes, np.full(len(probes), factor * FIRST_STEP), np.zeros(len(probes)))
    ladders = factor * np.array([_ladders(problem, probe) for probe in probes])  # [P, tries]
    for steps in ladders.T:
        rough = np.flatnonzero(~_is_precise(best, rtol))
        if not rough.size:
            break
        old = Estimate(*(field[rough] for field in best))
        # What was seen to change with one step is as coarse with another, even if its values stay equal by luck.
        new = _measure(problem, x, [probes[int(i)] for i in rough], steps[rough], old.magnitude)
        better = new.error + new.rounding < old.error + old.rounding
        for field, a in zip(best, new, strict=True):
            field[rough[better]] = a[better]
    return best


def compare(
    problem: Problem, gradient: np.ndarray, probes: Sequence[Probe], rtol: float, rng: np.random.Generator
) -> Comparison:
    """Both derivatives of every probe; those on a kink at the point are compared at a neighboring one.

    At the kink itself the gradient must lie between the one-sided slopes, or it stays what it is: wrong.
    """
    along, difference = _along(gradient, probes), _differences(problem, problem.point, probes, rtol)
    settled = _is_settled(difference, rtol)
    place, beyond, points = np.zeros(len(probes), int), np.zeros(len(probes), bool), [problem.point]
    sizes = np.concatenate([sizes_of(problem.point[leaf.start : leaf.start + leaf.size]) for leaf in problem.leaves])
    for signs in MOVES:
        stuck = np.flatnonzero(~settled & np.isfinite(along))  # a NaN at the point itself stays a failure
        if not stuck.size:
            break
        x = problem.point + sizes * rng.uniform(0.01, 0.1, sizes.size) * rng.choice(signs, sizes.size)
        part = [probes[int(i)] for i in stuck]
        new = _differences(problem, x, part, rtol)
        good = _is_settled(new, rtol)
        kinks = stuck[good]
        beside = _along(problem.gradient(x), part)
        agrees = np.abs(beside - new.value) <= rtol * np.abs(new.value) + new.rounding
        along[kinks] = np.where(agrees[good], along[kinks], beside[good])
        for field, values in zip(difference, new, strict=True):
            field[kinks] = values[good]
        right = np.flatnonzero(good & agrees)
        if right.size:
            nearest, outside = _nearest_slope(problem, [part[int(i)] for i in right], along[stuck[right]], rtol)
            along[stuck[right]] = np.where(outside, along[stuck[right]], beside[right])
            difference.value[stuck[right[outside]]] = nearest[outside]
            beyond[stuck[right[outside]]] = True
        settled[kinks], place[kinks] = True, len(points)
        points.append(x)
    return Comparison(along, difference, settled, place, beyond, points)


def _nearest_slope(
    problem: Problem, probes: Sequence[Probe], along: np.ndarray, rtol: float
) -> tuple[np.ndarray, np.ndarray]:
    """What is nearest to `along` between the slopes on both sides of the point, and whether that is far from it.

    Outputs may lean to different sides: with weights c the gradient is within sum |c (right - left)| / 2 of the mean of
    both slopes. Where a side has no slope (a jump, the end of a domain) nothing is outside.
    """
    tries = [
        _measure(problem, problem.point, probes, np.full(len(probes), s), np.zeros(len(probes))) for s in KINK_STEPS
    ]
    errors = np.stack([t.one_sided_error + t.rounding for t in tries])
    best = np.argmin(errors, axis=0), np.arange(len(probes))
    right, left, error = np.stack([t.right for t in tries])[best], np.stack([t.left for t in tries])[best], errors[best]
    low, high = np.minimum(left, right), np.maximum(left, right)
    slack = 0.25 * rtol * np.maximum(np.abs(low), np.abs(high)) + error
    known = error <= 0.01 * np.maximum(np.abs(low), np.abs(high))
    outside = known & ((along < low - slack) | (along > high + slack))
    for i in np.flatnonzero(outside):
        low[i], high[i] = (low[i] + high[i]) / 2 + np.array([-0.5, 0.5]) * _spread(problem, probes[int(i)])
    outside &= (along < low - slack) | (along > high + slack)
    return np.clip(along, low, high), outside


def _spread(problem: Problem, probe: Probe) -> float:
    """Sum over the outputs of |c (right slope - left slope)| along a probe."""
    step = KINK_STEPS[-1]
    points = np.tile(problem.point, (2, 1))
    points[:, probe.start : probe.start + probe.vector.size] += np.outer([step, -step], probe.vector)
    return problem.bend(problem.point, *points) / step


def confirm(problem: Problem, probes: Sequence[Probe], comparison: Comparison, rtol: float) -> np.ndarray:
    """Which of these disagreements of gradient and difference are more than noise, or luck, of the values: [P].

    The noise of the values is measured (Hamming's table of differences at small steps; More, Wild,
    "Estimating computational noise", 2011), and other steps must give the same difference.
    """
    stays = comparison.beyond.copy()
    for n, x in enumerate(comparison.points):
        rows = [int(i) for i in np.flatnonzero((comparison.place == n) & ~stays)]
        if rows:
            stays[rows] = _is_no_noise(problem, x, [probes[i] for i in rows], comparison.take(rows), rtol)
    return stays


def _is_no_noise(
    problem: Problem, x: np.ndarray, probes: Sequence[Probe], comparison: Comparison, rtol: float
) -> np.ndarray:
    """`confirm` for probes that were compared at x."""
    difference = comparison.difference
    gap = np.abs(comparison.gradient - difference.value)
    share = _noise(problem, x, probes) / (EPS * np.maximum(difference.magnitude, 1e-300))
    rounding = difference.rounding * np.maximum(1.0, share)
    # Values that stay equal tell only that the slope is less than what the largest step would show in values around 1.
    rounding = np.where(difference.value == 0, np.maximum(rounding, unseen(1.0)), rounding)
    again = _differences(problem, x, probes, rtol, factor=SECOND_OPINION)
    return (gap > 2.0 * rounding) & (np.abs(again.value - difference.value) <= 0.25 * gap)


def _noise(problem: Problem, x: np.ndarray, probes: Sequence[Probe]) -> np.ndarray:
    """The standard deviation of the noise in the values at x along each probe, [P].

    Noise shows as differences of order 4 to 6 of equal size: a smooth function's fall off with the order. Noise like a
    staircase needs steps that climb it.
    """
    steps = np.outer(NOISE_STEPS, np.arange(-4, 5)).ravel()  # [S * 9]
    points = np.tile(x, (len(probes), len(steps), 1))
    for row, probe in zip(points, probes, strict=True):
        row[:, probe.start : probe.start + probe.vector.size] += np.outer(steps, probe.vector)
    results = problem.changes(x, points.reshape(-1, x.size))
    table, size = (values.reshape(len(probes), len(NOISE_STEPS), 9) for values in results)
    scales = {k: math.factorial(k) ** 2 / math.factorial(2 * k) for k in (4, 5, 6)}
    with np.errstate(invalid="ignore"):
        orders = np.stack([np.sqrt(c * np.mean(np.diff(table, k) ** 2, -1)) for k, c in scales.items()])  # [3, P, S]
        is_noise = orders.max(0) <= np.minimum(4 * orders.min(0), 0.01 * size.max(-1))
    return np.where(is_noise, orders.max(0), 0.0).max(-1)
