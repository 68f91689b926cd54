"""Derivatives of every kind, `vmap`, sharding and export of the fast forms, beside the native operation's."""

import functools

import jax
import jax.numpy as jnp
import pytest
from jax import export
from near import assert_near, draw

from jaxdl.kernels import pooling
from jaxdl.nn import conv2d, conv3d, conv_transpose2d, max_pool2d

P = jax.sharding.PartitionSpec


LAYERS = {  # function, channels in and out, an image
    "conv2d": (conv2d, (3, 3, 3, 5), (2, 6, 5, 3)),
    "conv2d-winograd": (conv2d, (3, 3, 16, 16), (2, 6, 5, 16)),
    "conv2d-strided": (functools.partial(conv2d, strides=2), (3, 2, 9, 4), (2, 6, 5, 9)),
    "conv2d-grouped": (functools.partial(conv2d, groups=2), (3, 3, 2, 6), (2, 6, 5, 4)),
    "conv3d": (conv3d, (2, 2, 2, 3, 4), (2, 3, 4, 3, 3)),
    "conv_transpose2d": (functools.partial(conv_transpose2d, strides=2), (4, 3, 3, 2), (2, 3, 4, 3)),
}


def loss(name, method):
    return lambda w, x: jnp.sum(jnp.tanh(LAYERS[name][0]({"w": w}, x, method=method)))


def derivatives(f, w, x):
    """Reverse, forward, forward over reverse, reverse over forward and reverse over reverse, and through remat."""
    grad, tangents = jax.grad(f, (0, 1)), (jnp.sin(w), jnp.cos(x))
    return (
        grad(w, x),
        jax.jvp(f, (w, x), tangents),
        jax.jvp(grad, (w, x), tangents),
        jax.grad(lambda w: jax.jvp(lambda w: f(w, x), (w,), (jnp.sin(w),))[1])(w),
        jax.grad(lambda w: jnp.vdot(jax.grad(f)(w, x), jnp.sin(w)))(w),
        jax.grad(jax.checkpoint(f))(w, x),
    )


@pytest.mark.parametrize("name", LAYERS)
def test_derivatives_of_every_kind(name):
    _, w_shape, x_shape = LAYERS[name]
    w, x = 0.3 * draw(1, w_shape), draw(2, x_shape)
    fast, native = (jax.jit(functools.partial(derivatives, loss(name, method)))(w, x) for method in ("auto", "lax"))
    assert_near(fast, native)


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)], ids=["both", "kernels", "images"])
@pytest.mark.parametrize("name", ["conv2d", "conv2d-winograd", "conv2d-grouped", "conv_transpose2d"])
def test_vmap_of_each_derivative_and_derivatives_of_vmap(name, axes):
    _, w_shape, x_shape = LAYERS[name]
    w, x = (draw(i, (3, *s) if a == 0 else s) for i, s, a in zip((1, 2), (w_shape, x_shape), axes, strict=True))

    def everything(method):
        f = loss(name, method)
        first = jax.vmap(lambda w, x: jax.jvp(jax.grad(f, (0, 1)), (w, x), (w, x)), axes)
        return jax.jit(lambda w, x: (first(w, x), jax.grad(lambda *a: jax.vmap(f, axes)(*a).sum(), (0, 1))(w, x)))(w, x)

    # a second derivative passes Winograd's transforms twice: 3.7e-5 with jax 0.12, 1.6e-5 with 0.10
    assert_near(everything("auto"), everything("lax"), 6e-5 if name == "conv2d-winograd" else 2e-5)


@pytest.mark.parametrize("method", ["auto", "lax"])
def test_nested_vmap(method):
    w, x = draw(1, (2, 3, 3, 3, 5)), draw(2, (4, 2, 6, 5, 3))
    grads = jax.jit(jax.vmap(jax.vmap(jax.grad(loss("conv2d", method)), (None, 0)), (0, None)))(w, x)
    assert_near(grads[1, 2], jax.grad(loss("conv2d", "lax"))(w[1], x[2]))


@pytest.mark.parametrize("name", ["conv2d", "conv2d-winograd"])
def test_gradients_under_shard_map_with_its_check(name):
    _, w_shape, x_shape = LAYERS[name]
    w, x = draw(1, w_shape), draw(2, (8, *x_shape[1:]))
    mesh = jax.make_mesh((4,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))

    def total(w, x):
        return jax.lax.psum(loss(name, "auto")(w, x), "rows")

    outside = jax.grad(jax.shard_map(total, mesh=mesh, in_specs=(P(), P("rows")), out_specs=P()))
    inside = jax.shard_map(jax.grad(total), mesh=mesh, in_specs=(P(), P("rows")), out_specs=P())
    want = jax.grad(loss(name, "lax"))(w, x)
    for f in (outside, inside):
        assert_near(jax.jit(f)(w, x), want)


def layers(params, x):
    """What a convolutional network has: a transposed convolution is one as well."""
    return jnp.sum(conv_transpose2d(params["up"], max_pool2d(conv2d(params["conv"], x), 2), strides=2) ** 2)


def example(channels=32):
    params = {"conv": {"w": draw(1, (3, 3, channels, channels))}, "up": {"w": draw(2, (4, 4, channels, 1))}}
    return params, draw(3, (6, 8, 8, channels))


def test_export_with_a_symbolic_batch():
    params, x = example()
    (batch,) = export.symbolic_shape("batch")
    exported = export.export(jax.jit(jax.grad(layers)))(params, jax.ShapeDtypeStruct((batch, 8, 8, 32), x.dtype))
    assert_near(jax.jit(exported.call)(params, x), jax.jit(jax.grad(layers))(params, x))


def test_a_program_lowered_for_cuda_has_native_operations_only():
    params, x = example()
    text = {
        p: export.export(jax.jit(jax.grad(layers)), platforms=[p])(params, x).mlir_module() for p in ("cpu", "cuda")
    }
    products = {p: t.count("stablehlo.dot_general") for p, t in text.items()}
    assert text["cuda"].count("stablehlo.convolution") == 5  # two forwards, two weight gradients, one input gradient
    assert "stablehlo.select_and_scatter" in text["cuda"]
    assert products["cuda"] == 0 < products["cpu"]
    assert "stablehlo.select_and_scatter" not in text["cpu"]


@pytest.mark.parametrize("kind", ["auto", "pairs", "lax"])
def test_max_pooling_has_second_and_forward_derivatives(kind):
    x = draw(1, (2, 6, 7, 2))

    def f(x):
        return jnp.sum(jnp.sin(max_pool2d(x, (3, 2), strides=(2, 1), padding="SAME", method=kind)))

    def plain(x):
        return jnp.sum(jnp.sin(pooling.max_pool(x, (3, 2), (2, 1), ((0, 1), (0, 1)))))

    got, want = (jax.jit(lambda x, g=g: jax.jvp(jax.grad(g), (x,), (jnp.cos(x),)))(x) for g in (f, plain))
    assert_near(got, want, 1e-6)
