"""`check_gradients`: every leaf of a reverse-mode gradient against finite differences in float64."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from jaxdl.checks.probes import Comparison, Probe, compare, confirm, make_probes, unseen
from jaxdl.checks.problem import Leaf, Problem, make_problem
from jaxdl.checks.report import GradientReport, LeafReport, Verdict

CONFIRMED = 3  # of a leaf's worst coordinates: more only cost time
NOT_DETERMINISTIC = (
    "the function is not deterministic: equal arguments gave different values. Pass random numbers in, or the"
    " jax.random key that makes them; numpy.random and counters inside are drawn anew each time"
)


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

    A coordinate that sits on a kink (ReLU, max, abs, a step) has different one-sided differences: the gradient must lie
    between them, is compared at a neighboring point, and is counted in the report. Near a kink the step shrinks below
    the distance.

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
        ValueError: `argnums` names no argument, f is not finite at the point, or is not deterministic.

    f should be computed accurately at the point: where large terms cancel inside (logits of 30, a log-probability of
    -1e-13), its rounding errors exceed what its values tell, and the verdict is "undecided".

    Reference: Richardson, 1911 (see `jaxdl.checks.differences`); Griewank, Walther, "Evaluating Derivatives", 2008.

    >>> report = check_gradients(lambda p: jax.numpy.tanh(p["w"]), {"w": jax.numpy.ones(3)})
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
        probes = make_probes(problem, gradient, directions if directional else 0, rng)
        comparison = compare(problem, gradient, probes, rtol, rng)
        members = [[i for i, p in enumerate(probes) if p.leaf == n] for n in range(len(problem.leaves))]
        judged = [_judge(leaf, m, probes, comparison, rtol) for leaf, m in zip(problem.leaves, members, strict=True)]
        leaves = _confirmed(problem, judged, members, probes, comparison, rtol)
        if any(leaf.verdict != "ok" for leaf in leaves) and _is_random(problem):
            raise ValueError(NOT_DETERMINISTIC)
    hint = f"the function computes in {problem.narrow}: too coarse here, let it follow its input's dtype"
    return GradientReport(leaves, rtol, directional, hint if problem.narrow else "")


def _is_random(problem: Problem) -> bool:
    """Whether the function is another one when it is traced again, or has another value at the same point."""
    here, there = problem.point, problem.point + 0.1 * np.maximum(np.abs(problem.point), 0.1)
    changes, sizes = problem.changes(here, np.stack([here, there]))
    return bool(abs(changes[0]) > 1e-6 * sizes[1]) or problem.changed_by_tracing()


def _confirmed(
    problem: Problem,
    reports: Sequence[LeafReport],
    members: Sequence[list[int]],
    probes: Sequence[Probe],
    comparison: Comparison,
    rtol: float,
) -> tuple[LeafReport, ...]:
    """A leaf is called wrong only if a coordinate stays wrong under other steps and above the noise of the values."""
    gap = np.abs(comparison.gradient - comparison.difference.value)
    scale = np.maximum(np.abs(comparison.gradient), np.abs(comparison.difference.value))
    with np.errstate(invalid="ignore"):  # an infinite gradient is judged before
        relative = np.where(comparison.settled, gap / np.maximum(scale, 1e-300), 0.0)
    wrong = [n for n, report in enumerate(reports) if report.verdict == "wrong"]
    worst = [(n, i) for n in wrong for i in sorted(members[n], key=lambda i: -relative[i])[:CONFIRMED]]
    if not worst:
        return tuple(reports)
    rows = [i for _, i in worst]
    stays = confirm(problem, [probes[i] for i in rows], comparison.take(rows), rtol)
    confirmed = {n for (n, _), stay in zip(worst, stays, strict=True) if stay}
    return tuple(
        replace(report, verdict="undecided", checked=report.checked - 1, undecided=report.undecided + 1)
        if n in wrong and n not in confirmed
        else report
        for n, report in enumerate(reports)
    )


def _judge(leaf: Leaf, members: list[int], probes: Sequence[Probe], comparison: Comparison, rtol: float) -> LeafReport:
    """The verdict on one leaf from its probes."""
    if not members:
        return LeafReport(leaf.path, leaf.shape, 0.0, None, 0.0, 0.0, "ok", 0, 0, 0)
    left, settled = comparison.gradient[members], comparison.settled[members]
    right, error, rounding, magnitude = (field[members] for field in comparison.difference[:4])
    share = np.array([probes[i].share for i in members])
    # A coordinate whose noise is below rtol of the leaf's largest derivative needs no more precision than that.
    largest, terms = (np.max(np.abs(v), initial=0.0, where=settled) for v in (right, share * right))
    negligible = ~settled & (error <= rtol * largest) & (share * error <= rtol * terms)
    # Terms a few times x_i dg/dx_i may cancel inside f (1 + tanh(x) in GELU's tail), so that its rounding is theirs.
    cancellation = np.divide(4.0 * terms, magnitude, out=np.ones_like(right), where=magnitude > 1e-290)
    rounding = np.where(magnitude > 0, rounding * np.maximum(1.0, cancellation), unseen(np.max(magnitude)))
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
        kinks=int((comparison.place[members] > 0).sum()),
        undecided=int((~decided).sum()),
    )
