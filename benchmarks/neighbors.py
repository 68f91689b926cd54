"""Fit and recommend for all 32,711 users of MSWeb: ours beside scikit-learn and scipy, in one interleaved run.

python -m benchmarks.neighbors --rounds 5

Two tasks, each from the visits to the ten best unvisited areas of every user:
  nearest   the 50 nearest users by cosine, then the sum of what they visited
  all       the sum over all users, weighted by cosine
Beside each time stands how far an implementation is from ours: in the similarities of the 50 neighbors (which of many
users with equal similarities are taken is left open), in the scores of the recommended areas.
"""

import argparse
import datetime
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from benchmarks.records import RESULTS
from benchmarks.timing import measure
from jaxdl import data, files, similarity
from jaxdl.environment import hardware, versions
from jaxdl.models import recommender

COUNT, NEAREST = 10, 50
_BLOCK = 512


@functools.partial(jax.jit, static_argnames="config")
def _block(params: Any, x: jax.Array, *, config: recommender.Config) -> tuple[jax.Array, jax.Array]:
    """The best scores and areas of a block of users; compiled once for all blocks."""
    scores = recommender.apply(params, x, x > 0, config)
    return jax.lax.top_k(jnp.where(x > 0, -jnp.inf, scores), COUNT)


@jax.jit
def _block_of_nearest(x: jax.Array, own: jax.Array, near: jax.Array, rows: jax.Array) -> jax.Array:
    scores = (x[rows] * near[:, :, None]).sum(1)
    return jax.lax.top_k(jnp.where(own > 0, -jnp.inf, scores), COUNT)[1]


def ours_nearest(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`similarity.top_k`, then the weighted sum of the neighbors' visits."""
    visits = jnp.asarray(x)
    near, rows = similarity.top_k(visits, NEAREST, visits)
    blocks = [slice(i, i + _BLOCK) for i in range(0, len(x), _BLOCK)]
    areas = [np.asarray(_block_of_nearest(visits, visits[b], near[b], rows[b])) for b in blocks]
    return np.asarray(near), np.concatenate(areas)


def ours(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`models.recommender` in blocks, from the host's array to the host's answer."""
    config = recommender.Config()
    rows = jnp.asarray(np.pad(x, ((0, -len(x) % _BLOCK), (0, 0))))
    params = _fit(rows[: len(x)], rows[: len(x)] > 0, config=config)
    parts = [_block(params, rows[i : i + _BLOCK], config=config) for i in range(0, len(rows), _BLOCK)]
    scores, areas = (np.concatenate([np.asarray(part[i]) for part in parts])[: len(x)] for i in range(2))
    return scores, areas


_fit = jax.jit(recommender.fit, static_argnames="config")


def best(scores: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best unvisited areas by numpy."""
    scores = np.where(x > 0, -np.inf, scores)
    areas = np.argpartition(-scores, COUNT, axis=1)[:, :COUNT]
    order = np.argsort(-np.take_along_axis(scores, areas, axis=1), axis=1)
    areas = np.take_along_axis(areas, order, axis=1)
    return np.take_along_axis(scores, areas, axis=1), areas


def _unit(visits: Any) -> Any:
    return normalize(visits)  # typed as if it gave two values


def with_scikit_learn(x: np.ndarray, dense: bool) -> tuple[np.ndarray, np.ndarray]:
    """NearestNeighbors with cosine distance, brute force (its only way for the cosine), then a sparse product."""
    visits = sparse.csr_matrix(x)
    found = NearestNeighbors(n_neighbors=NEAREST, metric="cosine", algorithm="brute").fit(x if dense else visits)
    distances, rows = found.kneighbors(x if dense else visits)
    starts = np.arange(0, rows.size + 1, NEAREST)
    weights: Any = sparse.csr_matrix(((1 - distances).ravel(), rows.ravel(), starts), shape=(len(x), len(x)))
    return 1 - distances, best((weights @ visits).toarray(), x)[1]


def with_scipy(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows, the product of blocks with all users, the product with the visits: sparse throughout."""
    visits = sparse.csr_matrix(x)
    unit = _unit(visits)
    parts = [best(((unit[i : i + _BLOCK] @ unit.T) @ visits).toarray(), x[i : i + _BLOCK]) for i in _starts(x)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def with_scipy_regrouped(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same with our order of the products, unit (unit^T visits): fair to scipy."""
    visits = sparse.csr_matrix(x)
    unit = _unit(visits)
    return best((unit @ (unit.T @ visits)).toarray(), x)


def _starts(x: np.ndarray) -> range:
    return range(0, len(x), _BLOCK)


def disagreement(a: np.ndarray, b: np.ndarray) -> float:
    """The largest relative difference of what both found, best first."""
    return float((np.abs(a - b) / np.maximum(np.abs(a), 1)).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--users", type=int, help="only the first so many, for a quick look")
    arguments = parser.parse_args()
    x = data.load("msweb").train["x"][: arguments.users].astype(np.float32)
    tasks: dict[str, dict[str, Callable[[], Any]]] = {
        "nearest": {
            "jaxdl": lambda: ours_nearest(x),
            "scikit-learn dense": lambda: with_scikit_learn(x, dense=True),
            "scikit-learn sparse": lambda: with_scikit_learn(x, dense=False),
        },
        "all": {
            "jaxdl": lambda: ours(x),
            "scipy": lambda: with_scipy(x),
            "scipy regrouped": lambda: with_scipy_regrouped(x),
        },
    }
    records: dict[str, Any] = {"date": datetime.date.today().isoformat(), "users": len(x), "hardware": hardware()}
    records["versions"] = versions("jax", "jaxdl", "numpy", "scipy", "scikit-learn")
    for task, thunks in tasks.items():
        answers = {name: thunk()[0] for name, thunk in thunks.items()}
        far = {name: disagreement(answers["jaxdl"], scores) for name, scores in answers.items()}
        timings = measure(thunks, rounds=arguments.rounds, warmup=1)
        records[task] = {name: timing._asdict() | {"disagreement": far[name]} for name, timing in timings.items()}
        for name, timing in timings.items():
            share = timing.median / timings["jaxdl"].median
            print(f"{task:<8} {name:<20} {timing.median:8.3f} s  {share:6.2f}x  disagreement {far[name]:.1e}")
    if arguments.users is None:
        path = RESULTS / jax.default_backend() / f"{records['date']}-neighbors.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(path, records)


if __name__ == "__main__":
    main()
