"""What optimizers refuse: arguments that are no numbers or out of range, gradients of another shape."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import optim


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="the learning rate must be >= 0"):
        optim.sgd(-0.1)
    with pytest.raises(ValueError, match=r"has shape \(3,\), expected a scalar.*vmap"):
        optim.adam(jnp.ones(3))
    with pytest.raises(ValueError, match=r"in \[0, 1\), got 1.5"):
        optim.momentum(0.1, 1.5)
    with pytest.raises(ValueError, match=r"in \[0, 1\), got 1"):
        optim.adam(0.1, 0.9, 1)
    with pytest.raises(ValueError, match="initial_accumulator"):
        optim.adagrad(0.1, initial_accumulator=-1.0)
    optimizer = optim.adamw(0.1)
    with pytest.raises(ValueError, match="needs the parameters"):
        optimizer.update({"w": jnp.zeros(2)}, optimizer.init({"w": jnp.zeros(2)}))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("adam", {"learning_rate": "0.1"}, "learning_rate must be a number, got '0.1'"),
        ("sgd", {"learning_rate": [0.1]}, r"learning_rate must be a number, got \[0.1\]"),
        ("sgd", {"learning_rate": True}, "learning_rate must be a number, got True"),
        ("sgd", {"learning_rate": np.inf}, "the learning rate must be >= 0 and finite"),
        ("momentum", {"decay": "0.9"}, "decay must be a number"),
        ("adam", {"b1": None}, "b1 must be a number, got None"),
        ("adam", {"b2": 2.0}, r"b2 is a decay, .* in \[0, 1\), got 2.0"),
        ("adam", {"eps": "small"}, "eps must be a number"),
        ("adamw", {"weight_decay": "0"}, "weight_decay must be a number"),
        ("adagrad", {"initial_accumulator": "0"}, "initial_accumulator must be a number"),
        ("max_norm", {"limit": "3"}, "limit must be a number"),
        ("clip_by_global_norm", {"limit": jnp.ones(2)}, "limit must be a number"),
    ],
)
def test_what_is_no_number_is_named(name: str, arguments: dict[str, Any], message: str) -> None:
    rest = {} if "limit" in arguments else {"learning_rate": 0.1}
    with pytest.raises(ValueError, match=message):
        getattr(optim, name)(**{**rest, **arguments})


@pytest.mark.parametrize("make", [optim.momentum, optim.rmsprop, optim.adagrad, optim.adam])
def test_a_gradient_of_another_shape_is_refused(make: Callable[[Any], optax.GradientTransformation]) -> None:
    optimizer = make(0.1)
    state = optimizer.init({"w": jnp.zeros((3, 1))})
    with pytest.raises(ValueError, match=r"\['w'\] has shape \(3,\).*\(3, 1\)"):
        optimizer.update({"w": jnp.zeros(3)}, state)
