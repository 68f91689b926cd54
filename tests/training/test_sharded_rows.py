"""A data set cut over devices: each holds its rows, and the batches are those of a data set that lies on one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data.batches import epoch_order, take_batch
from jaxdl.training.sharded_rows import batch_taker, cut_rows
from jaxdl.training.sharding import make_mesh

pytestmark = pytest.mark.skipif(len(jax.devices()) < 8, reason="needs eight devices")
RNG = np.random.default_rng(0)
DATA = {
    "x": RNG.normal(size=(21, 3)).astype(np.float32),
    "half": RNG.normal(size=(21, 2)).astype(np.float16),
    "bytes": RNG.integers(0, 256, (21, 2, 2)).astype(np.uint8),
    "y": RNG.integers(-5, 5, 21).astype(np.int32),
    "flag": RNG.integers(0, 2, 21).astype(bool),
}
DATA["x"][4] = [np.nan, -0.0, np.inf]


@pytest.mark.parametrize("line", ["data=8", "data=2,shard=2,model=2"])
def test_each_device_holds_its_rows_and_batches_are_the_same_bits(line):
    mesh = make_mesh(line)
    parts = mesh.shape.get("data", 1) * mesh.shape.get("shard", 1)
    cut = cut_rows(DATA, mesh)
    assert all(leaf.addressable_shards[0].data.shape[0] == -(-21 // parts) for leaf in cut.values())
    order = epoch_order(jax.random.key(0), 0, 21, 8)
    take = jax.jit(batch_taker(mesh), static_argnums=3)
    for i in range(3):  # the last batch has five rows
        batch, expected = take(cut, order, jnp.int32(i), 21), take_batch(cut_rows(DATA, None), order, i, 21)
        for name in expected:
            assert batch[name].dtype == expected[name].dtype
            assert batch[name].sharding.shard_shape(batch[name].shape)[0] == 8 // parts
            assert np.asarray(batch[name]).tobytes() == np.asarray(expected[name]).tobytes()


def test_a_batch_that_does_not_divide_is_longer_and_masked():
    mesh = make_mesh("data=8")
    batch = batch_taker(mesh)(cut_rows(DATA, mesh), jnp.arange(20).reshape(2, 10), 1, 20)
    assert batch["mask"].tolist() == [True] * 10 + [False] * 6
    np.testing.assert_array_equal(batch["y"][:10], DATA["y"][10:20])


def test_only_the_rows_of_own_devices_are_read():
    """A mapped file is indexed by slices, never as a whole."""

    class Watched(np.ndarray):
        longest = 0

        def __getitem__(self, index):
            found = super().__getitem__(index)
            Watched.longest = max(Watched.longest, len(np.atleast_1d(found)))
            return found

    values = np.arange(64.0, dtype=np.float32).view(Watched)
    cut = cut_rows({"x": values}, make_mesh("data=8"))
    assert 0 < Watched.longest <= 8
    np.testing.assert_array_equal(cut["x"], np.arange(64.0))


def test_data_called_mask_are_refused():
    mesh = make_mesh("data=8")
    with pytest.raises(ValueError, match="'mask'"):
        batch_taker(mesh)({"mask": jnp.ones(8)}, jnp.arange(8)[None], 0, 8)
