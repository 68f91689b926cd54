"""A task of a few rows that notices everything: which rows it saw, which keys it got, what stood in its batches."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import losses, metrics
from jaxdl.data import Splits
from jaxdl.data.sources import find
from jaxdl.data.summaries import SETS
from jaxdl.optim import adam
from jaxdl.training import Task, TrainState, init_train_state, make_train_step

needs_papers = pytest.mark.skipif(
    not os.environ.get("JAXDL_DATA") or find(SETS["scitldr"]) is None, reason="SciTLDR-A is not here: set JAXDL_DATA"
)


def rows(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """n examples of a noisy linear function of three features, with their row numbers."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    y = (x @ np.array([1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=n)).astype(np.float32)
    return {"x": x, "y": y, "row": np.arange(n, dtype=np.int32)}


def predict(params: Any, x: Any) -> Any:
    return x @ params["w"] + jnp.broadcast_to(params["b"], x.shape[:1])


def line(
    n: int = 10, *, noise: float = 0.0, optimizer: Any = None, n_validation: int = 4, data: Any = None, **options: Any
) -> Task:
    """Least squares by descent. `state["seen"]` counts how often a row came by; `noise` makes the keys matter."""
    optimizer = adam(0.05) if optimizer is None else optimizer

    def loss_fn(params, state, batch, key):
        predictions = predict(params, batch["x"])
        if noise:
            predictions = predictions + noise * jax.random.normal(key, predictions.shape)
        squares = (predictions - batch["y"]) ** 2
        seen = state["seen"].at[batch["row"]].add(batch["mask"].astype(jnp.int32))
        loss = losses.mean_squared_error(predictions, batch["y"], where=batch["mask"])
        return loss, ({"seen": seen}, {"loss": metrics.mean(squares, where=batch["mask"])})

    def evaluate_batch(state, batch):
        squares = (predict(state.params, batch["x"]) - batch["y"]) ** 2
        return {"loss": metrics.mean(squares, where=batch["mask"])}

    def init(key) -> TrainState:
        params = {"w": jax.random.normal(key, (3,)), "b": jnp.zeros((), jnp.float32)}
        return init_train_state(key, params, optimizer, {"seen": jnp.zeros(n, jnp.int32)})

    validation = rows(n_validation, seed=1) if n_validation else {}
    splits = Splits(rows(n) if data is None else data, validation, {})
    options = {"monitor": "val_loss" if n_validation else "loss", "mode": "min"} | options
    return Task(init, make_train_step(loss_fn, optimizer), evaluate_batch, splits, **options)


def drawn(init: Callable[..., Any], key: Any, config: Any) -> Any:
    """Parameters of the right shapes, none zero or one (nothing can be forgotten unseen); nothing is compiled."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda key: init(key, config), key)
    return jax.tree.map(lambda leaf: (0.4 * rng.normal(size=leaf.shape)).astype(np.float32), shapes)


def plain(state: TrainState) -> list[np.ndarray]:
    """Every leaf of a train state as numpy, its key as integers."""
    leaves = jax.tree.leaves(state._replace(key=jax.random.key_data(state.key)))
    return [np.asarray(leaf) for leaf in leaves]


def assert_identical(a: TrainState, b: TrainState) -> None:
    """Bit for bit."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(plain(a), plain(b), strict=True):
        np.testing.assert_array_equal(x, y)


def without_seconds(history: Any) -> dict[str, list[float]]:
    return {name: values for name, values in history.history.items() if name not in ("seconds", "waiting")}


def scripted(values: Sequence[float], *, monitor: str = "val_loss", **options: Any) -> Task:
    """A task whose validation loss in epoch e is values[e - 1], whatever it learns; for batches of 4 of its 10 rows."""

    def evaluate_batch(state, batch):
        score = jnp.take(jnp.asarray(values, jnp.float32), state.step // 3 - 1)
        return {"loss": metrics.mean(jnp.broadcast_to(score, batch["y"].shape), where=batch["mask"])}

    return line(noise=0.1, monitor=monitor, **options)._replace(evaluate=evaluate_batch)


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
