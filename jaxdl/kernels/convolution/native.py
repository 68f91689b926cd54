"""The native operation and its two gradients: what every other form equals, and the only form with groups."""

import jax
from jax import lax

from jaxdl.kernels.convolution.geometry import Geometry
from jaxdl.types import Array, Shape

LAYOUTS = {3: ("NTC", "TIO", "NTC"), 4: ("NHWC", "HWIO", "NHWC"), 5: ("NDHWC", "DHWIO", "NDHWC")}  # by rank


def forward(x: Array, w: Array, geometry: Geometry) -> Array:
    """y = x * w."""
    return lax.conv_general_dilated(
        x,
        w,
        geometry.strides,
        geometry.padding,
        rhs_dilation=geometry.dilation,
        dimension_numbers=LAYOUTS[x.ndim],
        feature_group_count=geometry.groups,
    )


def input_grad(dy: Array, w: Array, geometry: Geometry, x_shape: Shape) -> Array:
    """What `forward` is transposed to in its first argument."""
    x = jax.typeof(dy).update(shape=x_shape)  # varying over the same axes of a mesh as dy
    return jax.linear_transpose(lambda x: forward(x, w, geometry), x)(dy)[0]


def weight_grad(x: Array, dy: Array, geometry: Geometry, w_shape: Shape) -> Array:
    """What `forward` is transposed to in its second argument."""
    w = jax.typeof(x).update(shape=w_shape)
    return jax.linear_transpose(lambda w: forward(x, w, geometry), w)(dy)[0]
