"""Every optimizer option over every model: which leaves move when the loss has no gradient, and by which norm."""

import importlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import models, nn, optim
from jaxdl.losses import regularizers
from jaxdl.tasks import options
from jaxdl.tree import named_leaves, unit_axes

MOVE = {"w", "table", "q", "y", "ratings", "edges"}  # the last names of all models' leaves
STAY = {"b", "bias", "scale"}
LAYERS = 2  # of the stacks in the Transformer's example
OPTIONS: dict[str, dict[str, Any]] = {
    "sgd": {},
    **{name: {"optimizer": name} for name in ("momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw")},
    "clip_norm": {"clip_norm": 1.0},
    "l1": {"l1": 0.1},
    "l2": {"l2": 0.1},
    "max_norm": {"max_norm": 1e-3},
    "weight_decay": {"optimizer": "adamw", "weight_decay": 0.1},
}
SHRINK = ("l1", "l2", "max_norm", "weight_decay")


def parameters(model: str) -> Any:
    """Parameters of a model's shapes, none of them 0 or shorter than the limit."""
    example = importlib.import_module(f"jaxdl.models.{model}").example
    shapes = jax.eval_shape(lambda key: example(key)[1], jax.random.key(0))
    return jax.tree.map(lambda p: jnp.full(p.shape, 0.5, p.dtype), shapes)


def last(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def steps_without_a_loss(params: Any) -> dict[str, Any]:
    """The update by each option if the loss is constant: only penalties, decay and constraints act."""

    def step(config: options.Config) -> Any:
        optimizer = options.make_optimizer(config, 32)
        gradient = jax.grad(regularizers.elastic_net)(params, l1_rate=config.l1, l2_rate=config.l2)
        return optimizer.update(gradient, optimizer.init(params), params)[0]

    return {name: step(options.Config(**{"optimizer": "sgd", **option})) for name, option in OPTIONS.items()}


def test_every_leaf_has_its_place_in_the_rule() -> None:
    names = {last(path) for model in models.names() for path in named_leaves(parameters(model))}
    assert names == MOVE | STAY


@pytest.mark.parametrize("model", models.names())
def test_weights_move_and_nothing_else(model: str) -> None:
    params = parameters(model)
    weights = {path for path in named_leaves(params) if last(path) in MOVE}
    for option, updates in jax.jit(steps_without_a_loss)(params).items():
        moved = {path for path, update in named_leaves(updates).items() if np.any(np.asarray(update) != 0)}
        assert moved == (weights if option in SHRINK else set()), option


def test_a_penalty_of_a_stack_is_the_sum_over_its_layers() -> None:
    params = parameters("transformer")["encoder"]["layers"]
    alone = [jax.tree.map(lambda leaf, i=i: leaf[i], params) for i in range(LAYERS)]
    for penalty in (regularizers.l1, regularizers.l2):
        np.testing.assert_allclose(penalty(params), sum(penalty(layer) for layer in alone), rtol=1e-6)


def test_max_norm_of_a_stack_is_that_of_its_layers() -> None:
    """One norm for each layer and unit: the first layer is over the limit, the second is not."""
    params = {"layers": nn.init_stack(lambda key: nn.init_dense(key, 4, 3), jax.random.key(0), LAYERS)}
    params["layers"]["w"] *= jnp.array([10.0, 0.01])[:, None, None]
    block = optim.max_norm(1.0)
    updates: Any = block.update(jax.tree.map(jnp.zeros_like, params), block.init(params), params)[0]
    new: Any = optax.apply_updates(params, updates)
    np.testing.assert_allclose(jnp.linalg.norm(new["layers"]["w"][0], axis=0), np.ones(3), rtol=1e-5)
    np.testing.assert_array_equal(new["layers"]["w"][1], params["layers"]["w"][1])


@pytest.mark.parametrize(
    ("path", "shape", "axes"),
    [
        ("w", (4, 3), (0,)),
        ("", (4, 3), (0,)),
        ("layer_0/w", (3, 3, 2, 5), (0, 1, 2)),
        ("layers/w", (6, 3, 3, 2, 5), (1, 2, 3)),
        ("layers/0/w", (4, 3), (0,)),  # a list of layers is no stack
        ("decoder/layers/self/qkv/w", (2, 4, 12), (1,)),
        ("layers/w", (6, 4), (1,)),  # a stack of units with one output
        ("w", (4,), (0,)),
        ("table", (9, 4), (1,)),  # one norm for each row: a column of a table belongs to no unit
    ],
)
def test_axes_of_one_norm(path: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    assert unit_axes(path, jnp.zeros(shape)) == axes
