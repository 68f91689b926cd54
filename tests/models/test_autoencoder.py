"""Autoencoders: the linear one is PCA, the members' objectives, stacking, a classifier on top."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA

from jaxdl import metrics, nn, optim
from jaxdl.artifacts import pictures
from jaxdl.losses import regularizers
from jaxdl.models import autoencoder, mlp
from jaxdl.tasks import stacking

DEEP = autoencoder.Config(shape=(3, 2), n_code=3, widths=(5, 4), activation="sigmoid", code_activation="sigmoid")
WIDE = autoencoder.Config(shape=(8, 4, 2), n_code=70, widths=(32,))
CONV = autoencoder.Config(shape=(8, 4, 2), n_code=3, widths=(7,), channels=(4, 6), activation="tanh")


def descend(loss, params, steps: int, rate: float):
    """Adam along a cosine, in one compiled loop."""
    optimizer = optim.adam(optim.cosine_schedule(rate, steps))

    @jax.jit
    def run(params):
        def body(_, carry):
            params, opt_state = carry
            updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state, params)
            return jax.tree.map(jnp.add, params, updates), opt_state

        return jax.lax.fori_loop(0, steps, body, (params, optimizer.init(params)))[0]

    return run(params)


def largest_angle(a: np.ndarray, b: np.ndarray) -> float:
    """The largest principal angle between the spans of the rows of two matrices, by its sine: exact when small."""
    qa, qb = np.linalg.qr(a.T)[0], np.linalg.qr(b.T)[0]
    return float(np.arcsin(min(np.linalg.norm(qb - qa @ (qa.T @ qb), 2), 1.0)))


@pytest.mark.parametrize("hidden", [(), (6,)])
def test_linear_autoencoder_is_pca(x64, hidden):
    """Same subspace within 1e-3 rad, same reconstruction error within 1 %; the data are not centered."""
    rng = np.random.default_rng(0)
    spread = np.diag([3, 2.5, 2, 1, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2])
    x = rng.normal(size=(100, 10)) @ spread @ np.linalg.qr(rng.normal(size=(10, 10)))[0] + rng.normal(size=10)
    config = autoencoder.Config(shape=(10,), n_code=3, widths=hidden, activation="identity", loss="squared_error")
    pca = PCA(3).fit(x)
    components = np.asarray(pca.components_)
    expected = ((pca.inverse_transform(pca.transform(x)) - x) ** 2).sum(1).mean()

    def span(params):
        layers = [params["decoder"][f"layer_{i}"]["w"] for i in range(len(hidden) + 1)]
        return np.linalg.multi_dot(layers) if len(layers) > 1 else np.asarray(layers[0])

    start = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), autoencoder.init(jax.random.key(0), config))
    loss = lambda params: autoencoder.objective(params, jnp.asarray(x), config)[0]  # noqa: E731
    params = descend(loss, start, 2500, 0.02)
    assert largest_angle(span(start), components) > 0.5  # it was not there already
    assert largest_angle(span(params), components) <= 1e-3
    assert expected * (1 - 1e-12) <= float(loss(params)) <= expected * 1.01


@pytest.mark.parametrize(
    "config", [DEEP, CONV, autoencoder.Config(shape=(4,), n_code=9)], ids=["dense", "conv", "wide"]
)
def test_the_decoder_mirrors_the_encoder(config, key):
    params = autoencoder.init(key, config)
    x = jax.random.uniform(key, (5, *config.shape))
    code = jax.eval_shape(lambda x: autoencoder.encode(params, x, config), x)
    outputs = jax.eval_shape(lambda x: autoencoder.apply(params, x, config), x)
    assert (code.shape, outputs.shape) == ((5, config.n_code), x.shape)
    encoder, decoder = ([w.shape for w in map(lambda p: p["w"], half.values())] for half in params.values())
    n = len(config.channels)
    assert [s[::-1] for s in decoder[n:][::-1]] == encoder[n:]
    assert [s[:2] + s[:1:-1] for s in decoder[:n][::-1]] == encoder[:n]


def test_the_input_is_corrupted_only_with_a_key_and_the_target_never(key):
    config = dataclasses.replace(DEEP, corruption="salt_and_pepper", corruption_level=0.5)
    params, x = autoencoder.init(key, config), jax.random.uniform(key, (6, 3, 2))
    noisy = autoencoder.corrupted(x, config, key=key)
    assert not np.array_equal(noisy, x)
    np.testing.assert_array_equal(autoencoder.corrupted(x, config, key=None), x)
    y = autoencoder.apply(params, x, config, key=key)
    np.testing.assert_allclose(y, autoencoder.apply(params, noisy, config), rtol=1e-6)
    value, parts = autoencoder.objective(params, x, config, key=key)
    probability = nn.activations.sigmoid(y)
    expected = -(x * jnp.log(probability) + (1 - x) * jnp.log(1 - probability)).sum((1, 2))
    np.testing.assert_allclose(parts.error, expected, rtol=1e-5)
    np.testing.assert_allclose(parts.reconstruction, probability, rtol=1e-6)
    assert float(value) == pytest.approx(float(expected.mean()), rel=1e-5)


@pytest.mark.parametrize("sparsity", ["kl", "l1"])
def test_the_penalty_is_added_and_masked_rows_count_nowhere(sparsity, key):
    config = dataclasses.replace(DEEP, loss="squared_error", sparsity=sparsity, sparsity_rate=0.7, rho=0.2)
    params, x = autoencoder.init(key, config), jax.random.uniform(key, (6, 3, 2))
    where = jnp.array([True, True, False, True, False, False])
    value, _ = autoencoder.objective(params, x, config, where=where)
    kept = x[jnp.flatnonzero(where)]
    code = np.asarray(autoencoder.encode(params, kept, config), np.float64)
    error = ((np.asarray(autoencoder.apply(params, kept, config)) - np.asarray(kept)) ** 2).sum((1, 2)).mean()
    mean = code.mean(0)
    kl = (0.2 * np.log(0.2 / mean) + 0.8 * np.log(0.8 / (1 - mean))).sum()
    assert float(value) == pytest.approx(
        error + 0.7 * (kl if sparsity == "kl" else np.abs(code).sum(1).mean()), rel=1e-5
    )


def test_sparse_codes_reach_their_mean_activation(key):
    """An overcomplete code: without the penalty half of the units are on, with it a tenth."""
    x = jax.random.uniform(key, (64, 8))
    plain = autoencoder.Config(shape=(8,), n_code=16, code_activation="sigmoid")
    sparse = dataclasses.replace(plain, sparsity="kl", sparsity_rate=5.0, rho=0.1)
    codes = []
    for config in (plain, sparse):
        loss = lambda params, config=config: autoencoder.objective(params, x, config)[0]  # noqa: E731
        params = descend(loss, autoencoder.init(key, config), 300, 0.03)
        codes.append(autoencoder.encode(params, x, config).mean(0))
    assert float(codes[0].mean()) > 0.3
    np.testing.assert_allclose(codes[1], 0.1, atol=0.03)


@pytest.mark.parametrize(
    "config", [WIDE, dataclasses.replace(CONV, n_code=8, widths=(32,), channels=(12, 16))], ids=["wide", "conv"]
)
def test_overfits_one_batch(config, key):
    x = jax.random.bernoulli(key, 0.5, (6, *config.shape)).astype(jnp.float32)
    loss = lambda params: autoencoder.objective(params, x, config)[0]  # noqa: E731
    start = autoencoder.init(jax.random.key(1), config)
    before, after = float(loss(start)), float(loss(descend(loss, start, 400, 0.02)))
    assert after < 0.02 * before


def test_denoising_brings_noisy_points_back_to_the_line(key):
    """Points on a line in the plane, noise around it: the reconstruction is nearer to the clean points."""
    config = autoencoder.Config(shape=(2,), n_code=8, loss="squared_error", code_activation="tanh")
    config = dataclasses.replace(config, corruption="gaussian", corruption_level=0.3)
    t = jax.random.uniform(key, (256, 1), minval=-1.0)
    x = jnp.concatenate([t, t], axis=1)
    loss = lambda params: autoencoder.objective(params, x, config, key=jax.random.key(1))[0]  # noqa: E731
    params = descend(loss, autoencoder.init(key, config), 400, 0.02)
    noisy = autoencoder.corrupted(x, config, key=jax.random.key(2))
    restored = autoencoder.apply(params, noisy, config)
    assert float(((restored - x) ** 2).mean()) < 0.7 * float(
        ((noisy - x) ** 2).mean()
    )  # half of it lies across the line


def test_shallow_autoencoders_unroll_into_the_deep_one(key):
    shallow = autoencoder.layer_configs(DEEP)
    assert [(layer.shape, layer.n_code) for layer in shallow] == [((3, 2), 5), ((5,), 4), ((4,), 3)]
    layers = [autoencoder.init(k, c) for k, c in zip(jax.random.split(key, 3), shallow, strict=True)]
    deep = autoencoder.unroll(layers)
    x = jax.random.uniform(key, (4, 3, 2))
    h = x
    for params, config in zip(layers, shallow, strict=True):
        h = autoencoder.encode(params, h, config)
    np.testing.assert_allclose(autoencoder.encode(deep, x, DEEP), h, rtol=1e-6)
    for params, config in zip(layers[::-1], shallow[::-1], strict=True):
        h = autoencoder.reconstruction(autoencoder.decode(params, h, config), config)
    np.testing.assert_allclose(autoencoder.reconstruction(autoencoder.apply(deep, x, DEEP), DEEP), h, rtol=1e-5)


def test_the_classifier_on_top_is_an_mlp(key):
    params, top = autoencoder.init(key, DEEP), nn.init_dense(key, 3, 4)
    x = jax.random.uniform(key, (4, 3, 2))
    config = mlp.Config(n_in=6, n_out=4, widths=(5, 4, 3), activation="sigmoid")
    logits = mlp.apply(autoencoder.mlp_params(params, top), x, config)
    np.testing.assert_allclose(logits, nn.dense(top, autoencoder.encode(params, x, DEEP)), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_code": 0}, "n_code must be positive, got 0"),
        ({"corruption": "salt"}, "unknown corruption 'salt', did you mean 'salt_and_pepper'"),
        ({"corruption": "masking", "corruption_level": 1.5}, "corruption_level is a probability, got 1.5"),
        ({"code_activation": "softmax"}, "unknown code_activation 'softmax'"),
        ({"sparsity": "kl"}, '"kl" wants code_activation "sigmoid" and rho in'),
        ({"sparsity": "kl", "code_activation": "sigmoid", "rho": 1.0}, "got 'sigmoid' and 1.0"),
        ({"channels": (4,)}, r"multiples of 2, got shape \(6,\)"),
        ({"channels": (4, 4), "shape": (8, 6, 1)}, r"multiples of 4, got shape \(8, 6, 1\)"),
    ],
)
def test_impossible_configuration(options, message):
    with pytest.raises(ValueError, match=message):
        autoencoder.Config(**({"shape": (6,), "n_code": 2} | options))


def test_what_cannot_be_stacked_is_refused():
    for config in (CONV, dataclasses.replace(DEEP, code_activation="identity")):
        with pytest.raises(ValueError, match="greedy pre-training stacks dense layers with one activation"):
            autoencoder.layer_configs(config)
    with pytest.raises(ValueError, match="greedy pre-training"):
        stacking.Config(model=CONV)


def test_input_of_another_shape_is_named(key):
    with pytest.raises(ValueError, match=r"x \(4, 6\) must be \[B, 3, 2\]"):
        autoencoder.apply(autoencoder.init(key, DEEP), jnp.ones((4, 6)), DEEP)


def test_kl_sparsity_is_zero_at_rho_and_finite_at_the_ends():
    assert float(regularizers.kl_sparsity(jnp.full((4, 3), 0.2), 0.2)) == pytest.approx(0.0, abs=1e-6)
    ends = jnp.array([[0.0, 1.0], [0.0, 1.0]])
    value, gradient = jax.value_and_grad(regularizers.kl_sparsity)(ends)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert np.sign(gradient).tolist() == [[-1, 1]] * 2, "a unit that is always off is pushed up"
    a = jnp.array([[0.3, 0.6], [0.1, 0.4]])
    slope = (-0.1 / a.mean(0) + 0.9 / (1 - a.mean(0))) / 2
    np.testing.assert_allclose(jax.grad(regularizers.kl_sparsity)(a, 0.1), jnp.stack([slope, slope]), rtol=1e-5)


def test_mistakes_of_the_penalties_are_named():
    with pytest.raises(ValueError, match=r"rho must lie in \(0, 1\), got 1.5"):
        regularizers.kl_sparsity(jnp.ones((2, 2)), 1.5)
    with pytest.raises(ValueError, match=r"where \(3,\) must have one entry for each row of activations \(2, 2\)"):
        regularizers.l1_sparsity(jnp.ones((2, 2)), where=jnp.ones(3, bool))


def test_peak_signal_to_noise():
    error = metrics.mean(jnp.array([4.0, 4.0]))
    assert float(metrics.peak_signal_to_noise(error, peak=200.0)) == pytest.approx(10 * np.log10(200**2 / 4))


def test_scatter_draws_every_point_once():
    points, labels = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 2, 2, 2])
    (axes,) = pictures.scatter(points, labels, ("a", "b", "c")).axes
    assert [len(group.get_offsets()) for group in axes.collections] == [2, 1, 3]
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c"]
