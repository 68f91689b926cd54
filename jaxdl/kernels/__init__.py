"""Forms of equal value that are only faster than the definitions in `nn` and `losses`; equal to them by test.

Which form runs is the platform's business. Where JAX can choose while it lowers a program for a platform it does so
(`lax.platform_dependent`, a lowering rule for each platform); everything else that depends on the platform, such as
how many steps one call makes, asks `backend` and nothing else.
"""

import jax


def backend() -> str:
    """The platform that computes unless a program says otherwise: "cpu", "gpu" or "tpu".

    It heeds `jax.default_device`, which `jax.default_backend` does not.

    >>> with jax.default_device("cpu"):
    ...     backend()
    'cpu'
    """
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    if device is None:
        return jax.default_backend()
    return device if isinstance(device, str) else device.platform
