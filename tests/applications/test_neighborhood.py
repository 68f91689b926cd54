"""One user's recommendations from sparse ratings: equal to those from tables, with their parts, in bounded memory."""

import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse

from jaxdl.applications.recommend import neighborhood
from jaxdl.applications.recommend.recommendations import recommend
from jaxdl.data.catalogs import Catalog
from jaxdl.data.ratings import Ratings
from jaxdl.models import recommender
from jaxdl.models.recommender import Config

RNG = np.random.default_rng(0)
KNOWN = RNG.random((14, 9)) < 0.5
KNOWN[0] = True
KNOWN[:, 8] = False  # an item that nobody knows but the last user
RATINGS = np.where(KNOWN, RNG.integers(0, 6, (14, 9)), 0).astype(np.float32)  # 0 is a rating
RATINGS[2] = np.where(KNOWN[2], 3, 0)  # a user without an opinion
CONFIGS = [
    Config(by, "ratings", similarity, k, significance)
    for by in ("user", "item")
    for similarity in ("cosine", "common_cosine", "centered_cosine")
    for k, significance in ((None, 0), (2, 3))
]
CONFIGS += [
    Config(by, k=k, significance=significance, inverse_frequency=inverse)
    for by in ("user", "item")
    for k in (None, 3)
    for significance, inverse in ((0, True), (2, False))
]


def table(values, known):
    """CSR whose stored entries are the known ones, zeros too."""
    rows, columns = np.nonzero(known)
    return sparse.csr_matrix((values[rows, columns], (rows, columns)), shape=values.shape)


def scored(values, known, config: Config):
    """Of the last user, from the ratings of the others."""
    ratings, own = table(values[:-1], known[:-1]), table(values[-1:], known[-1:])
    if config.by == "user":
        near = neighborhood.similar_users(ratings, own, config)
        return neighborhood.by_users(ratings, near, own, config)
    return neighborhood.by_items(ratings, neighborhood.similar_items(ratings, own, config), own, config)


def by_tables(values, known, config: Config):
    def run(x, k):
        return recommender.apply(recommender.fit(x[:-1], k[:-1], config), x[-1:], k[-1:], config)[0]

    return jax.jit(run)(jnp.asarray(values), jnp.asarray(known))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.by}-{c.feedback}-{c.similarity}-{c.k}-{c.significance}")
def test_scores_equal_those_of_tables_and_parts_add_up(config, monkeypatch):
    monkeypatch.setattr(neighborhood, "_BLOCK", 20)  # blocks of a few items
    values = RATINGS if config.feedback == "ratings" else KNOWN.astype(np.float32)
    scores, parts = scored(values, KNOWN, config)
    np.testing.assert_allclose(scores, by_tables(values, KNOWN, config), atol=2e-5)
    sums = parts.toarray().sum(1)
    if config.feedback == "visits":
        np.testing.assert_allclose(sums, scores, atol=1e-12)
    else:
        assert ((np.abs(sums - 1) < 1e-12) | (sums == 0)).all()
        assert (parts.data > 0).all()


def test_the_parts_are_shares_of_the_neighbors_ratings():
    config = Config("user", "ratings", k=3)
    scores, parts = scored(RATINGS, KNOWN, config)
    for item in np.flatnonzero(np.diff(parts.indptr)):
        average = (parts[item].toarray()[0] * RATINGS[:-1, item]).sum()
        assert scores[item] == pytest.approx(average, abs=1e-12)


def test_a_user_with_nothing_gets_the_mean():
    ratings, nobody = table(RATINGS, KNOWN), sparse.csr_matrix((1, 9))
    config = Config("user", "ratings", "centered_cosine")
    scores, parts = neighborhood.by_users(ratings, neighborhood.similar_users(ratings, nobody, config), nobody, config)
    assert parts.nnz == 0
    np.testing.assert_allclose(scores, RATINGS[KNOWN].mean())


def test_centered_visits_are_refused():
    with pytest.raises(ValueError, match="visits have no mean to subtract"):
        neighborhood.compare(table(RATINGS, KNOWN), Config(similarity="centered_cosine"))


@pytest.mark.parametrize("method", ["ease", "user", "item", "content"])
@pytest.mark.parametrize("explicit", [True, False])
def test_no_table_of_all_users_and_items_is_ever_made(method, explicit):
    """60,000 users x 30,000 items would be 7.2 GB, 30,000 x 30,000 items 3.6 GB."""
    n_users, n_items, n = 60_000, 30_000, 300_000
    pairs = np.unique(np.stack([RNG.integers(n_users, size=n), (RNG.random(n) ** 3 * n_items).astype(int)]), axis=1)
    users, items = pairs.astype(np.int32)
    values = RNG.integers(1, 6, len(users)).astype(np.float32) if explicit else np.ones(len(users), np.float32)
    names = tuple(map(str, range(n_users)))
    ratings = Ratings(users, items, values, names, names[:n_items], explicit)
    genres = tuple((("a", "b", "c")[i % 3],) for i in range(n_items))
    catalog = Catalog(names[:n_items], names[:n_items], {"genre": genres})
    tracemalloc.start()
    found = recommend(ratings, names[users[0]], count=5, method=method, items=catalog)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 5
    assert all(one.reasons for one in found)
    assert peak < 400 << 20
