"""`check_gradients`: every leaf of a reverse-mode gradient against finite differences in float64."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.checks.differences import LEVELS, Estimate, estimate, steps_of
from jaxdl.checks.problem import Leaf, Problem, make_problem
from jaxdl.checks.report import GradientReport, LeafReport, Verdict

# Steps relative to the coordinate's size. Multiples of pi, since a periodic function may repeat along round numbers.
FIRST_STEP = math.pi / 111
OTHER_STEPS = tuple(math.pi * s for s in (0.28, 5.5e-4, 3.6e-5, 2.3e-6, 1.4e-7))  # for curvature, for a near kink
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


class Comparison(NamedTuple):
    """Gradient and finite difference per probe, [P] each."""

    gradient: np.ndarray
    difference: Estimate
    settled: np.ndarray
    moved: np.ndarray


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    argnums: int | Sequence[int] = 0,
    rtol: float = 1e-6,
    max_elements: int = 2000,
    directions: int = 4,
    seed: int = 0,
) -> GradientReport:
    """Compare the gradient of f with finite differences in float64 and raise if any leaf disagrees.

        g(x) = sum_o c_o f_o(x),    d g / d x_i = lim (g(x + t e_i) - g(x - t e_i)) / 2t

    with fixed random weights c over all floating outputs o (a scalar, an array or a tree), so that each counts. The
    left side is `jax.vjp`'s (custom rules included), the right side is extrapolated by Richardson's method with an
    error estimate, at steps scaled to the coordinate. The relative error |left - right| / max(|left|, |right|) may
    exceed `rtol` only by what rounding of f's values explains.

    A coordinate that sits on a kink (ReLU, max, abs, a step) has different one-sided differences: it is compared at a
    neighboring point and counted in the report. Near a kink the step shrinks below the distance.

    Above `max_elements` elements, a leaf is compared along `directions` random directions of the whole leaf, at its
    `directions` steepest and as many random coordinates: an error of a whole leaf always shows, an error of a few
    elements shows only if it is large in the leaf. Leaves of at most 2 * `directions` elements stay complete.

    Args:
        f: any function that can be traced; custom derivatives, scans and dtype promotion as under `jax.grad`.
        *args: its arguments: arrays, trees, Python values. Floating arrays are cast to float64, numbers become arrays
            in `argnums`, everything else is handed on as it is. Arrays that f closes over stay float32: pass them.
        argnums: the arguments to differentiate, as for `jax.grad`; all their leaves must be real and floating.
        rtol: the largest relative error allowed.
        max_elements: the number of elements up to which every coordinate is compared.
        directions: random directions and sampled coordinates per large leaf.
        seed: of the weights c, the directions and the moves off kinks.
    Returns: a `GradientReport`, one row per leaf; `print` shows it as a table.

    Raises:
        AssertionError: names the leaves that failed, with both values at the worst coordinate, and prints the table.
        TypeError: a leaf to differentiate is an integer or complex, or f returns no real floating values.
        ValueError: `argnums` names no argument, or f is not finite at the point.

    f should be computed accurately at the point: where large terms cancel inside (logits of 30, a log-probability of
    -1e-13), its rounding errors exceed what its values tell, and a right gradient may be called wrong.

    Reference: Richardson, 1911 (see `jaxdl.checks.differences`); Griewank, Walther, "Evaluating Derivatives", 2008.

    >>> report = check_gradients(lambda p: jnp.tanh(p["w"] * 2.0), {"w": jnp.arange(3.0)})
    >>> report.ok, report.leaves[0].path, report.leaves[0].checked
    (True, "args[0]['w']", 3)
    """
    report = gradient_report(
        f,
        *args,
        argnums=argnums,
        rtol=rtol,
        max_elements=max_elements,
        directions=directions,
        seed=seed,
    )
    if not report.ok:
        raise AssertionError(report.message())
    return report


def gradient_report(
    f: Callable[..., Any],
    *args: Any,
    argnums: int | Sequence[int] = 0,
    rtol: float = 1e-6,
    max_elements: int = 2000,
    directions: int = 4,
    seed: int = 0,
) -> GradientReport:
    """Like `check_gradients`, and return the report whatever the verdicts.

    >>> wrong = jax.custom_vjp(lambda x: x**2)
    >>> wrong.defvjp(lambda x: (x**2, x), lambda x, dy: (2.0001 * x * dy,))
    >>> print(gradient_report(wrong, 3.0))
    leaf     shape  worst relative error  kinks  verdict
    args[0]  ()     5.0e-05               0      wrong
    """
    with jax.enable_x64(True):
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        problem = make_problem(f, args, positions, seed)
        rng = np.random.default_rng(seed)
        if not np.isfinite(problem.changes(problem.point, problem.point[None])[0]).all():
            raise ValueError("the function is not finite at this point: there is no derivative to compare with")
        gradient = problem.gradient(problem.point)
        directional = problem.point.size > max_elements
        probes = _probes(problem, gradient, directions if directional else 0, rng)
        comparison = _compare(problem, gradient, probes, rtol, rng)
    leaves = tuple(
        _judge(leaf, [i for i, p in enumerate(probes) if p.leaf == n], probes, comparison, rtol)
        for n, leaf in enumerate(problem.leaves)
    )
    hint = f"the function computes in {problem.narrow}: too coarse here, let it follow its input's dtype"
    return GradientReport(leaves, rtol, directional, hint if problem.narrow else "")


def _sizes(x: np.ndarray) -> np.ndarray:
    """The size of each coordinate of a leaf, by which steps are scaled: its own, or a tenth of the leaf's largest."""
    largest = np.max(np.abs(x), initial=0.0) or 1.0
    return np.maximum(np.abs(x), 0.1 * largest)


def _probes(problem: Problem, gradient: np.ndarray, directions: int, rng: np.random.Generator) -> list[Probe]:
    """Every coordinate; or (directions > 0) for larger leaves random directions, steepest and random coordinates."""
    probes = []
    for n, leaf in enumerate(problem.leaves):
        sizes = _sizes(problem.point[leaf.start : leaf.start + leaf.size])
        coordinates = np.arange(leaf.size)
        if directions and leaf.size > 2 * directions:
            for _ in range(directions):
                probes.append(Probe(n, leaf.start, sizes * rng.choice([-1.0, 1.0], leaf.size), None))
            steepness = np.nan_to_num(np.abs(gradient[leaf.start : leaf.start + leaf.size]) * sizes, nan=np.inf)
            steepest = np.argsort(steepness)[-directions:]
            coordinates = np.union1d(steepest, rng.choice(leaf.size, directions, replace=False))
        for i in coordinates:
            index = tuple(int(k) for k in np.unravel_index(i, leaf.shape))
            probes.append(Probe(n, leaf.start + int(i), sizes[i : i + 1], index))
    return probes


def _along(gradient: np.ndarray, probes: Sequence[Probe]) -> np.ndarray:
    return np.array([gradient[p.start : p.start + p.vector.size] @ p.vector for p in probes])


def _measure(
    problem: Problem, x: np.ndarray, probes: Sequence[Probe], step: np.ndarray, magnitude: np.ndarray | float = 0.0
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


def _select(mask: np.ndarray, new: Estimate, old: Estimate) -> Estimate:
    return Estimate(*(np.where(mask, a, b) for a, b in zip(new, old, strict=True)))


def _differences(problem: Problem, x: np.ndarray, probes: Sequence[Probe], rtol: float) -> Estimate:
    """The most precise estimate per probe; more steps are tried only where the first is not precise."""
    best = _measure(problem, x, probes, np.full(len(probes), FIRST_STEP))
    open_ = np.flatnonzero(~_is_precise(best, rtol))
    if not open_.size:
        return best
    remaining = [probes[int(i)] for i in open_]
    sizes = np.array([np.abs(p.vector).max() for p in remaining])
    own = np.array(
        [abs(x[p.start]) if p.vector.size == 1 and x[p.start] else s for p, s in zip(remaining, sizes, strict=True)]
    )
    ladders = [np.full(len(remaining), s) for s in OTHER_STEPS if s >= NARROW_STEP or not problem.narrow]
    ladders += [] if problem.narrow else [np.maximum(s / sizes, SMALLEST_STEP) for s in ABSOLUTE_STEPS]
    ladders += [FIRST_STEP * own / sizes]  # for values far below the rest of their leaf: log(1e-8) beside log(1)
    found = Estimate(*(field[open_] for field in best))
    for step in ladders:
        new = _measure(problem, x, remaining, step, found.magnitude)  # values that stay equal by luck are as coarse
        found = _select(new.error + new.rounding < found.error + found.rounding, new, found)
    for field, values in zip(best, found, strict=True):
        field[open_] = values
    return best


def _compare(
    problem: Problem, gradient: np.ndarray, probes: Sequence[Probe], rtol: float, rng: np.random.Generator
) -> Comparison:
    """Both derivatives of every probe; those on a kink at the point are compared at a neighboring one."""
    along, difference = _along(gradient, probes), _differences(problem, problem.point, probes, rtol)
    settled = _is_settled(difference, rtol)
    moved = np.zeros(len(probes), bool)
    sizes = np.concatenate([_sizes(problem.point[leaf.start : leaf.start + leaf.size]) for leaf in problem.leaves])
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


def _judge(leaf: Leaf, members: list[int], probes: Sequence[Probe], comparison: Comparison, rtol: float) -> LeafReport:
    """The verdict on one leaf from its probes."""
    if not members:
        return LeafReport(leaf.path, leaf.shape, 0.0, None, 0.0, 0.0, "ok", 0, 0, 0)
    left, settled = comparison.gradient[members], comparison.settled[members]
    right, error, rounding = (field[members] for field in comparison.difference[:3])
    # A coordinate whose noise is below rtol of the leaf's largest derivative needs no more precision than that.
    largest = np.max(np.abs(right), initial=0.0, where=settled)
    negligible = ~settled & (error <= rtol * largest)
    allowed = np.where(negligible, error, rounding)
    decided = (settled | negligible) | ~np.isfinite(left)
    scale = np.maximum(np.maximum(np.abs(left), np.abs(right)), allowed / rtol)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(left == right, 0.0, np.abs(left - right) / scale)
    relative = np.where(np.isfinite(left), relative, np.inf)
    worst = int(np.argmax(np.where(decided, relative, -1.0) if decided.any() else relative))
    verdict: Verdict = "ok"
    if not np.isfinite(left).all():
        verdict = "not finite"
    elif relative[worst] > rtol and decided[worst]:
        verdict = "wrong"
    elif not decided.all():
        verdict, worst = "undecided", int(np.argmin(decided))
    probe = probes[members[worst]]
    unit = 1.0 if probe.where is None else float(probe.vector[0])  # per unit of the coordinate, not of its size
    return LeafReport(
        leaf.path,
        leaf.shape,
        float(relative[worst]),
        probe.where,
        float(left[worst] / unit),
        float(right[worst] / unit),
        verdict,
        checked=int(decided.sum()),
        kinks=int(comparison.moved[members].sum()),
        undecided=int((~decided).sum()),
    )
