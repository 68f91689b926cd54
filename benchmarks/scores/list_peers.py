"""Lists and predicted ratings by two well-kept packages, where they are installed: pip install implicit scikit-surprise

    implicit ALS      weighted matrix factorization of visits (Hu, Koren and Volinsky, 2008), as the package has it
    implicit ALS, l2  the same with 50 factors, alpha 2 and a penalty of 10: the best of six settings on MovieLens 100k
    implicit BM25     the 80 nearest items by BM25
    Surprise SVD      ranks by the predicted rating alone, as it is often done

implicit gets the likings that our methods get, Surprise the same on the scale 1-5; both on one thread.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdl.applications.recommend.list_methods import Ask, Scored, World
from jaxdl.data.ratings import Ratings

_NEIGHBORS = 80


def methods() -> dict[str, Callable[[World], Ask]]:
    """Name -> method, of the packages that are installed."""
    found: dict[str, Callable[[World], Ask]] = {}
    with contextlib.suppress(ImportError):
        import implicit  # type: ignore[import-not-found]  # noqa: F401

        found["implicit ALS"] = _als()
        found["implicit ALS, l2"] = _als(factors=50, alpha=2.0, regularization=10.0)
        found["implicit BM25"] = _bm25
    with contextlib.suppress(ImportError):
        import surprise  # type: ignore[import-not-found]  # noqa: F401

        found["Surprise SVD"] = _svd
    return found


def predictors() -> dict[str, Callable[[Ratings, Ratings], np.ndarray]]:
    """Name -> function of training and held-out ratings that gives the predicted ratings of the latter."""
    try:
        import surprise  # type: ignore[import-not-found]
    except ImportError:
        return {}
    quiet = {"verbose": False}
    return {
        "Surprise baseline": _predictor(lambda: surprise.BaselineOnly(**quiet)),
        "Surprise user k-NN": _predictor(lambda: surprise.KNNBasic(**quiet)),
        "Surprise item k-NN, baseline": _predictor(
            lambda: surprise.KNNBaseline(sim_options={"name": "pearson_baseline", "user_based": False}, **quiet)
        ),
        "Surprise SVD": _predictor(lambda: surprise.SVD(random_state=0)),
    }


def _als(**options: Any) -> Callable[[World], Ask]:
    def method(world: World) -> Ask:
        from implicit.als import AlternatingLeastSquares  # type: ignore[import-not-found]

        model = AlternatingLeastSquares(random_state=0, use_gpu=False, num_threads=1, **options)
        model.fit(world.table.astype(np.float32), show_progress=False)

        def ask(profile: Any, row: int | None) -> Scored:
            assert row is not None
            return _scored(model.item_factors @ model.user_factors[row])

        return ask

    return method


def _bm25(world: World) -> Ask:
    from implicit.nearest_neighbours import BM25Recommender  # type: ignore[import-not-found]

    model = BM25Recommender(K=_NEIGHBORS, num_threads=1)
    model.fit(world.table, show_progress=False)
    return lambda profile, row: _scored((profile @ model.similarity).toarray().ravel())


def _svd(world: World) -> Ask:
    import surprise  # type: ignore[import-not-found]

    table = world.table.tocoo()
    low, high = float(table.data.min()), float(table.data.max())
    values = 1 + 4 * (table.data - low) / (high - low)
    model = surprise.SVD(random_state=0).fit(_trainset(table.row, table.col, values, (1, 5)))
    inner = model.trainset.to_inner_iid
    known = np.unique(table.col)
    factors, biases = np.zeros((table.shape[1], model.n_factors)), np.full(table.shape[1], -np.inf)
    places = [inner(item) for item in known.tolist()]
    factors[known], biases[known] = model.qi[places], model.bi[places]

    def ask(profile: Any, row: int | None) -> Scored:
        return _scored(biases + factors @ model.pu[model.trainset.to_inner_uid(row)])

    return ask


def _predictor(make: Callable[[], Any]) -> Callable[[Ratings, Ratings], np.ndarray]:
    def predict(train: Ratings, held: Ratings) -> np.ndarray:
        scale = float(train.values.min()), float(train.values.max())
        model = make().fit(_trainset(train.users, train.items, train.values, scale))
        pairs = zip(held.users.tolist(), held.items.tolist(), strict=True)
        return np.array([model.predict(user, item).est for user, item in pairs])

    return predict


def _trainset(users: np.ndarray, items: np.ndarray, values: np.ndarray, scale: tuple[float, float]) -> Any:
    import surprise  # type: ignore[import-not-found]

    triples = zip(users.tolist(), items.tolist(), values.tolist(), strict=True)
    data = surprise.Dataset(surprise.Reader(rating_scale=scale))
    return data.construct_trainset([(user, item, value, None) for user, item, value in triples])


def _scored(scores: np.ndarray) -> Scored:
    return Scored(np.asarray(scores, np.float64), lambda item: [])
