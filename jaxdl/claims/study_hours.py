"""One feature gives a line, two give a plane; both are found by rolling down the same kind of bowl.

    y = w x + b        J(w, b) = 1/N sum_i (w x_i + b - y_i)^2
    y = w_1 x_1 + w_2 x_2 + b

J is a quadratic of the parameters, so it has one lowest point, where least squares in closed form puts it too.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import losses, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._evidence import Budget, Result, measured
from jaxdl.models import linear
from jaxdl.recipes.study_hours_linear import HOURS, SCORE
from jaxdl.types import Array, Key, Params

STATEMENT = "Gradient descent finds the line of one feature (hours of study) and the plane of two (two exams)."
SOURCE = "Legendre, 1805; Goodfellow et al., Deep Learning, section 5.1.4"
RULE = (
    "From every start, descent reaches w and b within 1e-3 of least squares in closed form, for the line and for the "
    "plane, and the loss never rises on the way."
)
SEEDS, SECONDS = 10, 2

STEPS, RATE = 400, 0.1


def run(key: Key, budget: Budget) -> Result:
    """Descend from random starts, and compare with the closed form."""
    keys = jax.random.split(key, budget.seeds)
    figures, checks, drawn = [], {}, {}
    for name, (x, y, features) in problems().items():
        budget.stage(name)
        config = linear.Config(n_in=x.shape[1])
        paths, curves = jax.jit(jax.vmap(lambda k, c=config, x=x, y=y: path(k, x, y, c)))(keys)
        best = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), np.asarray(y), rcond=None)[0]
        last = paths[:, -1]
        figures += [measured(f"{name}: {label}", last[:, i]) for i, label in enumerate((*features, "b"))]
        figures.append(measured(f"{name}: largest distance to least squares", jnp.abs(last - best[None]).max()))
        checks[f"{name}: least squares is reached"] = bool((jnp.abs(last - best[None]) < 1e-3).all())
        checks[f"{name}: the loss never rises"] = bool((jnp.diff(curves, axis=1) <= 1e-4).all())
        drawn[name] = (x, y, paths[0], best)
    return Result(tuple(figures), checks, drawn, remark="Features in units of their deviation, around their mean.")


def problems() -> dict[str, tuple[Array, Array, tuple[str, ...]]]:
    """Hours of study and score; two exams and the final one (made from the first two, with noise)."""
    x, y = np.array(HOURS, np.float32)[:, None], np.array(SCORE, np.float32)
    draw = np.random.default_rng(0)
    exams = draw.normal(70, 12, (60, 2))
    final = 5 + 0.35 * exams[:, 0] + 0.6 * exams[:, 1] + draw.normal(0, 4, 60)
    standard = lambda a: (a - a.mean(0)) / a.std(0)  # noqa: E731
    return {
        "line": (jnp.asarray(standard(x)), jnp.asarray(y), ("w",)),
        "plane": (jnp.asarray(standard(exams), jnp.float32), jnp.asarray(final, jnp.float32), ("w_1", "w_2")),
    }


def path(key: Key, x: Array, y: Array, config: linear.Config) -> tuple[Array, Array]:
    """The parameters [STEPS, n + 1] and the losses [STEPS] of gradient descent from a random start."""
    start = 30 * jax.random.normal(key, (x.shape[1] + 1,))
    optimizer = optim.sgd(RATE)

    def loss(theta: Array) -> Array:
        params: Params = linear.init(key, config)
        params = jax.tree.unflatten(jax.tree.structure(params), [theta[-1:], theta[:-1, None]])  # b, then w
        return losses.mean_squared_error(linear.apply(params, x, config), y)

    def step(carry: Any, _: None) -> tuple[Any, tuple[Array, Array]]:
        theta, state = carry
        value, gradient = jax.value_and_grad(loss)(theta)
        update, state = optimizer.update(gradient, state)
        return (theta + update, state), (theta, value)

    return jax.lax.scan(step, (start, optimizer.init(start)), length=STEPS)[1]


def picture(result: Result) -> Any:
    """The line through its points, the loss surface with the path down, and the plane's fit."""
    figure, axes = pictures.subplots(3, 3, width=3.5, height=3.2)
    x, y, way, best = result.drawn["line"]
    axes[0].plot(x[:, 0], y, "o", color="0.55", markersize=4)
    ends = jnp.array([x.min(), x.max()])
    axes[0].plot(ends, best[0] * ends + best[1], color="black", label=f"y = {best[0]:.2f} x + {best[1]:.2f}")
    axes[0].set_xlabel("hours of study (deviations from the mean)")
    axes[0].set_ylabel("score")
    axes[0].legend(frameon=False, loc="upper left")
    w, b = jnp.linspace(best[0] - 60, best[0] + 60, 61), jnp.linspace(best[1] - 60, best[1] + 60, 61)
    surface = jax.vmap(lambda b: jax.vmap(lambda w: ((w * x[:, 0] + b - y) ** 2).mean())(w))(b)
    axes[1].contour(w, b, jnp.sqrt(surface), levels=12, colors="0.75", linewidths=0.7)
    axes[1].plot(way[:, 0], way[:, 1], ".-", color="black", markersize=4, linewidth=0.8)
    axes[1].set_xlabel("w")
    axes[1].set_ylabel("b")
    axes[1].set_title("loss surface and path", fontsize=9)
    x, y, _, best = result.drawn["plane"]
    axes[2].plot(x @ best[:-1] + best[-1], y, "o", color="0.55", markersize=4)
    axes[2].plot([y.min(), y.max()], [y.min(), y.max()], color="black", linewidth=0.8)
    axes[2].set_xlabel(f"{best[0]:.1f} exam 1 + {best[1]:.1f} exam 2 + {best[2]:.1f}")
    axes[2].set_ylabel("final exam")
    axes[2].set_title("plane: fitted and true", fontsize=9)
    return figure
