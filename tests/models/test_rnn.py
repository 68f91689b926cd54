"""The recurrent network's residual, and a forecast beside the naive ones and the best there is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import rnn
from jaxdl.recipes import seasons_rnn
from jaxdl.training import fit


def test_the_residual_starts_from_the_last_value():
    config = rnn.Config(residual=True)
    params = rnn.init(jax.random.key(0), config)
    still = params | {"output": jax.tree.map(jnp.zeros_like, params["output"])}
    x = jax.random.normal(jax.random.key(1), (3, 5, 1))
    np.testing.assert_array_equal(rnn.apply(still, x, config), x[:, -1, 0])
    with pytest.raises(ValueError, match="residual adds one value to one output, but n_out is 2"):
        rnn.Config(n_out=2, residual=True)


def test_a_short_training_beats_the_naive_forecasts_and_not_the_rule():
    config = seasons_rnn.Config(hours=24 * 7 * 12, length=24, epochs=8, learning_rate=1e-2)
    task = seasons_rnn.task(config)
    state, _ = fit(task, epochs=config.epochs, batch_size=config.batch_size, seed=0)
    assert task.scores is not None
    scores = task.scores(state, task.data)
    naive = min(value for name, value in scores.items() if name.endswith(("last value", "before")))
    assert scores["RMSE of the rule"] < scores["RMSE"] < naive
