"""Winograd's convolution F(2x2, 3x3): each 2x2 tile of outputs costs 16 multiplications in place of 36.

For a 4x4 tile d of the input and a 3x3 kernel w,

    y = A^T [(G w G^T) * (B^T d B)] A,    B^T = [1  0 -1  0]   G = [ 1    0   0 ]   A^T = [1  1  1  0]
                                                [0  1  1  0]       [1/2  1/2 1/2]         [0  1 -1 -1]
                                                [0 -1  1  0]       [1/2 -1/2 1/2]
                                                [0  1  0 -1]       [ 0    0   1 ]

and the product * runs over channels, so it is 16 matrix products [tiles, C] @ [C, O]. The weight gradient is the same
identity read backwards: dw = G^T [(B^T d B)^T @ (A dy A^T)] G. B and A hold only 0, 1 and -1: they are written out.
Only for 3x3 windows that move by one. Rounding grows by a factor of about two.

Reference: Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

from jaxdl.kernels.convolution.geometry import Geometry, Padding, Window, map_chunks, output_size, sum_chunks
from jaxdl.kernels.convolution.patches import turned
from jaxdl.types import Array, Shape

CHUNK_BYTES = 2**22  # of tiles: a step whose temporaries pass 32 MB has all of its pages faulted in anew (glibc)
Grid = list[list[Array]]


def fits(w_shape: Shape, geometry: Geometry) -> bool:
    """Whether F(2x2, 3x3) computes this convolution."""
    return w_shape[:-2] == (3, 3) and (geometry.strides, geometry.dilation, geometry.groups) == ((1, 1), (1, 1), 1)


def forward(x: Array, w: Array, geometry: Geometry) -> Array:
    """y = A^T [(G w G^T) * (B^T d B)] A, the tiles of the output put side by side."""
    (p, q), n_out = output_size(x.shape, w.shape, geometry), w.shape[3]
    th, tw = -(-p // 2), -(-q // 2)
    g = _kernel_transform(x)
    kernel = [list(row) for row in jnp.einsum("ai,ijco,bj->abco", g, w, g)]  # sixteen arrays, cut outside the loop

    def product(images: Array) -> Array:
        tiles, n = _input_tiles(images, geometry.padding, (th, tw)), images.shape[0]
        y = _both_axes(_output, [[tiles[a][b] @ kernel[a][b] for b in range(4)] for a in range(4)])
        grid = jnp.stack([jnp.stack(row) for row in y]).reshape(2, 2, n, th, tw, n_out)
        return grid.transpose(2, 3, 0, 4, 1, 5).reshape(n, 2 * th, 2 * tw, n_out)[:, :p, :q]

    return map_chunks(product, x, _images_per_chunk(x, w.shape, (th, tw)))


def input_grad(dy: Array, w: Array, geometry: Geometry, x_shape: Shape) -> Array:
    """The forward sum over dy, with the kernel turned."""
    return forward(*turned(dy, w, geometry, x_shape))


def weight_grad(x: Array, dy: Array, geometry: Geometry, w_shape: Shape) -> Array:
    """dw = G^T [(B^T d B)^T @ (A dy A^T)] G, summed over tiles and images."""
    (p, q), n_out = dy.shape[1:3], w_shape[3]
    th, tw = -(-p // 2), -(-q // 2)

    def product(images: Array, grads: Array) -> Array:
        tiles = _input_tiles(images, geometry.padding, (th, tw))
        grads = jnp.pad(grads, ((0, 0), (0, 2 * th - p), (0, 2 * tw - q), (0, 0)))
        grads = grads.reshape(grads.shape[0], th, 2, tw, 2, n_out)
        outs = _both_axes(_output_transposed, [[grads[:, :, i, :, j] for j in range(2)] for i in range(2)])
        flat = [[o.reshape(-1, n_out) for o in row] for row in outs]
        return jnp.stack([jnp.stack([tiles[a][b].T @ flat[a][b] for b in range(4)]) for a in range(4)])

    g = _kernel_transform(x)
    total = sum_chunks(product, x, dy, _images_per_chunk(x, w_shape, (th, tw)))
    return jnp.einsum("ai,abco,bj->ijco", g, total, g)


def _kernel_transform(x: Array) -> Array:
    return jnp.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], x.dtype)


def _input(d: list[Array]) -> list[Array]:  # B^T d
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _output(m: list[Array]) -> list[Array]:  # A^T m
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def _output_transposed(y: list[Array]) -> list[Array]:  # A y
    return [y[0], y[0] + y[1], y[0] - y[1], -y[1]]


def _both_axes(f: Callable[[list[Array]], list[Array]], grid: Grid) -> Grid:
    """Transform each column of a small grid of arrays, then each row of the result."""
    columns = [f([row[j] for row in grid]) for j in range(len(grid[0]))]
    return [f([column[i] for column in columns]) for i in range(len(columns[0]))]


def _input_tiles(x: Array, padding: Padding, tiles: Window) -> Grid:
    """B^T d B for overlapping 4x4 tiles that start at every second pixel: a 4x4 grid of [N tiles, C]."""
    (n, h, w, c), (th, tw), (top, _), (left, _) = x.shape, tiles, *padding
    config = ((0, 0, 0), (top, 2 * th + 2 - h - top, 0), (left, 2 * tw + 2 - w - left, 0), (0, 0, 0))
    pairs = lax.pad(x, jnp.zeros((), x.dtype), config).reshape(n, th + 1, 2, tw + 1, 2, c)

    def pixel(i: int, j: int) -> Array:
        return pairs[:, i // 2 : i // 2 + th, i % 2, j // 2 : j // 2 + tw, j % 2]

    grid = _both_axes(_input, [[pixel(i, j) for j in range(4)] for i in range(4)])
    return [[tile.reshape(-1, c) for tile in row] for row in grid]


def _images_per_chunk(x: Array, w_shape: Shape, tiles: Window) -> int:
    per_image = 16 * tiles[0] * tiles[1] * (w_shape[2] + w_shape[3]) * x.dtype.itemsize
    return max(1, CHUNK_BYTES // max(1, per_image))
