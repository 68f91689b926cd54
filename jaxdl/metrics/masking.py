"""Masks, as losses and metrics share them: bool, of the shape of what they hide, and what is hidden never matters."""

import jax.numpy as jnp

from jaxdl.types import Array, Shape


def checked_mask(function: str, where: Array | None, shape: Shape) -> Array | None:
    """`where` as an array, refused unless it is bool and of this shape."""
    if where is None:
        return None
    where = jnp.asarray(where)
    if where.dtype != bool:
        raise ValueError(f"{function}: where= must be bool, got {where.dtype}; shares of a row are its weights")
    if where.shape != shape:
        raise ValueError(f"{function}: mask {where.shape} and values {shape} differ in shape (no broadcasting)")
    return where


def keep(values: Array, where: Array | None) -> Array:
    """`values` with 0 wherever `where` is False: in value and in gradient."""
    return values if where is None else jnp.where(where, values, 0)


def keep_rows(rows: Array, where: Array | None) -> Array:
    """`rows` [..., K] with 0 in the rows that `where` [...] hides."""
    return rows if where is None else jnp.where(where[..., None], rows, 0)
