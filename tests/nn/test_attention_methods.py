"""The forms of attention: which one is chosen, the memory of the chunked one, the program of the fused one."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import kernels, nn
from jaxdl.kernels.attention import choose_method


@pytest.mark.parametrize(
    ("backend", "dtype", "n_features", "lengths", "masked", "expected"),
    [
        ("cpu", "bfloat16", 64, (4, 6), True, "plain"),
        ("gpu", "bfloat16", 64, (4, 6), True, "fused"),
        ("gpu", "float16", 128, (4, 6), True, "fused"),
        ("cuda", "bfloat16", 8, (4, 6), False, "fused"),
        ("gpu", "float32", 64, (4, 6), True, "plain"),
        ("gpu", "bfloat16", 256, (4, 6), True, "plain"),
        ("gpu", "bfloat16", 12, (4, 6), True, "plain"),
        ("gpu", "bfloat16", 64, (4, 5), True, "plain"),
        ("gpu", "bfloat16", 64, (3, 6), True, "plain"),
        ("gpu", "bfloat16", 64, (3, 5), False, "fused"),
        ("tpu", "bfloat16", 64, (4, 6), True, "plain"),
    ],
)
def test_the_fused_kernel_is_chosen_where_it_exists(backend, dtype, n_features, lengths, masked, expected):
    q, k = (jax.ShapeDtypeStruct((2, n, 2, n_features), jnp.dtype(dtype)) for n in lengths)
    assert choose_method(backend, q, k, k, masked=masked) == expected


def test_the_backend_chooses(key, monkeypatch):
    """On a GPU the fused kernel is called, with the same arguments, and a row without keys is zero after it, too."""
    q, k, v = jax.random.normal(key, (3, 2, 4, 2, 8), jnp.bfloat16)
    mask = jnp.array([[True, True, False, False], [False] * 4])[:, None, None]
    calls = []

    def kernel(q, k, v, **options):
        calls.append(options)
        return jnp.ones_like(q)

    monkeypatch.setattr(kernels, "backend", lambda: "gpu")
    monkeypatch.setattr(jax.nn, "dot_product_attention", kernel)
    y = nn.dot_product_attention(q, k, v, mask=mask, causal=True)
    assert [(c["implementation"], c["is_causal"]) for c in calls] == [("cudnn", True)]
    np.testing.assert_array_equal(calls[0]["mask"], jnp.broadcast_to(mask, (2, 1, 4, 4)))
    np.testing.assert_array_equal(y[0], 1)
    np.testing.assert_array_equal(y[1], 0)


@pytest.mark.parametrize("masked", [False, True])
def test_the_fused_kernel_is_lowered_for_cuda_with_its_gradient(masked, key, monkeypatch):
    """On a machine without a GPU: the kernel's version and its device are the only things made up."""
    from jax._src.cudnn import fused_attention_stablehlo as cudnn

    monkeypatch.setattr(cudnn, "check_cudnn_version", lambda: 91100)
    monkeypatch.setattr(kernels, "backend", lambda: "gpu")
    x = jnp.ones((2, 4, 16), jnp.bfloat16)
    params = nn.init_multi_head_attention(key, 16, dtype=jnp.bfloat16)
    mask = jnp.ones((2, 1, 1, 4), bool) if masked else None

    def loss(params, x):
        return nn.multi_head_attention(params, x, n_heads=2, mask=mask, causal=True).astype(jnp.float32).sum()

    checks = [
        jax.export.DisabledSafetyCheck.custom_call(f"__cudnn$fmha{'ScaleBias' * masked}Softmax{b}")
        for b in ("", "Backward")
    ]
    program = jax.export.export(jax.jit(jax.grad(loss)), platforms=["cuda"], disabled_checks=checks)(params, x)
    assert program.mlir_module().count("__cudnn$fmha") >= 2


@pytest.mark.parametrize(("causal", "chunk", "rows"), [(True, 4, 1), (False, 3, 10), (True, 16, 10)])
def test_chunks_of_any_size_equal_the_plain_form_with_gradients(causal, chunk, rows, key):
    """Lengths that no chunk divides, and masks with and without a row for each query."""
    q, k, v = jax.random.normal(key, (3, 2, 10, 2, 8))
    mask = jax.random.bernoulli(jax.random.key(1), 0.7, (2, 1, rows, 10))

    def loss(function, **options):
        return jax.jit(
            jax.value_and_grad(lambda *a: (function(*a, mask=mask, causal=causal, **options) ** 2).sum(), (0, 1, 2))
        )

    ours, theirs = loss(nn.chunked_attention, chunk=chunk)(q, k, v), loss(nn.dot_product_attention)(q, k, v)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), ours, theirs)


def _largest_array(f, *args):
    """Elements of the largest array anywhere in a program, loops and their bodies included."""

    def walk(jaxpr):
        yield from (v.aval.size for eqn in jaxpr.eqns for v in eqn.outvars if hasattr(v.aval, "size"))
        for eqn in jaxpr.eqns:
            for value in eqn.params.values():
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    yield from walk(inner)

    return max(walk(jax.make_jaxpr(f)(*args).jaxpr))


def test_chunked_memory_is_linear_in_the_length_forward_and_backward(key):
    def sizes(method):
        def gradient(x):
            f = lambda q: nn.dot_product_attention(q, q, q, causal=True, method=method).sum()  # noqa: E731
            return jax.grad(f)(x)

        return [_largest_array(gradient, jnp.zeros((1, n, 1, 4))) for n in (2048, 8192)]

    short, long = sizes("chunked")
    assert long <= 4.1 * short
    short, long = sizes("plain")
    assert long >= 15 * short
