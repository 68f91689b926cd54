"""Three ways to average errors e_i = prediction - target.

    MSE = mean e^2            RMSE = sqrt(MSE)            MAE = mean |e|

The root is increasing, so RMSE puts models in the order of MSE; and its unit is the target's. What minimizes MSE is the
mean, what minimizes MAE is the median: an outlier pulls on the first with its whole distance, on the second only with
its sign.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import data, losses, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import descend
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import linear
from jaxdl.types import Array, Key, Params

STATEMENT = "RMSE ranks models as MSE does, in the target's own unit; MAE is robust to outliers."
SOURCE = "Huber, Robust statistics, 1981; Willmott, Matsuura, 2005"
RULE = (
    "Over 200 linear models of diabetes progression RMSE and MSE give the same order, and with targets in tenths of "
    "the unit RMSE is ten times larger, MSE a hundred times; with a twentieth of the training targets multiplied by "
    "five, the typical error of the model trained by MSE grows at least twice as much as that of the one by MAE."
)
SEEDS, SECONDS = 10, 5

MODELS = 200
OBJECTIVES = {"MSE": losses.mean_squared_error, "MAE": losses.mean_absolute_error}


def run(key: Key, budget: Budget) -> Result:
    """Rank random models by both, and fit with and without outliers by both."""
    x, y = table()
    budget.stage("200 models")
    predictions = 30 * jax.random.normal(key, (MODELS, x.shape[1])) @ x.T + y.mean()
    mse = jax.vmap(lambda p: losses.mean_squared_error(p, y))(predictions)
    rmse = jax.vmap(lambda p: losses.root_mean_squared_error(p, y))(predictions)
    same_order = bool((jnp.argsort(mse) == jnp.argsort(rmse)).all())
    p = predictions[0]
    unit = losses.root_mean_squared_error(10 * p, 10 * y) / losses.root_mean_squared_error(p, y)
    squared = losses.mean_squared_error(10 * p, 10 * y) / losses.mean_squared_error(p, y)
    keys = jax.random.split(key, 3 * budget.seeds)
    growth = {}
    for name in OBJECTIVES:
        budget.stage(f"outliers, trained by {name}")
        clean, spoiled = (
            jax.jit(jax.vmap(lambda k, n=name, s=s: typical_error(k, x, y, n, s)))(keys) for s in (False, True)
        )
        growth[name] = spoiled / clean - 1
    return Result(
        figures=(
            measured("growth of the median error by outliers: trained by MSE", growth["MSE"]),
            measured("growth of the median error by outliers: trained by MAE", growth["MAE"]),
            measured("RMSE in tenths of the unit over RMSE", unit),
            measured("MSE in tenths of the unit over MSE", squared),
        ),
        checks={
            "RMSE and MSE give one order": same_order,
            "RMSE has the target's unit": bool(jnp.abs(unit - 10) < 1e-3) and bool(jnp.abs(squared - 100) < 1e-1),
            "MAE is robust": surely_above(growth["MSE"] - 2 * growth["MAE"]),
        },
        drawn={"mse": mse, "rmse": rmse, "growth": growth},
    )


def table() -> tuple[Array, Array]:
    """Standardized features of 442 patients and the progression of their diabetes after a year."""
    rows = data.load("diabetes").train
    scaler = data.standardize()
    x = scaler.apply(scaler.fit(rows["x"]), rows["x"])
    return jnp.asarray(x, jnp.float32), jnp.asarray(rows["y"], jnp.float32).reshape(-1)


def typical_error(key: Key, x: Array, y: Array, objective: str, spoil: bool) -> Array:
    """The median absolute error on clean test rows, after training on rows with or without outliers."""
    order_key, outlier_key, init_key = jax.random.split(key, 3)
    order = jax.random.permutation(order_key, len(x))
    train, test = order[:350], order[350:]
    config = linear.Config(n_in=x.shape[1])
    targets = y[train]
    if spoil:
        targets = jnp.where(jax.random.uniform(outlier_key, targets.shape) < 0.05, 5 * targets, targets)

    def predict(params: Params, x: Array) -> Array:
        return 50 * linear.apply(params, x, config) + 150

    def loss(params: Params, _: Array) -> Array:
        return OBJECTIVES[objective](predict(params, x[train]), targets)

    adam = optim.adam(optim.cosine_schedule(0.1, 500))
    params, _ = descend(loss, linear.init(init_key, config), adam, jnp.arange(500))
    return jnp.median(jnp.abs(predict(params, x[test]) - y[test]))


def picture(result: Result) -> Any:
    """RMSE against MSE of the random models, and how outliers raise the median error."""
    figure, axes = pictures.subplots(2, 2, width=4, height=3.3)
    axes[0].plot(result.drawn["mse"], result.drawn["rmse"], ".", color="black")
    axes[0].set_xlabel("MSE (unit squared)")
    axes[0].set_ylabel("RMSE (unit of the target)")
    growth = result.drawn["growth"]
    axes[1].bar(list(growth), [100 * float(v.mean()) for v in growth.values()], color=["0.45", "0.75"], width=0.5)
    axes[1].set_xlabel("trained by")
    axes[1].set_ylabel("growth of the median error (%)")
    return figure
