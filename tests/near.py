"""Random arrays, and trees of arrays that are equal up to rounding: what the tests of layers and kernels share."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def draw(seed: int, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Any:
    """Standard normal numbers."""
    return jax.random.normal(jax.random.key(seed), shape, dtype)


def assert_near(got: Any, want: Any, tolerance: float = 2e-5) -> None:
    """Equal dtypes, and no difference larger than `tolerance` times the largest number of a leaf."""
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert a.dtype == b.dtype
        scale = float(jnp.max(jnp.abs(b)))
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)
