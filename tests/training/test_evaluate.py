"""`evaluate`: every row once, whatever the size of the part; parts of like sizes share a compiled program."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import metrics
from jaxdl.training import evaluate


@pytest.mark.parametrize("n", [1, 2, 3, 200, 511, 512, 513, 1100])
def test_every_row_counts_once(n):
    total = evaluate(lambda _, batch: {"x": metrics.mean(batch["x"], where=batch["mask"])}, None, {"x": np.arange(n)})
    assert [float(value) for value in total["x"]] == [n * (n - 1) / 2, n]


def test_parts_of_like_sizes_share_a_program():
    shapes = []

    def scores(state, batch):
        shapes.append(batch["x"].shape)  # noted while JAX traces
        return {"x": metrics.mean(state * batch["x"], where=batch["mask"])}

    for n in (1437, 360, 512, 300):
        evaluate(scores, jnp.float32(2), {"x": np.ones(n, np.float32)})
    assert shapes == [(512,)]
    assert metrics.scalars(evaluate(scores, jnp.float32(3), {"x": np.ones(200, np.float32)})) == {"x": 3.0}
    assert shapes == [(512,), (256,)]


def test_data_without_rows():
    with pytest.raises(ValueError, match="empty"):
        evaluate(lambda _, batch: {}, None, {"x": np.zeros((0, 3))})
