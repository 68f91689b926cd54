"""What all losses share: shapes that must agree, and masks."""

import jax.numpy as jnp

from jaxdl.types import Array


def check_same_shape(loss: str, first: str, a: Array, second: str, b: Array) -> None:
    if jnp.shape(a) != jnp.shape(b):
        raise ValueError(
            f"{loss}: {first} {jnp.shape(a)} and {second} {jnp.shape(b)} differ in shape; reshape one (no broadcasting)"
        )


def masked_mean(values: Array, where: Array | None) -> Array:
    """Mean over the elements that `where` keeps; 0 if it keeps none."""
    if where is None:
        return values.mean()
    check_same_shape("where=", "mask", where, "values", values)
    kept = jnp.where(where, values, jnp.zeros_like(values))
    return kept.sum() / jnp.maximum(where.sum(), 1).astype(values.dtype)


def keep(values: Array, where: Array | None) -> Array:
    """`values` with 0 wherever `where` is False."""
    if where is None:
        return values
    check_same_shape("where=", "mask", where, "values", values)
    return jnp.where(where, values, jnp.zeros_like(values))


def over_classes(where: Array, logits: Array) -> Array:
    if where.shape != logits.shape[:-1]:
        raise ValueError(
            f"where= mask {where.shape} must have the batch shape {logits.shape[:-1]} of logits {logits.shape}"
        )
    return jnp.broadcast_to(where[..., None], logits.shape)
