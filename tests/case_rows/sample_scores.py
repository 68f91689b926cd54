"""Rows for jaxdl.metrics.sample_scores."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from cases import Case

from jaxdl.metrics import sample_scores


def _points(key, n=(7, 5)):
    s_key, x_key = jax.random.split(key)
    return jax.random.normal(s_key, (n[0], 3)), jax.random.normal(x_key, (n[1], 3))


def _scipy_parzen(samples, data):
    from scipy.special import logsumexp

    distances = ((data[:, None] - samples[None]) ** 2).sum(-1)
    return logsumexp(-distances / (2 * 0.4**2), axis=1, b=1 / len(samples)) - 1.5 * np.log(2 * np.pi * 0.4**2)


def _sklearn_coverage(data, samples):
    from sklearn.neighbors import NearestNeighbors

    radius = (
        NearestNeighbors(n_neighbors=4).fit(data).kneighbors(data)[0][:, -1]
    )  # the first neighbor is the row itself
    nearest = NearestNeighbors(n_neighbors=1).fit(samples).kneighbors(data)[0][:, 0]
    return np.asarray((nearest <= radius).sum(), data.dtype), np.asarray(len(data), data.dtype)


CASES = [
    Case(
        "sample_scores.parzen_log_likelihood",
        functools.partial(sample_scores.parzen_log_likelihood, sigma=jnp.float32(0.4)),
        _points,
        wrt=(0, 1),
        batched=(1,),
        dtypes=("float32", "float64"),
        references={"scipy": _scipy_parzen},
        tolerance=5e-5,
        tolerance64=1e-6,
        why="squared distances as a difference of sums, divided by 2 sigma^2; sigma itself is a float32",
    ),
    Case(
        "sample_scores.coverage",
        functools.partial(sample_scores.coverage, k=3),
        functools.partial(_points, n=(40, 40)),
        wrt=(),
        dtypes=("float32", "float64"),
        references={"sklearn": _sklearn_coverage},
    ),
]
