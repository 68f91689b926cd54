"""One form for every model of one player, with or without running statistics."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from jaxdl.types import Array, Key, Params, State


class Apply(Protocol):
    """(params, state, x) -> (outputs, new state); training is told by `train`, randomness by `key`."""

    def __call__(
        self, params: Params, state: State, x: Any, *, train: bool, key: Key | None = None
    ) -> tuple[Array, State]: ...


class Model(NamedTuple):
    """A model module with its Config put in.

    Attributes:
        init: key -> (params, state); state is {} where there are no running statistics.
        apply: (params, state, x, *, train, key) -> (outputs, new state).
        feature_maps: (params, state, x) -> (the maps of every block, new state), of a model that has such; None else.
        config: the module's Config.
    """

    init: Callable[[Key], tuple[Params, State]]
    apply: Apply
    feature_maps: Callable[[Params, State, Array], tuple[list[Array], State]] | None = None
    config: Any = None


def bind(module: ModuleType, config: Any) -> Model:
    """The `Model` of a module of `jaxdl.models` and its Config: one form for all, whatever state they carry.

    A model without running statistics gives its state back as it came, and drops nothing unless `train`. A sequence
    model takes x = (source, target_in).

    Raises: ValueError for another module's Config, and for a module that is no model of one player (a game has two:
        see `jaxdl.tasks.adversarial.players`).

    >>> import jax, jax.numpy as jnp
    >>> from jaxdl.models import mlp
    >>> model = bind(mlp, mlp.Config(n_in=4, n_out=3))
    >>> params, state = model.init(jax.random.key(0))
    >>> y, state = model.apply(params, state, jnp.ones((2, 4)), train=False)
    >>> y.shape, state
    ((2, 3), {})
    """
    name = module.__name__.rpartition(".")[2]
    if not all(hasattr(module, part) for part in ("Config", "init", "apply")):
        raise ValueError(f"{name} is not a model of one player: it has no Config, init(key, config) and apply")
    if not isinstance(config, module.Config):
        raise ValueError(f"{name} takes a {name}.Config, got {type(config).__module__}.{type(config).__qualname__}")
    maps = functools.partial(module.feature_maps, config=config) if hasattr(module, "feature_maps") else None
    if hasattr(module, "init_state"):

        def stateful(
            params: Params, state: State, x: Any, *, train: bool, key: Key | None = None
        ) -> tuple[Array, State]:
            return module.apply(params, state, x, config, train=train, key=key)

        return Model(lambda key: (module.init(key, config), module.init_state(config)), stateful, maps, config)

    def stateless(params: Params, state: State, x: Any, *, train: bool, key: Key | None = None) -> tuple[Array, State]:
        inputs = x if isinstance(x, tuple) else (x,)
        return module.apply(params, *inputs, config, key=key if train else None), state

    return Model(lambda key: (module.init(key, config), {}), stateless, maps, config)
