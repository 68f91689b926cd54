"""Probes of a gradient: coordinates and random directions, each compared with finite differences at a good step."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdl.checks.differences import LEVELS, Estimate, estimate, steps_of
from jaxdl.checks.problem import Problem

# Steps relative to the coordinate's size: irrational, since periodic functions repeat along round numbers and pi.
FIRST_STEP = math.sqrt(3) / 61
OTHER_STEPS = tuple(math.sqrt(3) * s for s in (0.5, 1e-3, 6.5e-5, 4e-6, 2.5e-7))  # for curvature, for a near kink
ABSOLUTE_STEPS = (FIRST_STEP, OTHER_STEPS[2])  # for values far below the scale of the function: 1 + 1e-8
SMALLEST_STEP = 5e-8
NARROW_STEP = 1e-3  # below it, a function that rounds to float32 is a staircase
MOVES = ((1.0, 1.0), (-1.0, -1.0), (-1.0, 1.0), (-1.0, 1.0))  # signs of the moves off a kink: a domain may end there


class Probe(NamedTuple):
    """One direction: `vector` at x[start:], of one coordinate or of a whole leaf."""

    leaf: int
    start: int
    vector: np.ndarray
    where: tuple[int, ...] | None  # its index in the leaf, None for a direction
    share: float = 1.0  # |x_i| / vector: x_i dg/dx_i is `share` times the derivative along the probe


class Comparison(NamedTuple):
    """Gradient and finite difference per probe, [P] each."""

    gradient: np.ndarray
    difference: Estimate
    settled: np.ndarray
    moved: np.ndarray


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
    return estimate(change[:, :LEVELS], change[:, LEVELS:], np.maximum(size.max(axis=1), magnitude), step)


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


def _differences(problem: Problem, x: np.ndarray, probes: Sequence[Probe], rtol: float) -> Estimate:
    """The most precise estimate per probe; more steps are tried only where the first is not precise."""
    best = _measure(problem, x, probes, np.full(len(probes), FIRST_STEP), np.zeros(len(probes)))
    ladders = np.array([_ladders(problem, probe) for probe in probes])  # [P, tries]
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
    """Both derivatives of every probe; those on a kink at the point are compared at a neighboring one."""
    along, difference = _along(gradient, probes), _differences(problem, problem.point, probes, rtol)
    settled = _is_settled(difference, rtol)
    moved = np.zeros(len(probes), bool)
    sizes = np.concatenate([sizes_of(problem.point[leaf.start : leaf.start + leaf.size]) for leaf in problem.leaves])
    for signs in MOVES:
        stuck = np.flatnonzero(~settled & np.isfinite(along))  # a NaN at the point itself stays a failure
        if not stuck.size:
            break
        x = problem.point + sizes * rng.uniform(0.01, 0.1, sizes.size) * rng.choice(signs, sizes.size)
        part = [probes[int(i)] for i in stuck]
        new = _differences(problem, x, part, rtol)
        good = _is_settled(new, rtol)
        along[stuck[good]] = _along(problem.gradient(x), part)[good]
        for field, values in zip(difference, new, strict=True):
            field[stuck[good]] = values[good]
        settled[stuck[good]] = moved[stuck[good]] = True
    return Comparison(along, difference, settled, moved)
