"""Derivatives of every kind: forward mode, second derivatives, their batches and their recomputation, held together."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.checks.differences import extrapolate
from jaxdl.checks.probes import MOVES, sizes_of
from jaxdl.checks.problem import FAST, active_leaves, flat_function, layout

STEP = 1e-4  # of the differences of gradients, relative to each coordinate's size; halved once
KINK = 1e-3  # relative difference of the slopes of a gradient on both sides
RTOL = {"forward": 1e-9, "second": 1e-6, "batched": 1e-9, "recomputed": 1e-9}


@dataclass(frozen=True)
class DerivativeReport:
    """Relative errors of the derivatives of g(x) = sum_o c_o f_o(x) along a random direction v, in float64.

    Attributes:
        forward: `jax.jvp` of g against grad g . v, relative to the sum of |grad g_i v_i|.
        second: the Hessian-vector product `jax.jvp(jax.grad(g))` against differences of gradients along v; NaN
            (undecided) if every point tried lies within a step of a kink.
        batched: `jax.vmap` of value, gradient, forward derivative and Hessian-vector product against one row alone.
        recomputed: the gradient of `jax.checkpoint(g)` against the gradient of g.
    """

    forward: float
    second: float
    batched: float
    recomputed: float

    @property
    def failures(self) -> tuple[str, ...]:
        """The kinds of derivative that are off, or not finite."""
        return tuple(kind for kind, rtol in RTOL.items() if not getattr(self, kind) <= rtol)

    @property
    def ok(self) -> bool:
        """True if every kind agrees."""
        return not self.failures


def check_derivatives(
    f: Callable[..., Any], *args: Any, argnums: int | Sequence[int] = 0, seed: int = 0
) -> DerivativeReport:
    """`derivative_report`, and an AssertionError that names the kinds which disagree.

    >>> check_derivatives(jnp.sin, 1.0).failures
    ()
    """
    report = derivative_report(f, *args, argnums=argnums, seed=seed)
    if not report.ok:
        kinds = (f"{kind} (relative error {getattr(report, kind):.1e})" for kind in report.failures)
        raise AssertionError(f"derivatives that disagree with the gradient: {', '.join(kinds)}")
    return report


def derivative_report(
    f: Callable[..., Any], *args: Any, argnums: int | Sequence[int] = 0, seed: int = 0
) -> DerivativeReport:
    """Compare every kind of derivative of f with its reverse-mode gradient, in one compiled program.

        jvp(g)(x; v) = grad g(x) . v,    jvp(grad g)(x; v) = lim (grad g(x + t v) - grad g(x - t v)) / 2t

    The gradient itself is `check_gradients`' matter; what agrees with it here is right if it is. Where the gradient has
    a kink along v, a neighboring point is taken.

    Args:
        f: any function that can be traced; arguments and `argnums` as for `check_gradients`.
        seed: of the weights c and of the direction v.

    Raises: what JAX raises where f has no derivative of a kind, as `jax.jvp` of a `jax.custom_vjp` does.

    Reference: Pearlmutter, "Fast exact multiplication by the Hessian", 1994.

    >>> derivative_report(lambda x: jnp.tanh(x) ** 2, jnp.arange(3.0)).ok
    True
    >>> slope = jax.custom_jvp(jnp.cos)  # right in its value, wrong in its derivative: a sign is lost
    >>> _ = slope.defjvp(lambda x, v: (jnp.cos(x[0]), jnp.sin(x[0]) * v[0]))
    >>> wrong = jax.custom_jvp(jnp.sin)
    >>> _ = wrong.defjvp(lambda x, v: (jnp.sin(x[0]), slope(x[0]) * v[0]))
    >>> derivative_report(wrong, 1.0).failures
    ('second',)
    """
    with jax.enable_x64(True):
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        active = active_leaves(args, positions)
        x = np.concatenate([value.ravel() for _, value in active])
        flat, arrays = flat_function(f, args, positions, layout(active))
        rng = np.random.default_rng(seed)
        n_out = jax.eval_shape(flat, x, arrays).shape[0]
        cotangent = rng.uniform(0.5, 1.5, n_out) * rng.choice([-1.0, 1.0], n_out)
        sizes = np.concatenate([sizes_of(value).ravel() for _, value in active])
        v = sizes * rng.uniform(0.5, 1.5, x.size) * rng.choice([-1.0, 1.0], x.size)
        program, report = _program(flat), None
        for signs in ((0.0, 0.0), *MOVES):
            moved = x + np.abs(v) * rng.uniform(0.01, 0.1, x.size) * rng.choice(signs, x.size)
            forward, single, batch, recomputed = jax.device_get(program(moved, v, cotangent, arrays))
            report = _compare(forward, single, batch, recomputed, v)
            if not np.isnan(report.second):
                break
        assert report
        return report


def _program(flat: Callable[..., jax.Array]) -> Callable[..., Any]:
    """One compiled program of (x, v, c, arrays): forward alone, every kind of one row, their batch, recomputed."""

    @functools.partial(jax.jit, compiler_options=FAST)
    def program(x: jax.Array, v: jax.Array, cotangent: jax.Array, arrays: list[Any]) -> Any:
        def g(x: jax.Array) -> jax.Array:
            return flat(x, arrays) @ cotangent

        def every_kind(x: jax.Array) -> Any:
            return jax.jvp(jax.value_and_grad(g), (x,), (v,))

        forward = jax.jvp(g, (x,), (v,))[1]
        steps = STEP * jnp.array([0.0, 1.0, -1.0, 0.5, -0.5])
        return (
            forward,
            every_kind(x),
            jax.vmap(every_kind)(x[None] + steps[:, None] * v[None]),
            jax.grad(jax.checkpoint(g))(x),
        )

    return program


def _compare(forward: Any, single: Any, batch: Any, recomputed: Any, v: np.ndarray) -> DerivativeReport:
    (_, gradient), (_, second) = single
    gradients = batch[0][1]  # [5, N], at the steps 0, t, -t, t/2, -t/2
    right, left = (
        extrapolate(np.stack([sign * (gradients[i] - gradients[0]) / t for i, t in rungs], axis=-1), order=1)
        for sign, rungs in ((1, ((1, STEP), (3, STEP / 2))), (-1, ((2, STEP), (4, STEP / 2))))
    )
    slopes = np.stack([gradients[1] - gradients[2], 2 * (gradients[3] - gradients[4])], axis=-1) / (2 * STEP)
    rows = [(leaf[0], alone) for leaf, alone in zip(jax.tree.leaves(batch), jax.tree.leaves(single), strict=True)]
    rounding = 1e-9 * np.abs(gradient).max(initial=0.0)  # a gradient of 1e9 times the curvature hides it
    bent = np.abs(right - left).max(initial=0.0) > KINK * max(np.abs(right).max(initial=0.0), rounding / KINK)
    curvature = np.abs(second).max(initial=rounding)
    return DerivativeReport(
        forward=float(_relative(forward, gradient @ v, np.abs(gradient) @ np.abs(v))),
        second=np.nan if bent else float(_relative(second, extrapolate(slopes, order=2), curvature)),
        batched=max(float(_relative(row, alone, np.abs(alone).max(initial=1e-12))) for row, alone in rows),
        recomputed=float(_relative(recomputed, gradient, np.abs(gradient).max(initial=0.0))),
    )


def _relative(a: Any, b: Any, scale: Any) -> Any:
    """The largest |a - b| in units of `scale`; 0 for equal values, infinite where one is not finite."""
    difference = np.max(np.abs(np.asarray(a) - b), initial=0.0)
    return 0.0 if difference == 0 else np.nan_to_num(difference / scale if scale else np.inf, nan=np.inf)
