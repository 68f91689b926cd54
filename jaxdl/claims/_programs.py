"""What a program costs: how much of it must wait for the rest, read off its text, and seconds by the clock."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import jax
from jax.extend import core

Name = TypeVar("Name", bound=Hashable)


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


def least_seconds(calls: Mapping[Name, Callable[[], Any]], rounds: int) -> dict[Name, float]:
    """The least of many timings of each call, taken in turns: a slow moment of the machine falls on all of them alike.

    >>> import jax.numpy as jnp
    >>> [0 < seconds < 1 for seconds in least_seconds({"a sum": lambda: jnp.ones(3).sum()}, 3).values()]
    [True]
    """
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            jax.block_until_ready(call())
            least[name] = min(least[name], time.perf_counter() - began)
    return least
