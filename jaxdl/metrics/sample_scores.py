"""Scores of generated examples: how likely they make the data, how real they look, how much of the data they cover.

    parzen_log_likelihood   log-density of the data under a kernel estimate from the samples   (Goodfellow et al., 2014)
    frechet_distance        distance of two Gaussians fitted to features of data and samples   (Heusel et al., 2017)
    class_entropy           how evenly a classifier finds the classes, and how sure it is
    coverage                share of the data with a sample among its nearest neighbors        (Naeem et al., 2020)
    mode_coverage           modes of a known mixture that were found, share of samples near one

None of them alone tells a good generator: a Parzen estimate in 784 dimensions is a rough one, and memorized data score
well everywhere. S samples, N examples of data, D dimensions, F features.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.metrics.masking import checked_mask, keep_rows
from jaxdl.metrics.pairs import mean
from jaxdl.types import Array, Pair, at_least_float32
from jaxdl.validation import as_floats

SIGMAS = tuple(np.logspace(-1, 0, 10).tolist())  # the widths that the published estimate chooses from
_ROWS = 100


@jax.jit
def parzen_log_likelihood(samples: Array, data: Array, sigma: float | Array) -> Array:
    """Log-density of each row of the data under a mixture of equal Gaussians, one centered on each sample.

        log p(x) = log 1/S sum_j exp(-|x - s_j|^2 / (2 sigma^2)) - D/2 log(2 pi sigma^2)

    Computed 100 rows at a time, the distances as |x|^2 - 2 x s + |s|^2: one matrix product a block.

    Args:
        samples: [S, D].
        data: [N, D].
        sigma: the width of the Gaussians.
    Returns: [N] in nats.
    Reference: Breuleux, Bengio, Vincent, "Quickly generating representative samples from an RBM-derived process", 2011.

    >>> f"{parzen_log_likelihood(jnp.zeros((3, 1)), jnp.zeros((1, 1)), 1.0)[0]:.4f}"  # -log sqrt(2 pi)
    '-0.9189'
    """
    samples, data = (at_least_float32(a) for a in as_floats("parzen_log_likelihood", samples=samples, data=data))
    sigma = jnp.asarray(sigma, data.dtype)
    n, d = data.shape
    center = samples.mean(0, keepdims=True)
    samples, data = samples - center, data - center

    def block(rows: Array) -> Array:
        return jax.nn.logsumexp(-_distances(rows, samples) / (2 * sigma * sigma), axis=1)

    filled = jnp.pad(data, ((0, -n % _ROWS), (0, 0))).reshape(-1, _ROWS, d)
    sums = jax.lax.map(block, filled).reshape(-1)[:n]
    return sums - jnp.log(jnp.asarray(samples.shape[0], data.dtype)) - 0.5 * d * jnp.log(2 * jnp.pi * sigma * sigma)


def choose_sigma(samples: Array, validation: Array, sigmas: Sequence[float] = SIGMAS) -> float:
    """The width with the largest mean log-density on a validation part.

    Args:
        samples: [S, D].
        validation: [N, D]; the published estimate takes 1,000 examples.
        sigmas: to choose from; by default ten from 0.1 to 1, evenly spaced in the logarithm.

    >>> choose_sigma(jnp.zeros((1, 1)), jnp.array([[0.3], [-0.3]]), (0.1, 0.3, 1.0))
    0.3
    """
    means = [float(parzen_log_likelihood(samples, validation, sigma).mean()) for sigma in sigmas]
    return float(sigmas[int(np.argmax(means))])


def parzen_scores(samples: Array, validation: Array, test: Array) -> dict[str, float]:
    """The published estimate: sigma chosen on (at most 1,000 rows of) validation, the mean over the test part.

    Returns: "parzen" in nats, "parzen_error" (the standard error of that mean) and the chosen "parzen_sigma".

    >>> scores = parzen_scores(jnp.zeros((2, 3)), jnp.ones((4, 3)), jnp.ones((4, 3)))
    >>> f"{scores['parzen']:.4f}", scores["parzen_error"], scores["parzen_sigma"]
    ('-4.2568', 0.0, 1.0)
    """
    sigma = choose_sigma(samples, validation[:1000])
    each = np.asarray(parzen_log_likelihood(samples, test, sigma), np.float64)
    error = each.std() / np.sqrt(len(each))
    return {"parzen": float(each.mean()), "parzen_error": float(error), "parzen_sigma": sigma}


def frechet_distance(features: np.ndarray, other: np.ndarray) -> float:
    """Squared Frechet (Wasserstein-2) distance of the Gaussians with the means and covariances of two sets of features.

        d^2 = |m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1^{1/2} C_2 C_1^{1/2})^{1/2})

    On the features of a network of Inception's kind this is the "FID"; on another network's it is comparable only with
    itself. It is 0 for equal sets and biased upwards for small ones.

    Args:
        features, other: [N, F] and [M, F]; computed in float64 on the host.
    Raises: ValueError if the numbers of features differ or a set has fewer than two rows.
    Reference: Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", 2017.

    >>> x = np.array([[0.0], [2.0]])
    >>> frechet_distance(x, x + 3.0)
    9.0
    """
    a, b = np.asarray(features, np.float64), np.asarray(other, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"frechet_distance: features {a.shape} and {b.shape} must be [N >= 2, F] with one F")
    c_a, c_b = np.cov(a, rowvar=False).reshape(a.shape[1], -1), np.cov(b, rowvar=False).reshape(a.shape[1], -1)
    root = _square_root(c_a)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ c_b @ root), 0)).sum()
    shift = a.mean(0) - b.mean(0)
    return float(shift @ shift + np.trace(c_a) + np.trace(c_b) - 2 * cross)


def _square_root(matrix: np.ndarray) -> np.ndarray:
    """The positive root of a symmetric positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def class_entropy(logits: Array) -> tuple[float, float]:
    """How evenly a classifier finds the classes in all samples, and how unsure it is of one sample, in nats.

        p = mean_i softmax(logits_i),    H(p) from 0 (one class) to log K (all alike),    mean_i H(softmax(logits_i))

    The exponential of their difference is the Inception score (on that classifier).

    Args:
        logits: [S, K].
    Reference: Salimans et al., "Improved techniques for training GANs", 2016, section 4.

    >>> [f"{h:.4f}" for h in class_entropy(jnp.array([[0.0, -jnp.inf], [-jnp.inf, 0.0]]))]
    ['0.6931', '0.0000']
    """
    (logits,) = as_floats("class_entropy", logits=logits)
    each = jax.nn.softmax(at_least_float32(logits), -1)
    minus_p_log_p = jax.scipy.special.entr  # 0 where p is 0
    return float(minus_p_log_p(each.mean(0)).sum()), float(minus_p_log_p(each).sum(-1).mean())


def coverage(data: Array, samples: Array, *, k: int = 5, where: Array | None = None) -> Pair:
    """Share of the data that have a sample nearer than their k-th nearest neighbor among the data.

    For samples from the data's own distribution, as many as data, about 1 - 2^-k; a mode that the generator has lost
    takes its whole share of the data away.

    Args:
        data, samples: [B, ...] each, distances over all axes after the first.
        k: the neighbor. Where no more than k rows count there is none, and nothing can be said: the pair is (0, 0).
        where: [B] bool: the rows of both that count.
    Returns: the pair (covered rows, rows).
    Raises: ValueError if the shapes differ, or for a k below 1.
    Reference: Naeem et al., "Reliable fidelity and diversity metrics for generative models", 2020.

    >>> data = jnp.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    >>> covered, rows = coverage(data, jnp.full((6, 1), 1.2), k=2)
    >>> int(covered), int(rows)
    (3, 6)
    """
    if data.shape != samples.shape:
        raise ValueError(f"coverage: data {data.shape} and samples {samples.shape} must have one shape")
    if k < 1:
        raise ValueError(f"coverage: k must be at least 1, got {k}")
    n = data.shape[0]
    where = checked_mask("coverage", where, (n,))
    kept = jnp.ones(n, bool) if where is None else where
    data, samples = as_floats("coverage", data=data, samples=samples)
    x, s = (keep_rows(at_least_float32(a).reshape(n, -1), where) for a in (data, samples))
    center = x.sum(0, keepdims=True) / jnp.maximum(kept.sum(), 1).astype(x.dtype)
    x, s = x - center, s - center
    among_data = jnp.where(kept[None, :] & ~jnp.eye(n, dtype=bool), _distances(x, x), jnp.inf)
    radius = jnp.sort(among_data, axis=1)[:, min(k, n) - 1]
    nearest = jnp.where(kept[None, :], _distances(x, s), jnp.inf).min(axis=1)
    enough = kept.sum() > k
    nan = jnp.isnan(x).any() | jnp.isnan(s).any()
    covered, rows = mean((nearest <= radius) & ~nan, where=kept & enough)
    return covered, rows


def _distances(a: Array, b: Array) -> Array:
    """Squared distances of all rows of a from all rows of b, both of them near 0 (far away digits are lost): [N, M]."""
    return jnp.maximum((a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2 * (a @ b.T), 0)


@functools.partial(jax.jit, static_argnames=("deviations",))
def mode_coverage(samples: Array, centers: Array, std: float, *, deviations: float = 3.0) -> tuple[Array, Array]:
    """Modes of a mixture of round Gaussians that were found, and the share of high-quality samples.

    A sample is of high quality within 3 standard deviations of the nearest center. A mode counts as found from a tenth
    of its fair share S / K of the samples on, all of high quality (the literature is content with a single one).

    Args:
        samples: [S, D].
        centers: [K, D].
        std: of each Gaussian.
        deviations: how many of them are near enough.
    Returns: (modes found, share of high quality).
    Reference: Srivastava et al., "VEEGAN", 2017, section 4.1.

    >>> found, good = mode_coverage(jnp.array([[0.0], [0.1], [5.0], [9.0]]), jnp.array([[0.0], [5.0]]), 0.1)
    >>> int(found), good.item()
    (2, 0.75)
    """
    samples, centers = (at_least_float32(a) for a in as_floats("mode_coverage", samples=samples, centers=centers))
    middle = centers.mean(0, keepdims=True)
    distances = _distances(samples - middle, centers - middle)  # [S, K]
    good = jnp.min(distances, axis=1) <= (deviations * std) ** 2  # never of NaN
    hits = jax.nn.one_hot(jnp.argmin(distances, axis=1), centers.shape[0]) * good[:, None].astype(jnp.float32)
    covered = hits.sum(0) >= 0.1 * samples.shape[0] / centers.shape[0]
    return covered.sum(), good.mean(dtype=jnp.float32)
