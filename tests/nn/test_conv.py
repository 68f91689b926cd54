"""Every lowering of a convolution against `lax`, with the shapes that break such code; parity."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from near import assert_near, draw

from jaxdl.checks import check_gradients
from jaxdl.kernels import convolution
from jaxdl.kernels.convolution import native, patches, winograd
from jaxdl.kernels.convolution.choice import Lowering, choose
from jaxdl.kernels.convolution.geometry import Geometry
from jaxdl.nn.conv import conv1d, conv2d, conv_transpose2d, init_conv1d, init_conv2d
from jaxdl.nn.pool import avg_pool2d, max_pool2d, upsample2d

SAME3 = ((1, 1), (1, 1))
SHAPES = [  # x, w, geometry: odd sizes, strides that do not divide, lopsided, excessive and negative padding, dilation
    ((5, 9, 7, 3), (3, 3, 3, 5), Geometry((1, 1), SAME3)),
    ((5, 8, 6, 3), (3, 3, 3, 2), Geometry((1, 1), ((0, 0), (0, 0)))),
    ((3, 4, 7, 2), (3, 3, 2, 2), Geometry((1, 1), ((4, 0), (3, 5)))),
    ((3, 8, 7, 2), (3, 3, 2, 2), Geometry((1, 1), ((-1, 0), (0, -2)))),
    ((5, 11, 10, 2), (3, 2, 2, 4), Geometry((2, 3), ((0, 0), (1, 1)))),
    ((4, 10, 9, 2), (3, 2, 2, 3), Geometry((1, 1), ((0, 1), (2, 1)), (2, 3))),
    ((4, 10, 9, 2), (2, 3, 2, 3), Geometry((2, 1), ((0, 1), (2, 1)), (1, 2))),
    ((3, 7, 5, 4), (1, 1, 4, 3), Geometry((2, 3), ((0, 0), (0, 0)))),
    ((1, 3, 3, 1), (3, 3, 1, 1), Geometry((1, 1), ((0, 0), (0, 0)))),
]


def methods(w_shape, geometry):
    return ["taps", "patches", *(["winograd"] if winograd.fits(w_shape, geometry) else [])]


def value_and_gradients(method, geometry, x, w, dy):
    def run(x, w, dy):
        y, vjp = jax.vjp(lambda x, w: convolution.convolve(x, w, geometry, method), x, w)
        return y, *vjp(dy)

    return jax.jit(run)(x, w, dy)


@pytest.mark.parametrize(("dtype", "whole"), [("float32", True), ("float64", False)], ids=["at-once", "chunks"])
@pytest.mark.parametrize(("x_shape", "w_shape", "geometry"), SHAPES)
def test_every_lowering_equals_lax(x_shape, w_shape, geometry, whole, dtype, monkeypatch):
    if not whole:  # two images at a time, with a rest where the batch is odd
        for module in (patches, winograd):
            monkeypatch.setattr(module, "_images_per_chunk", lambda *a: 2)
    with jax.enable_x64(True):
        # The reference is float64: jax 0.10's float32 convolution reads stray memory where padding exceeds the window.
        x, w = draw(1, x_shape, jnp.float64), draw(2, w_shape, jnp.float64)
        dy = draw(3, jax.eval_shape(lambda: native.forward(x, w, geometry)).shape, jnp.float64)
        want = value_and_gradients("lax", geometry, x, w, dy)
        want, x, w, dy = jax.tree.map(lambda a: a.astype(dtype), (want, x, w, dy))
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        for method in methods(w_shape, geometry):
            assert_near(value_and_gradients(method, geometry, x, w, dy), want, tolerance)
        assert_near(patches.input_grad_overlap(dy, w, geometry, x_shape), want[1], tolerance)


@pytest.mark.parametrize(
    ("window", "strides", "padding"),
    [
        ((3, 3), (1, 1), "SAME"),
        ((3, 3), (1, 1), ((0, 2), (1, 0))),
        ((3, 3), (2, 3), "VALID"),
        ((4, 2), (2, 3), "SAME"),
        ((4, 2), (3, 2), ((0, 2), (1, 0))),
        ((1, 2), (3, 2), "VALID"),
        ((1, 2), (2, 3), "SAME"),
    ],
    ids=str,
)
def test_transposed_lowerings_equal_lax(window, strides, padding):
    params = {**init_conv2d(jax.random.key(0), 3, 4, window), "b": draw(5, (4,))}
    x = draw(1, (2, 5, 4, 3))

    def run(method):
        y, vjp = jax.vjp(
            lambda p, x: conv_transpose2d(p, x, strides=strides, padding=padding, method=method), params, x
        )
        return y, vjp(draw(3, y.shape))

    want = run("lax")
    assert_near(run("auto"), want, 1e-5)
    assert_near(run("patches"), want, 1e-5)
    assert_near(run("taps"), want, 1e-5)
    if window == (3, 3) and strides == (1, 1):
        assert_near(run("winograd"), want, 1e-5)


def test_transposed_against_flax_and_torch():
    linen, torch = pytest.importorskip("flax.linen"), pytest.importorskip("torch")
    x, params = draw(1, (2, 5, 4, 3)), {"w": draw(2, (4, 3, 3, 2)), "b": draw(3, (2,))}
    for padding in ("SAME", "VALID"):
        layer = linen.ConvTranspose(2, (4, 3), (2, 2), padding)
        with jax.numpy_rank_promotion("allow"):
            want = layer.apply({"params": {"kernel": params["w"], "bias": params["b"]}}, x)
        assert_near(conv_transpose2d(params, x, strides=(2, 2), padding=padding), want, 1e-5)
    v = np.asarray(params["w"])[::-1, ::-1].transpose(2, 3, 0, 1).copy()
    want = torch.nn.functional.conv_transpose2d(
        torch.tensor(np.asarray(x)).permute(0, 3, 1, 2),
        torch.tensor(v),
        torch.tensor(np.asarray(params["b"])),
        stride=(2, 2),
        padding=(1, 1),
        output_padding=(1, 0),
    )
    got = conv_transpose2d(params, x, strides=(2, 2), padding=((1, 0), (1, 1)))
    assert_near(got, jnp.asarray(want.permute(0, 2, 3, 1).numpy()), 1e-5)


@pytest.mark.parametrize(
    ("strides", "dilation", "groups"), [((1, 1), (1, 1), 1), ((2, 3), (1, 1), 2), ((1, 1), (2, 1), 4)]
)
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((2, 1), (0, 3))], ids=str)
def test_conv2d_against_flax_and_torch(strides, dilation, groups, padding):
    linen, torch = pytest.importorskip("flax.linen"), pytest.importorskip("torch")
    x, b = draw(1, (2, 9, 8, 4)), draw(3, (8,))
    params = {**init_conv2d(jax.random.key(0), 4, 8, (3, 3), groups=groups), "b": b}
    got = conv2d(params, x, strides=strides, padding=padding, dilation=dilation, groups=groups)
    layer = linen.Conv(8, (3, 3), strides, padding, kernel_dilation=dilation, feature_group_count=groups)
    with jax.numpy_rank_promotion("allow"):
        assert_near(got, layer.apply({"params": {"kernel": params["w"], "bias": b}}, x), 1e-5)
    if padding != "SAME":  # torch pads before the convolution, and has no strided SAME
        (top, bottom), (left, right) = ((0, 0), (0, 0)) if padding == "VALID" else padding
        image = torch.nn.functional.pad(torch.tensor(np.asarray(x)).permute(0, 3, 1, 2), (left, right, top, bottom))
        kernel = torch.tensor(np.asarray(params["w"])).permute(3, 2, 0, 1)
        want = torch.nn.functional.conv2d(image, kernel, torch.tensor(np.asarray(b)), strides, 0, dilation, groups)
        assert_near(got, jnp.asarray(want.permute(0, 2, 3, 1).numpy()), 1e-5)


@pytest.mark.parametrize("method", ["patches", "taps"])  # the others: tests/case_rows/conv.py
def test_gradient_of_each_method(method):
    params = {"w": draw(1, (3, 3, 2, 3)), "b": draw(2, (3,))}
    check_gradients(lambda p, x: conv2d(p, x, method=method), params, draw(3, (2, 5, 4, 2)), argnums=(0, 1))


@pytest.mark.parametrize("method", ["auto", "winograd"])
def test_second_derivative_vmap_and_scan(method):
    x, w = draw(1, (3, 2, 5, 4, 2)), draw(2, (3, 3, 3, 2, 2))

    def loss(w, x, method=method):
        return jnp.sum(jnp.tanh(conv2d({"w": w}, x, method=method)))

    def curvature(f):
        return jax.jit(jax.grad(lambda w: jnp.sum(jnp.sin(jax.grad(f)(w, x[0])))))(w[0])

    reference = functools.partial(loss, method="lax")
    assert_near(curvature(loss), curvature(reference), 1e-5)
    want = jax.jit(jax.vmap(jax.grad(reference)))(w, x)
    assert_near(jax.jit(jax.vmap(jax.grad(loss)))(w, x), want, 1e-5)
    assert_near(lax.map(lambda wx: jax.grad(loss)(*wx), (w, x)), want, 1e-5)


def test_the_input_gradient_is_dropped_when_nobody_asks_for_it():
    x, w = draw(1, (8, 12, 12, 16)), draw(2, (5, 5, 16, 16))

    def products(argnums):
        f = jax.jit(jax.grad(lambda w, x: jnp.sum(jnp.square(conv2d({"w": w}, x))), argnums=argnums))
        return str(f.lower(w, x).compile().as_text()).count(" dot(")

    assert 0 < products(0) < products((0, 1))


def test_sharded_batch():
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    params, x = init_conv2d(jax.random.key(0), 16, 16, (3, 3)), draw(1, (16, 6, 5, 16))
    step = jax.jit(jax.value_and_grad(lambda p, x: jnp.mean(jnp.tanh(conv2d(p, x)))))
    assert_near(step(params, jax.device_put(x, rows)), step(params, x), 1e-5)


def test_auto_is_native_in_half_precision_and_never_in_the_gradients_of_a_loop():
    f32, geometry = np.dtype("float32"), Geometry((1, 1), SAME3)
    for w_shape in ((3, 3, 32, 32), (3, 3, 1, 32), (1, 1, 8, 8), (5, 5, 6, 16), (7, 7, 3, 64)):
        assert choose(w_shape, geometry, np.dtype("float16")) == Lowering()
        assert "lax" not in choose(w_shape, geometry, f32)[1:]
    assert choose((3, 3, 1, 32), geometry._replace(groups=32), f32) == Lowering()


def test_a_convolution_outside_of_loops_equals_the_one_inside(key):
    params, x = init_conv2d(key, 16, 16, 3), draw(1, (2, 5, 6, 16))
    gradient = jax.grad(lambda p, x: (conv2d(p, x) ** 2).sum(), (0, 1))
    program = jax.make_jaxpr(gradient)(params, x)
    assert convolution.in_loops(program) == (True, True)
    with convolution.outside_loops():
        single = jax.jit(lambda *args: gradient(*args))(params, x)
    assert_near(single, jax.jit(gradient)(params, x), 1e-5)


def test_conv1d_is_causal_when_padded_on_the_left():
    params, x = init_conv1d(jax.random.key(0), 3, 4, 3), draw(1, (2, 9, 3))
    f = functools.partial(conv1d, params, padding=(4, 0), dilation=2)
    assert f(x).shape == (2, 9, 4)
    assert_near(f(x.at[:, 5:].set(0.0))[:, :5], f(x)[:, :5], 1e-6)
    assert not np.allclose(f(x.at[:, 5:].set(0.0))[:, 5:], f(x)[:, 5:])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: conv2d({"w": jnp.zeros((3, 3, 4, 2))}, x), "n_in, n_out and groups"),
        (lambda x: conv2d({"w": jnp.zeros((9, 9, 3, 2))}, x, padding="VALID"), "does not fit"),
        (lambda x: conv2d({"w": jnp.zeros((3, 3, 3, 2))}, x, padding="FULL"), "SAME"),
        (lambda x: conv2d({"w": jnp.zeros((3, 3, 3, 2))}, x, method="fast"), "none of"),
        (lambda x: conv2d({"w": jnp.zeros((3, 3, 3, 2))}, x, strides=(2, 2), method="winograd"), "3x3"),
        (lambda x: conv2d({"w": jnp.zeros((3, 3, 1, 3))}, x, groups=3, method="patches"), "one group"),
        (lambda x: conv_transpose2d({"w": jnp.zeros((3, 3, 2, 2))}, x), "channels"),
        (lambda x: conv_transpose2d({"w": jnp.zeros((3, 3, 3, 2))}, x, padding=((9, 9), (0, 0))), "no output"),
        (lambda x: max_pool2d(x, (6, 2)), "does not fit"),
        (lambda x: max_pool2d(x, (2, 2), method="fast"), "none of"),
        (lambda x: avg_pool2d(x, (2, 2), padding="FULL"), "SAME"),
        (lambda x: init_conv2d(jax.random.key(0), 3, 4, (3, 3), groups=2), "must divide"),
        (lambda x: init_conv2d(jax.random.key(0), 3, 4, 0), "window must be positive"),
        (lambda x: init_conv2d(jax.random.key(0), 3, 4, (3, 3, 3)), "integer or 2"),
        (lambda x: conv2d({"w": jnp.zeros((3, 3, 3, 2))}, x, strides=0), "strides must be positive"),
        (lambda x: conv2d({"w": jnp.zeros((3, 3, 3, 2))}, x, padding=(1, 2)), "padding must be"),
        (lambda x: conv2d({"w": jnp.zeros((3, 3, 3, 2))}, x, groups=0), "groups must be positive"),
        (lambda x: conv2d({"w": jnp.zeros((3, 3, 3, 2))}, x.astype("uint8")), "255"),
        (lambda x: conv_transpose2d({"w": jnp.zeros((3, 3, 3, 2))}, x.astype("int32")), "floating"),
        (lambda x: conv2d({"w": jnp.zeros((3, 3, 3, 2))}, x.astype("complex64")), "floating"),
        (lambda x: max_pool2d(x, 0), "window must be positive"),
        (lambda x: max_pool2d(x.astype("uint8"), 2), "255"),
        (lambda x: avg_pool2d(x.astype("int32"), 2), "floating"),
        (lambda x: upsample2d(x, 0), "factor must be positive"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.zeros((2, 5, 5, 3)))


def test_one_integer_serves_all_axes():
    x, key = draw(1, (2, 6, 6, 1)), jax.random.key(0)
    params = init_conv2d(key, 1, 16, 3)
    assert_near(params, init_conv2d(key, 1, 16, (3, 3)), 0.0)
    assert_near(conv2d(params, x, strides=2), conv2d(params, x, strides=(2, 2)), 0.0)
    for pool in (max_pool2d, avg_pool2d):
        assert_near(pool(x, 2, strides=1), pool(x, (2, 2), strides=(1, 1)), 0.0)
    assert_near(upsample2d(x, 2), upsample2d(x, (2, 2)), 0.0)


def test_an_empty_batch_has_an_empty_result():
    for channels in (3, 32):
        x, params = jnp.zeros((0, 8, 8, channels)), init_conv2d(jax.random.key(0), channels, 32, 3)
        assert conv2d(params, x).shape == (0, 8, 8, 32)
        assert not jax.grad(lambda p, x=x: conv2d(p, x).sum())(params)["w"].any()
    assert max_pool2d(x, 2).shape == (0, 4, 4, 32)


def test_without_compilation_a_convolution_and_its_gradient_are_the_same():
    params, x = init_conv2d(jax.random.key(0), 2, 3, (3, 3)), draw(1, (2, 5, 4, 2))
    step = jax.value_and_grad(lambda p: jnp.sum(jnp.tanh(conv2d(p, x))))
    with jax.disable_jit():
        slow = step(params)
    assert_near(slow, step(params), 1e-5)
