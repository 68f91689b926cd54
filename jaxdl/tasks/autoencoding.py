"""What the autoencoder recipes share: the task, softmax regression on features, and pictures."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from jaxdl import metrics, models
from jaxdl.artifacts import pictures
from jaxdl.data import Splits
from jaxdl.losses import regularizers
from jaxdl.models import autoencoder, linear
from jaxdl.tasks import supervised
from jaxdl.tasks.building import build
from jaxdl.tasks.precision import like_params
from jaxdl.training import Task, TrainState, callbacks, evaluate, fit
from jaxdl.training.evaluation import has_rows
from jaxdl.types import Array, Batch, Key, Metrics, Pair, Params, State

_ROWS = 1000
SOFTMAX = supervised.Config(epochs=10, batch_size=256, learning_rate=1e-2, schedule="cosine")


def task(model: autoencoder.Config, config: supervised.Config, splits: Splits, **fields: Any) -> Task:
    """An autoencoder of {"x": [N, *shape]}; the epoch is judged by the objective on the validation part.

    Scores: "loss" (the objective), "mse" (mean over all elements of (x - reconstruction)^2); for a sparse one
    "activity" (the mean of the codes). Evaluation corrupts too, always with the same noise, and gives a denoising one's
    "noisy_mse", of the corrupted input itself (Gaussian noise is not clipped).

    Args:
        model: the network and its objective.
        config: how to train it; `l1` and `l2` act on the weights.
        splits: floats, or bytes that become floats in [0, 1] inside the step.
        fields: further fields of `Task`.
    Raises: ValueError for examples of another shape than the model's.
    """
    if splits.train["x"].shape[1:] != model.shape:
        raise ValueError(f"the examples have shape {splits.train['x'].shape[1:]}, the model takes {model.shape}")

    def loss_fn(params: Params, state: State, batch: Batch, key: Key | None) -> tuple[Array, tuple[State, Metrics]]:
        x, where = like_params(supervised.as_float(batch["x"]), params), batch["mask"]
        loss, parts = autoencoder.objective(params, x, model, key=key, where=where)
        scores = {"loss": _weighted(loss, where), "mse": metrics.mean(_squares(parts.reconstruction, x), where=where)}
        if model.sparsity != "none":
            scores["activity"] = metrics.mean(parts.code.mean(1), where=where)
        return loss + regularizers.elastic_net(params, l1_rate=config.l1, l2_rate=config.l2), (state, scores)

    def evaluate_batch(state: TrainState, batch: Batch) -> Metrics:
        x, key = supervised.as_float(batch["x"]), jax.random.key(0)
        _, (_, scores) = loss_fn(state.params, {}, batch, key)
        if model.corruption != "none":
            noisy = autoencoder.corrupted(x, model, key=key)
            scores["noisy_mse"] = metrics.mean(_squares(noisy, x), where=batch["mask"])
        return scores

    return build(
        lambda key: (autoencoder.init(key, model), {}),
        loss_fn,
        evaluate_batch,
        splits,
        config,
        monitor="loss",
        **fields,
    )


def _squares(values: Array, x: Array) -> Array:
    """Mean squared difference of each example, [B, ...] -> [B]."""
    return ((values - x) ** 2).reshape(len(x), -1).mean(1)


def _weighted(loss: Array, where: Array) -> Pair:
    """A batch's mean as a (sum, count) pair."""
    n = where.sum().astype(loss.dtype)
    return loss * n, n


def features(function: Callable[[Array], Array], splits: Splits) -> Splits:
    """The same parts with x replaced by function(x) [N, n], computed once, in pieces."""
    jitted = jax.jit(lambda x: function(supervised.as_float(x)))

    def of(x: np.ndarray) -> np.ndarray:
        return np.concatenate([jitted(jnp.asarray(x[i : i + _ROWS])) for i in range(0, len(x), _ROWS)])

    return Splits(*({**part, "x": of(part["x"])} if has_rows(part) else part for part in splits))


def softmax_task(splits: Splits, class_names: tuple[str, ...]) -> Task:
    """Softmax regression on features {"x": [N, n], "y": [N]}; train it with `SOFTMAX`."""
    model = models.bind(linear, linear.Config(n_in=splits.train["x"].shape[1], n_out=len(class_names)))
    return supervised.classification(model, SOFTMAX, splits, class_names)


def probe_accuracy(function: Callable[[Array], Array], splits: Splits, class_names: tuple[str, ...]) -> float:
    """Test accuracy of a linear classifier on function(x): what the features say about the classes."""
    probe = softmax_task(features(function, splits), class_names)
    state, _ = fit(probe, epochs=SOFTMAX.epochs, batch_size=SOFTMAX.batch_size, seed=SOFTMAX.seed)
    return metrics.scalars(evaluate(probe.evaluate, state, probe.data.test))["accuracy"]


def explained_variance(task: Task, n: int, state: TrainState) -> dict[str, float]:
    """The share of the test part's variance (around the mean training example) that n numbers explain.

    1 - mse / mean (x - mean(x_train))^2,   by the autoencoder, and by PCA: the best that is linear
    """
    train, test = (_flat(part["x"]) for part in (task.data.train, task.data.test))
    test = test - train.mean(0)
    _, directions = np.linalg.eigh(np.cov(train, rowvar=False))  # ascending variances
    w = directions[:, -n:]
    pca_mse = ((test - test @ w @ w.T) ** 2).mean()
    mse = metrics.scalars(evaluate(task.evaluate, state, task.data.test))["mse"]
    variance = (test**2).mean()
    return {"explained variance": float(1 - mse / variance), "explained variance of PCA": float(1 - pca_mse / variance)}


def _flat(x: np.ndarray) -> np.ndarray:
    return np.asarray(supervised.as_float(jnp.asarray(x))).reshape(len(x), -1)


def stage(name: str, task: Task, config: supervised.Config) -> TrainState:
    """Train what comes before the run itself, with a progress bar of its own and a line of scores at its end."""
    console = Console(stderr=True, highlight=False)
    hooks = (callbacks.progress(console), callbacks.nan_stop())
    options = {"epochs": config.epochs, "batch_size": config.batch_size, "seed": config.seed}
    state, history = fit(task, **options, callbacks=hooks)  # type: ignore[arg-type]
    scores = "  ".join(
        f"{key} {value:.4f}" for key, value in history.last().items() if key not in ("seconds", "waiting")
    )
    console.print(f"{name}: {config.epochs} epochs  {scores}", soft_wrap=True)
    return state


def figures(model: autoencoder.Config) -> dict[str, Any]:
    """The pictures of an autoencoder of images: reconstructions beside inputs, and the first layer's filters."""
    filters = lambda state, _: filter_grid(state.params["encoder"], model.shape)  # noqa: E731
    return {"reconstructions": functools.partial(reconstructions, model), "filters": filters}


def reconstructions(model: autoencoder.Config, state: TrainState, splits: Splits) -> Any:
    """A test image of each class, what the encoder saw of it where that is corrupted, what the decoder made of it."""
    _, rows = np.unique(splits.test["y"], return_index=True)
    x = supervised.as_float(jnp.asarray(splits.test["x"][rows]))
    noisy = autoencoder.corrupted(x, model, key=jax.random.key(0))
    values = jax.jit(lambda x: autoencoder.reconstruction(autoencoder.apply(state.params, x, model), model))(noisy)
    shown = [x, values] if model.corruption == "none" else [x, noisy, values]
    title = "inputs, " + ("" if model.corruption == "none" else "the same corrupted, ") + "reconstructions"
    return pictures.image_grid(jax.device_get(jnp.clip(jnp.concatenate(shown), 0, 1)), columns=len(x), title=title)


def filter_grid(encoder: Params, shape: tuple[int, ...], *, n: int = 100, title: str = "") -> Any:
    """The incoming weights of the n units (or kernels) of the first layer whose weights are largest, as images."""
    if "conv_0" in encoder:
        w = np.moveaxis(np.asarray(encoder["conv_0"]["w"]), -1, 0)  # [O, k, k, C]
    else:
        w = np.asarray(encoder["layer_0"]["w"]).T.reshape(-1, *shape)
    largest = np.argsort(-(w**2).reshape(len(w), -1).sum(1), kind="stable")[:n]
    return pictures.image_grid(w[largest], columns=min(10, len(largest)), title=title or "filters of the first layer")
