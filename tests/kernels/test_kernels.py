"""What all fast forms share: one question about the platform."""

import jax
import jax.numpy as jnp
import pytest

from jaxdl.kernels import backend
from jaxdl.validation import require_floating


@pytest.mark.parametrize("device", [None, "cpu", jax.devices("cpu")[0]], ids=str)
def test_backend_heeds_the_default_device(device):
    with jax.default_device(device):
        assert backend() == "cpu"


@pytest.mark.parametrize(
    ("dtype", "fix"),
    [("uint8", "/ 255"), ("int8", "float32"), ("int32", "float32"), ("bool", "float32"), ("complex64", "real")],
)
def test_what_is_not_floating_is_refused_with_the_fix(dtype, fix):
    with pytest.raises(ValueError, match=f"nn.layer: x must be floating, got {dtype}; .*{fix}"):
        require_floating("nn.layer", w=jnp.ones(2, "bfloat16"), x=jnp.ones(2, dtype))
