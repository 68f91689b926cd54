"""params.safetensors: whole or refused, in one line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jaxdl.training import TrainState
from jaxdl.training.parameters import read_params, write_params


def made(dtype=jnp.float32, **leaves) -> TrainState:
    params = {"layer": {"w": jnp.arange(6, dtype=dtype).reshape(2, 3), "b": jnp.zeros(3, dtype)} | leaves}
    return TrainState(params, {"mean": jnp.ones(3, dtype)}, (), jax.random.key(0), jnp.zeros((), jnp.int32))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.int8], ids=str)
def test_parameters_come_back(tmp_path, dtype):
    write_params(tmp_path, made(dtype))
    read = read_params(tmp_path, jax.eval_shape(lambda: made(dtype)))
    for ours, theirs in zip(jax.tree.leaves(read[:2]), jax.tree.leaves(made(dtype)[:2]), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(np.asarray(ours, np.float32), np.asarray(theirs, np.float32))


def test_any_flipped_bit_is_noticed(tmp_path):
    """Every byte of the file, header and padding too."""
    write_params(tmp_path, made())
    path = tmp_path / "params.safetensors"
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match="is damaged or of another configuration") as error:
            read_params(tmp_path, made())
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(tmp_path, length):
    write_params(tmp_path, made())
    path = tmp_path / "params.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match="is damaged or of another configuration"):
        read_params(tmp_path, made())


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (made(b=jnp.array([0.0, jnp.nan, jnp.inf])), "leaf 'layer/b' holds 2 NaN or infinite numbers"),
        (made(b=jnp.zeros(3, jnp.float16)), "leaf 'layer/b': expected float32, got float16"),
        (made(b=jnp.zeros(4)), r"leaf 'layer/b': expected shape \(3,\), got \(4,\)"),
        (made(c=jnp.zeros(4)), "leaf 'layer/c' has no place in the tree"),
        (made()._replace(state={"mean": jnp.full(3, jnp.nan)}), "leaf 'state/mean' holds 3 NaN"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, stored, message):
    write_params(tmp_path, stored)
    with pytest.raises(ValueError, match=message):
        read_params(tmp_path, made())


def test_a_file_without_a_checksum_is_refused(tmp_path):
    write_params(tmp_path, made())
    path = tmp_path / "params.safetensors"
    save_file(load_file(path), path)
    with pytest.raises(ValueError, match="its content is not what its checksum says"):
        read_params(tmp_path, made())
