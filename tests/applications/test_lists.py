"""Lists of ratings: what each method's equation says, against popularity, and for users of whom little is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse

from jaxdl.applications.recommend import linear_autoencoders as linear
from jaxdl.applications.recommend import list_methods, list_scores, predictions
from jaxdl.applications.recommend.likings import likings, rating_scale
from jaxdl.applications.recommend.recommendations import recommend
from jaxdl.data.catalogs import Catalog
from jaxdl.data.ratings import from_rows, generate

RNG = np.random.default_rng(0)
METHODS = ("ease", "item", "user", "factor", "content", "popular")


def table(n_users=14, n_items=9):
    return sparse.csr_matrix(RNG.random((n_users, n_items)) * (RNG.random((n_users, n_items)) < 0.5))


@pytest.mark.parametrize("shape", [(14, 9), (9, 14)], ids=["by items", "by users"])
def test_ease_is_the_optimum_of_its_objective(shape, x64):
    """The gradient vanishes off the diagonal, which is 0; both forms give it, and parts add up to scores."""
    x, l2 = table(*shape), 3.0
    model = linear.fit_ease(x, l2=l2)
    n_items = shape[1]
    b = np.stack([linear.ease_parts(model, sparse.csr_matrix(np.ones((1, n_items))), i) for i in range(n_items)], 1)
    assert (np.diag(b) == 0).all()
    dense = jnp.asarray(x.toarray())
    slope = jax.grad(lambda b: ((dense - dense @ b) ** 2).sum() + l2 * (b**2).sum())(jnp.asarray(b))
    np.testing.assert_allclose(slope - jnp.diag(jnp.diag(slope)), 0, atol=1e-9)
    for row in range(3):
        own = x[row]
        expected = np.asarray(own.toarray()[0] @ b)
        np.testing.assert_allclose(linear.ease_scores(model, own), expected, atol=1e-12)
        np.testing.assert_allclose(linear.ease_parts(model, own, 2).sum(), expected[2], atol=1e-12)


def test_of_too_many_items_ease_scores_the_best_known():
    x = table(30, 20)
    known = np.diff(x.tocsc().indptr)
    model = linear.fit_ease(x, largest=8)
    assert len(model.items) == 8
    assert known[model.items].min() >= np.delete(known, model.items).max()
    scores = linear.ease_scores(model, x[0])
    assert np.flatnonzero(scores).tolist() == model.items.tolist()
    np.testing.assert_allclose(
        scores[model.items], linear.ease_scores(linear.fit_ease(x[:, model.items]), x[0, model.items])
    )
    assert linear.ease_parts(model, x[0], int(known.argmin())).sum() == 0


def test_spectral_is_ridge_regression_of_low_rank(x64):
    """With all directions the gradient vanishes; with a few, no small step within the rank is better."""
    x, l2 = table(), 2.0
    dense = jnp.asarray(x.toarray())

    def loss(b):
        return ((dense - dense @ b) ** 2).sum() + l2 * (b**2).sum()

    def matrix(n):
        model = linear.fit_spectral(x, n_factors=n, l2=l2)
        return jnp.asarray((model.directions * model.weights) @ model.directions.T), model

    np.testing.assert_allclose(jax.grad(loss)(matrix(9)[0]), 0, atol=1e-9)
    b, model = matrix(3)
    u, s, vt = np.linalg.svd(np.asarray(b))
    for _ in range(20):
        step = 1e-3 * RNG.normal(size=(2, 9, 3))
        near = (u[:, :3] * s[:3] + step[0]) @ (vt[:3].T + step[1]).T
        assert loss(jnp.asarray(near)) > loss(b)
    own = x[1]
    np.testing.assert_allclose(linear.spectral_scores(model, own), own.toarray()[0] @ b, atol=1e-12)
    np.testing.assert_allclose(linear.spectral_parts(model, own, 4).sum(), linear.spectral_scores(model, own)[4])


def test_large_tables_have_the_same_directions():
    x = sparse.random(300, 250, density=0.1, rng=1, format="csr")
    few = linear.fit_spectral(x, n_factors=5)
    _, s, vt = np.linalg.svd(x.toarray(), full_matrices=False)
    expected = (vt[:5].T * (s[:5] ** 2 / (s[:5] ** 2 + 1000))) @ vt[:5]
    np.testing.assert_allclose((few.directions * few.weights) @ few.directions.T, expected, atol=1e-8)


def popular_taste(seed=0):
    """As on real sites: a few items are known to many, and people choose what they will like."""
    made = generate(160, 60, density=0.6, seed=seed)
    rng = np.random.default_rng(seed)
    ratings = made.ratings
    chosen = rng.random(len(ratings.values)) < 1 / (1 + np.exp(-3 * (ratings.values - 4)))
    items = Catalog(ratings.item_names, ratings.item_names, made.items.attributes)
    return ratings.take(np.flatnonzero(chosen)), items


def test_every_method_is_above_popularity():
    """On a generated set in which people choose what they like; the public sets: `benchmarks.scores.lists`."""
    ratings, items = popular_taste()
    methods = {
        "popular": list_methods.popular,
        "ease": list_methods.by_ease,
        "item": list_methods.by_items,
        "user": list_methods.by_users,
        "factor": list_methods.by_factors,
        "content": list_methods.by_attributes,
    }
    totals: dict[str, list[float]] = {}
    for seed in range(3):
        for name, found in list_scores.score_lists(ratings, methods, items=items, seed=seed).items():
            totals.setdefault(name, []).append(found["ndcg"].mean())
    means = {name: np.mean(values) for name, values in totals.items()}
    bar = means.pop("popular")
    assert min(means.values()) >= bar, (bar, means)


def test_list_scores_are_those_of_a_plain_loop():
    ratings = generate(30, 12, seed=1).ratings
    shown, hidden = list_scores.hide_liked(ratings, seed=3)
    pairs = lambda r: set(zip(r.users.tolist(), r.items.tolist(), strict=True))  # noqa: E731
    assert not pairs(shown) & pairs(hidden)
    assert pairs(shown) | pairs(hidden) == pairs(ratings)
    assert hidden.values.min() >= ratings.values.mean()
    found = list_scores.score_lists(ratings, {"popular": list_methods.popular}, count=4, seed=3)["popular"]
    counts = likings(shown).toarray().sum(0)
    precision, ndcg = [], []
    for user in sorted(set(hidden.users.tolist())):
        seen = set(shown.items[shown.users == user].tolist())
        best = [i for i in np.argsort(-counts, kind="stable").tolist() if i not in seen][:4]
        wanted = set(hidden.items[hidden.users == user].tolist())
        hits = [i in wanted for i in best]
        precision.append(sum(hits) / 4)
        ideal = sum(1 / np.log2(r + 2) for r in range(min(4, len(wanted))))
        ndcg.append(sum(h / np.log2(r + 2) for r, h in enumerate(hits)) / ideal)
    np.testing.assert_allclose(found["precision"], precision)
    np.testing.assert_allclose(found["ndcg"], ndcg)


def test_item_sums_through_the_users_are_those_of_all_neighbors():
    ratings = generate(30, 12, seed=1).ratings
    world = list_methods.World(likings(ratings), True, Catalog(ratings.item_names, ratings.item_names, {}))
    for row in range(3):
        fast, plain = (list_methods.by_items(world, k)(world.table[row], row) for k in (None, 12))
        np.testing.assert_allclose(fast.scores, plain.scores, atol=1e-9)
        parts = {one.number: one.part for one in fast.because(5)}
        assert sum(parts.values()) == pytest.approx(fast.scores[5])


# ---------------------------------------------------------------- users of whom little is known

CONSTANT = [("Ann", "A", 5), ("Ann", "B", 5), ("Bob", "A", 4), ("Bob", "C", 5), ("Bob", "D", 3)]
CONSTANT += [("Cy", "B", 2), ("Cy", "C", 4), ("Cy", "D", 1)]
CONSTANT = [(user, item, float(value)) for user, item, value in CONSTANT]
GENRES = Catalog(tuple("ABCD"), tuple("ABCD"), {"genre": (("x",), ("y",), ("x", "y"), ("y",))})


@pytest.mark.parametrize("method", METHODS)
def test_a_user_with_constant_ratings_gets_a_list_within_the_scale(method):
    found = recommend(from_rows(CONSTANT), "Ann", method=method, items=GENRES, scale=(1, 5))
    assert [one.item for one in found] == ["C", "D"]
    assert all(one.rating is not None and 1 <= one.rating <= 5 for one in found)


@pytest.mark.parametrize("method", METHODS)
def test_a_user_like_nobody_gets_the_popular_items(method):
    rows = [*CONSTANT, ("Zoe", "Z", 3.0)]
    items = Catalog(tuple("ABCDZ"), tuple("ABCDZ"), {"genre": (("x",), ("y",), ("x",), ("y",), ())})
    found = recommend(from_rows(rows), "Zoe", method=method, items=items)
    assert [one.item for one in found] == ["A", "C", "B", "D"]
    assert found[0].reasons == ("popular: 2 user(s) rated it",)
    assert all(one.popular for one in found)


def test_a_new_user_without_attributes_gets_the_popular_items():
    users = Catalog(("Ann", "Bob", "New"), ("Ann", "Bob", "New"), {"job": (("cook",), ("vet",), ())})
    found = recommend(from_rows(CONSTANT), "New", users=users)
    assert found[0].item == "A"
    assert all(one.popular for one in found)
    assert recommend(from_rows(CONSTANT), "anybody", method="popular")[0].item == "A"


def test_predictions_stay_in_the_scale_and_shrink_with_little_evidence():
    made = generate(60, 30, seed=2)
    for user in (0, 7):
        found = predictions.predict(made.ratings, user, scale=(0, 6))
        assert found.min() >= 0
        assert found.max() <= 6
    # One person who rated one film 5 does not make it a 5.
    rows = [(f"u{u}", f"i{i}", 3.0 + (u + i) % 2) for u in range(8) for i in range(6)]
    rated = from_rows([*rows, ("u0", "rare", 5.0)])
    assert predictions.predict(rated, 1)[rated.item_names.index("rare")] < 4
    with pytest.raises(ValueError, match=r"from 3 to 5, outside of the scale 1-4"):
        rating_scale(rated, (1, 4))


def test_predictions_of_pairs_are_those_of_users():
    ratings = generate(40, 20, seed=5).ratings
    known = predictions.baseline(ratings)
    residual = predictions.residuals(ratings, known)
    users, items = RNG.integers(0, 40, 50), RNG.integers(0, 20, 50)
    pairs = predictions.predict_pairs(residual, known, users, items, (0.0, 6.0))
    each = [
        predictions.predict(ratings, u, scale=(0.0, 6.0))[i]
        for u, i in zip(users.tolist(), items.tolist(), strict=True)
    ]
    np.testing.assert_allclose(pairs, each, atol=1e-6)


def test_predictions_are_nearer_to_the_truth_than_the_baseline():
    made = generate(120, 40, density=0.5, seed=3)
    known = predictions.baseline(made.ratings)
    plain = known.mean + known.users[:, None] + known.items[None, :]
    ours = np.stack([predictions.predict(made.ratings, u, scale=(-1, 7)) for u in range(120)])
    error = lambda values: np.sqrt(((values - made.truth) ** 2).mean())  # noqa: E731
    assert error(ours) < 0.9 * error(plain)


def test_candidates_and_what_is_seen():
    ratings = from_rows(CONSTANT)
    assert [one.item for one in recommend(ratings, "Ann", candidates=["d"])] == ["D"]
    assert {one.item for one in recommend(ratings, "Ann", include_seen=True)} == set("ABCD")
    with pytest.raises(ValueError, match="none of the 1 candidates is an item of the ratings, such as 'A'"):
        recommend(ratings, "Ann", candidates=["Q"])
