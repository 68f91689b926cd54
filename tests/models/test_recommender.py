"""Memory-based recommendation against a plain loop, against Surprise, and its invariants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.applications.recommend import neighborhood
from jaxdl.models import recommender
from jaxdl.models.recommender import Config

RNG = np.random.default_rng(0)
KNOWN = RNG.random((12, 9)) < 0.6
KNOWN[:, 0] = KNOWN[0] = True
RATINGS = np.where(KNOWN, 1 + 4 * RNG.random((12, 9)), 0).astype(np.float32)


def scores(config: Config, values=RATINGS, known=KNOWN, rows=slice(None)) -> np.ndarray:
    """Of all users, or of some rows; compiled as a whole, which is faster than operation by operation."""
    run = jax.jit(lambda x, k: recommender.apply(recommender.fit(x, k, config), x[rows], k[rows], config))
    return np.asarray(run(jnp.asarray(values), jnp.asarray(known)))


def plain_similarity(x, y, x_known, y_known, config, weights=None) -> float:
    """One pair of rows, with loops and nothing of ours."""
    x, y = x.astype(float), y.astype(float)
    if config.similarity == "centered_cosine":
        x, y = (np.where(k, v - v[k].mean(), 0.0) if k.any() else v for v, k in ((x, x_known), (y, y_known)))
    x, y = (x, y) if weights is None else (x * weights, y * weights)
    both = x_known & y_known
    a, b = (x[both], y[both]) if config.similarity == "common_cosine" else (x, y)
    lengths = np.sqrt((a * a).sum()) * np.sqrt((b * b).sum())
    w = (x * y).sum() / lengths if lengths > 0 else 0.0
    return w * min(both.sum(), config.significance) / config.significance if config.significance else w


def plain_rating(ratings, known, user, item, config) -> float:
    """The docstring's equations for one user and item."""
    if config.by == "item":  # the same formula with rows and columns exchanged, but an item is not its own neighbor
        swapped = Config("user", "ratings", config.similarity, config.k, config.significance)
        return plain_user_rating(ratings.T, known.T, item, user, swapped, own=False)
    return plain_user_rating(ratings, known, user, item, config, own=True)


def plain_user_rating(ratings, known, user, item, config, own) -> float:
    candidates = []
    for other in range(len(ratings)):
        if known[other, item] and (own or other != user):
            w = plain_similarity(ratings[user], ratings[other], known[user], known[other], config)
            mean = ratings[other][known[other]].mean() if config.similarity == "centered_cosine" else 0.0
            if w > 0:
                candidates.append((w, ratings[other, item] - mean))
    candidates = sorted(candidates, reverse=True)[: config.k]
    total = sum(w for w, _ in candidates)
    if config.similarity == "centered_cosine":
        base = ratings[user][known[user]].mean()
        return base + (sum(w * v for w, v in candidates) / total if total else 0.0)
    return sum(w * v for w, v in candidates) / total if total else ratings[known].mean()


@pytest.mark.parametrize("by", ["user", "item"])
@pytest.mark.parametrize("similarity", ["cosine", "common_cosine", "centered_cosine"])
@pytest.mark.parametrize(("k", "significance"), [(None, 0), (2, 4)])
def test_ratings_equal_a_plain_loop(by, similarity, k, significance):
    config = Config(by, "ratings", similarity, k, significance)
    expected = [[plain_rating(RATINGS, KNOWN, u, i, config) for i in range(9)] for u in range(12)]
    np.testing.assert_allclose(scores(config), expected, atol=2e-5)


@pytest.mark.parametrize("k", [None, 4])
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("by", ["user", "item"])
def test_visits_equal_a_plain_loop(by, k, inverse):
    x, known = KNOWN.astype(np.float32), KNOWN
    config = Config(by, k=k, inverse_frequency=inverse)
    rows, rows_known = (x, known) if by == "user" else (x.T, known.T)
    weights = np.log(len(rows) / np.maximum(rows_known.sum(0), 1)) if inverse else None
    w = np.array([[plain_similarity(a, b, a > 0, b > 0, config, weights) for b in rows] for a in rows])
    if by == "item":
        np.fill_diagonal(w, 0)
    kept = np.where(w >= (-np.sort(-w, axis=1)[:, k - 1 : k] * (1 - recommender.TIED) if k else 0), w, 0)
    expected = kept @ x if by == "user" else x @ kept.T
    np.testing.assert_allclose(scores(config, x, known), expected, atol=2e-5)


@pytest.mark.parametrize("keep", [recommender.keep_nearest, neighborhood.keep_nearest])
def test_rounding_decides_no_ties(keep):
    """The same sum in another order, in float32 or float64, must not change who is a neighbor."""
    weights = np.array([0.5, 0.5 * (1 - 2e-7), 0.5 * (1 - 1e-5), 0.1], np.float32)
    np.testing.assert_array_equal(keep(weights, 1), np.where([True, True, False, False], weights, 0))
    shares = neighborhood._shares(weights, np.array([0, 4]), 1)
    np.testing.assert_allclose(shares, [0.5, 0.5, 0, 0], rtol=1e-6)


@pytest.mark.parametrize(("by_user", "k"), [(True, 40), (True, 3), (False, 40), (False, 3)])
def test_equal_to_surprise(by_user, k):
    """KNNBasic with cosine: over common ratings, at least one neighbor, the mean of all ratings otherwise."""
    surprise = pytest.importorskip("surprise", reason="scikit-surprise is not installed")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    users, items = np.nonzero(KNOWN)
    table = pandas.DataFrame({"user": users, "item": items, "rating": RATINGS[KNOWN].astype(float)})
    train = surprise.Dataset.load_from_df(table, surprise.Reader(rating_scale=(-9, 9))).build_full_trainset()
    options = {"name": "cosine", "user_based": by_user}
    theirs = surprise.KNNBasic(k=k, min_k=1, sim_options=options, verbose=False).fit(train)
    expected = [[theirs.predict(u, i).est for i in range(9)] for u in range(12)]
    config = Config("user" if by_user else "item", "ratings", "common_cosine", k)
    ours = scores(config)
    # Of what a user has rated itself, Surprise counts the rating among the neighbors: nobody is recommended that.
    np.testing.assert_allclose(ours[~KNOWN], np.array(expected)[~KNOWN], atol=1e-4)


def test_all_neighbors_at_once_equal_the_sum_over_them():
    """s = (A X^T) X = A (X^T X), up to the length of A's rows."""
    x = jnp.asarray(KNOWN, jnp.float32)
    config = Config(inverse_frequency=True)
    everyone = recommender.all_users(x, x > 0, config)
    weights = recommender.similarities(x, x, x > 0, x > 0, config, weights=everyone["weights"])
    through_users = recommender.from_neighbors(everyone, weights, x, x > 0, config)
    np.testing.assert_allclose(scores(config, KNOWN.astype(np.float32)), through_users, rtol=1e-5)


def test_a_user_without_ratings_gets_the_mean_and_no_nan():
    nobody = np.zeros((1, 9), np.float32)
    for by in ("user", "item"):
        config = Config(by, "ratings")
        params = recommender.fit(jnp.asarray(RATINGS), jnp.asarray(KNOWN), config)
        found = recommender.apply(params, jnp.asarray(nobody), jnp.asarray(nobody > 0), config)
        np.testing.assert_allclose(found, RATINGS[KNOWN].mean(), rtol=1e-6)


def test_a_rating_of_zero_is_a_rating():
    values, known = np.zeros((3, 9), np.float32), np.zeros((3, 9), bool)
    values[:, :2], known[:, :2] = [[0, 5], [0, 3], [4, 0]], [[False, True], [True, True], [True, False]]
    config = Config("user", "ratings")
    assert scores(config, values, known)[0, 0] == 0  # the only neighbor with the same taste gave 0
    assert scores(config, values, known & (values > 0))[0, 0] == 4  # read as unknown, nobody has: the mean of all


def test_all_blocks_of_users_share_one_compilation():
    config, traced = Config("user", k=3), []

    @jax.jit
    def block(params, values, known):
        traced.append(1)
        return recommender.apply(params, values, known, config)

    x = jnp.asarray(KNOWN, jnp.float32)
    params = recommender.fit(x, x > 0, config)
    parts = [block(params, x[i : i + 4], x[i : i + 4] > 0) for i in range(0, 12, 4)]
    np.testing.assert_allclose(jnp.concatenate(parts), recommender.apply(params, x, x > 0, config), rtol=1e-6)
    assert len(traced) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Config(by="users"), "did you mean 'user'"),  # pyright: ignore[reportArgumentType]
        (lambda: Config(k=0), "k must be positive"),
        (lambda: Config(significance=-1), "significance"),
        (lambda: recommender.fit(jnp.ones((2, 3)), jnp.ones((3, 2), bool), Config()), r"\(2, 3\) and \(3, 2\)"),
        (
            lambda: recommender.similarities(*(jnp.ones((2, n)) for n in (3, 4, 3, 4)), config=Config()),
            r"\[N, D\], y and y_known \[M, D\]",
        ),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
