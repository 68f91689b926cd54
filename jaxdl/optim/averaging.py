"""An average of the parameters, kept beside them: it moves more calmly than they do, and often scores better."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.ewma import EwmaState, ewma
from jaxdl.optim.transformation import transformation
from jaxdl.types import Array, Params, Tree


def average_parameters(decay: float | Array = 0.999) -> optax.GradientTransformation:
    """Keep the exponentially weighted moving average of the parameters (`jaxdl.optim.ewma`); the updates pass through.

        u = g,    a = decay a + (1 - decay) (params + u)

    Last in a chain: params + u are the parameters after the step. `averaged` reads the state, an `EwmaState`.

    Raises: ValueError for a decay outside [0, 1), or an update without the parameters.
    Reference: Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992.

    >>> block = average_parameters(0.5)
    >>> params, state = jnp.zeros(1), block.init(jnp.zeros(1))
    >>> for _ in range(2):
    ...     updates, state = block.update(jnp.ones(1), state, params)
    ...     params = params + updates
    >>> params.tolist(), [f"{a:.3f}" for a in averaged(params, state, 0.5).tolist()]  # (0.25 * 1 + 0.5 * 2) / 0.75
    ([2.0], ['1.667'])
    """
    average = ewma(decay)

    def update(updates: Tree, state: EwmaState, params: Params) -> tuple[Tree, EwmaState]:
        if params is None:
            raise ValueError("average_parameters: update(updates, state, params) needs the parameters")
        return updates, average.update(state, optax.apply_updates(params, updates))

    return transformation(average.init, update)


def averaged(params: Params, opt_state: Any, decay: float | Array) -> Params:
    """The average that an optimizer's state keeps of the parameters, in their dtype.

    The parameters themselves before the first step, and where the state keeps none.
    """
    is_average = lambda node: isinstance(node, EwmaState)  # noqa: E731
    kept = [node for node in jax.tree.leaves(opt_state, is_leaf=is_average) if is_average(node)]
    if not kept:
        return params
    value = ewma(decay).value(kept[-1])
    return jax.tree.map(lambda p, a: jnp.where(kept[-1].steps > 0, a.astype(p.dtype), p), params, value)
