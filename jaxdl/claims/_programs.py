"""What can be read off a program without running it: how much of it must wait for the rest."""

from typing import Any

from jax.extend import core


def chain(closed: core.ClosedJaxpr) -> int:
    """The most matrix products of which each needs the result of the one before; those in a loop count at every turn.

    >>> import jax, jax.numpy as jnp
    >>> chain(jax.make_jaxpr(lambda a, b: a @ b + b @ a @ b)(jnp.ones((2, 2)), jnp.ones((2, 2))))
    2
    """
    longest: dict[Any, int] = {}
    for equation in closed.jaxpr.eqns:
        before = max((longest.get(v, 0) for v in equation.invars if not isinstance(v, core.Literal)), default=0)
        inner = [core.ClosedJaxpr(j, ()) if isinstance(j, core.Jaxpr) else j for j in jaxprs(equation.params)]
        products = max((chain(j) for j in inner), default=int(equation.primitive.name == "dot_general"))
        turns = equation.params["length"] if equation.primitive.name == "scan" else 1
        longest |= dict.fromkeys(equation.outvars, before + turns * products)
    return max(longest.values(), default=0)


def jaxprs(parameters: Any) -> list[Any]:
    """The programs inside an operation: a loop's body, a called function."""
    return [p for p in parameters.values() if isinstance(p, core.ClosedJaxpr | core.Jaxpr)]
