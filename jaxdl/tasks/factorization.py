"""What the factorization recipes and `jaxdl recommend --method factor` share: tasks from ratings and from visits."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import metrics, models
from jaxdl.data import Splits
from jaxdl.data.ratings import Ratings, withhold
from jaxdl.losses import regularizers
from jaxdl.metrics import ranking
from jaxdl.models import factorization, softmax_factorization
from jaxdl.tasks import supervised
from jaxdl.tasks.building import build
from jaxdl.tasks.precision import like_params
from jaxdl.training import Task, TrainState, evaluate
from jaxdl.training.evaluation import has_rows
from jaxdl.types import Array, Batch, Key, Metrics, Params, State


def pairs(ratings: Ratings) -> dict[str, np.ndarray]:
    """{"x": [N, 2] int32 pairs (user, item), "y": [N] float32}."""
    return {"x": np.stack([ratings.users, ratings.items], axis=1), "y": ratings.values}


def ratings_task(model: factorization.Config, config: supervised.Config, splits: Splits, **fields: Any) -> Task:
    """Factorization of ratings, a regression on pairs; after the training the RMSE and MAE of the last part."""
    task = supervised.regression(models.bind(factorization, model), config, splits)

    def scores(state: TrainState, data: Splits) -> dict[str, float]:
        part = data.test if has_rows(data.test) else data.train
        scores = metrics.scalars(evaluate(task.evaluate, state, part))
        return {"rmse": scores["loss"] ** 0.5, "mae": scores["mae"]} | more(state, data)

    more = fields.pop("scores", lambda state, data: {})
    return task._replace(scores=scores, headline="rmse", predictor=None, **fields)


def visits_task(model: softmax_factorization.Config, config: supervised.Config, splits: Splits, **fields: Any) -> Task:
    """Factorization of visits: {"x": [N, I] visits, "shown": [N, I]}, of which those not shown are asked for.

    Training hides others in every step; `shown` is for the scores: loss and ranked score.
    """

    def loss_fn(params: Params, state: State, batch: Batch, key: Key) -> tuple[Array, tuple[State, Metrics]]:
        hide_key, dropout_key = jax.random.split(key)
        x = like_params(batch["x"].astype(jnp.float32), params)
        hidden = softmax_factorization.hide(x, model, key=hide_key)
        each = softmax_factorization.cross_entropy(params, x, hidden, model, key=dropout_key)
        loss = metrics.mean(each, where=batch["mask"])
        penalty = regularizers.elastic_net(params, l1_rate=config.l1, l2_rate=config.l2)
        return metrics.value(loss) + penalty, (state, {"loss": loss})

    def evaluate_batch(state: TrainState, batch: Batch) -> Metrics:
        x, shown = batch["x"].astype(jnp.float32), batch["shown"].astype(jnp.float32)
        asked = batch["mask"] & (shown.sum(1) > 0) & (shown < x).any(1)
        each = softmax_factorization.cross_entropy(state.params, x, x - shown, model)
        relevant = (shown < x) & asked[:, None]
        scores = softmax_factorization.apply(state.params, shown, model)
        ranked = ranking.ranked_score(scores, relevant, shown == 0)
        return {"loss": metrics.mean(each, where=asked), "ranked_score": ranked}

    start = lambda key: (softmax_factorization.init(key, model), {})  # noqa: E731
    return build(start, loss_fn, evaluate_batch, splits, config, monitor="ranked_score", mode="max", **fields)


def asked(x: np.ndarray, given: int | None = None, *, seed: int = 0) -> dict[str, np.ndarray]:
    """{"x": visits, "shown": those that are given}, of the users that have enough, for `visits_task`'s scores."""
    shown, withheld = withhold(x, given, seed=seed)
    return {"x": shown + withheld, "shown": shown}


@functools.partial(jax.jit, static_argnames="model")
def visit_scores(params: Params, shown: Array, model: softmax_factorization.Config) -> Array:
    """Logits [B, I], compiled once for a model and a shape."""
    return softmax_factorization.apply(params, shown, model)
