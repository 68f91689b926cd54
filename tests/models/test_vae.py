"""The variational autoencoder: its bounds where they are known exactly, the draw, and samples from a recipe's run."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusal import refused

from jaxdl import cli, runs
from jaxdl.models import vae
from jaxdl.recipes import digits_vae

LINEAR = vae.Config(shape=(2,), n_latent=1, widths=(), likelihood="gaussian", deviation=0.5)


def with_best_posterior(w: np.ndarray, s: float) -> dict:
    """A linear decoder x = w z + s e, and the encoder that gives its true posterior N(w.x / (w.w + s^2), s^2 / ...)."""
    total = float(w @ w + s * s)
    encoder = {"w": jnp.stack([w / total, jnp.zeros(2)], axis=1), "b": jnp.array([0.0, math.log(s * s / total)])}
    return {"encoder": {"layer_0": encoder}, "decoder": {"layer_0": {"w": jnp.asarray(w)[None], "b": jnp.zeros(2)}}}


def exact(x: np.ndarray, w: np.ndarray, s: float) -> np.ndarray:
    """log N(x; 0, w w^T + s^2 I)."""
    covariance = np.outer(w, w) + s * s * np.eye(2)
    quadratic = np.einsum("bi,ij,bj->b", x, np.linalg.inv(covariance), x)
    return -0.5 * (quadratic + np.log(np.linalg.det(2 * np.pi * covariance)))


def test_with_the_true_posterior_both_bounds_are_the_log_likelihood(x64):
    w, x = np.array([1.0, -2.0]), np.random.default_rng(0).normal(size=(4, 2))
    params = with_best_posterior(w, 0.5)
    bound = vae.log_likelihood(params, jnp.asarray(x), LINEAR, key=jax.random.key(0), n_draws=3)
    np.testing.assert_allclose(bound, exact(x, w, 0.5), rtol=1e-10)  # every draw has the same weight
    keys = jax.random.split(jax.random.key(1), 4000)
    elbo = jax.vmap(lambda key: -vae.objective(params, jnp.asarray(x), LINEAR, key=key)[0])(keys)
    assert elbo.mean() == pytest.approx(exact(x, w, 0.5).mean(), abs=4 * float(elbo.std()) / math.sqrt(4000))


def test_another_posterior_bounds_from_below_and_more_draws_come_closer(x64):
    w, x = np.array([1.0, -2.0]), np.random.default_rng(0).normal(size=(4, 2))
    params = with_best_posterior(w, 0.5)
    params["encoder"]["layer_0"]["b"] = jnp.array([0.3, 0.0])
    one, many = (
        vae.log_likelihood(params, jnp.asarray(np.repeat(x, 500, 0)), LINEAR, key=jax.random.key(0), n_draws=n).mean()
        for n in (1, 50)
    )
    assert float(one) < float(many) - 0.1 < exact(x, w, 0.5).mean()


def test_the_draw_has_the_moments_that_were_asked_for():
    mean, log_variance = jnp.full((20_000, 1), 2.0), jnp.full((20_000, 1), math.log(0.25))
    z = vae.reparameterize(mean, log_variance, key=jax.random.key(0))
    assert z.mean() == pytest.approx(2.0, abs=0.02)
    assert z.std() == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(vae.reparameterize(mean, log_variance), mean)


def test_beta_weighs_the_price_of_the_code():
    config = vae.Config(shape=(3,), n_latent=2, widths=(4,))
    params, x = vae.init(jax.random.key(0), config), jnp.full((5, 3), 0.3)
    for beta in (0.0, 1.0, 4.0):
        value, parts = vae.objective(params, x, dataclasses.replace(config, beta=beta), key=jax.random.key(1))
        assert value == pytest.approx(float((parts.error + beta * parts.kl).mean()), rel=1e-6)


def test_a_run_draws_digits_and_says_what_it_cannot(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(digits_vae, "scores", lambda *_: {"log-likelihood bound": 0.0})
    config = digits_vae.Config(model=vae.Config(shape=(8, 8, 1), n_latent=2, widths=(4,)), epochs=1, batch_size=256)
    run = runs.train("digits_vae", config, run_dir=tmp_path / "1")
    command = ["sample", str(run.folder), "--out", str(tmp_path / "sheet.png")]
    assert cli.main([*command, "--count", "9"]) == 0
    assert (tmp_path / "sheet.png").stat().st_size > 0
    capsys.readouterr()
    for words, message in (("--label 3", "this network has no classes"), ("--interpolate 4", "leave --interpolate")):
        assert message in refused(capsys, *command, *words.split())
