"""Recommend to all 32,711 users of MSWeb: ours beside scikit-learn and scipy, from the host's visits to its answers.

python -m benchmarks.studies.neighbors

    neighbors-50    the 50 nearest users by cosine, then the sum of what they visited
    neighbors-all   the sum over all users, weighted by cosine
    both            then the ten best areas that the user has not visited

    jaxdl           `similarity.top_k`; `models.recommender`: blocks of users, compiled once
    scikit-learn    NearestNeighbors (cosine is brute force there), then scipy's sparse product of neighbors and visits
    scipy           sparse products throughout, numpy's partition for the nearest; all users as unit (unit^T visits),
                    which is our order of the products too

`disagreement` is how far an answer is from ours: in the similarities of the 50 neighbors (which of many users with
equal similarities are taken is left open), in the scores of the recommended areas. More than 1e-4 ends the run.
"""

import argparse
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from benchmarks.measuring import timing
from benchmarks.reports import records
from benchmarks.reports.records import Record
from jaxdl import data, similarity
from jaxdl.models import recommender
from jaxdl.runs.environment import versions

COUNT, NEAREST = 10, 50
BASE = "jaxdl"
AGREE = 1e-4
_BLOCK = 512
_FEW = 64  # with more rows at a time numpy's results are new memory in every block, which takes twice as long

Answer = tuple[np.ndarray, np.ndarray]  # similarities or scores, best first; the areas recommended


def ours_nearest(x: np.ndarray) -> Answer:
    """`similarity.top_k`, then the weighted sum of the neighbors' visits."""
    visits = jnp.asarray(x)
    near, rows = similarity.top_k(visits, NEAREST, visits)
    return np.asarray(near), np.asarray(_areas_of_nearest(visits, near, rows))


@jax.jit
def _areas_of_nearest(visits: jax.Array, near: jax.Array, rows: jax.Array) -> jax.Array:
    def areas(user: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        own, weights, others = user
        scores = weights @ visits[others]
        return jax.lax.top_k(jnp.where(own > 0, -jnp.inf, scores), COUNT)[1]

    return jax.lax.map(areas, (visits, near, rows), batch_size=_BLOCK)


def ours_all(x: np.ndarray) -> Answer:
    """`models.recommender`, all users in blocks of one compiled call."""
    scores, areas = _areas_of_all(jnp.asarray(x))
    return np.asarray(scores), np.asarray(areas)


@jax.jit
def _areas_of_all(visits: jax.Array) -> tuple[jax.Array, jax.Array]:
    config = recommender.Config()
    params = recommender.fit(visits, visits > 0, config)

    def areas(own: jax.Array) -> tuple[jax.Array, jax.Array]:
        scores = recommender.apply(params, own[None], own[None] > 0, config)[0]
        return jax.lax.top_k(jnp.where(own > 0, -jnp.inf, scores), COUNT)

    return jax.lax.map(areas, visits, batch_size=_BLOCK)


def with_scikit_learn(x: np.ndarray) -> Answer:
    """NearestNeighbors on dense rows (on sparse ones it is slower here), then a sparse product."""
    found = NearestNeighbors(n_neighbors=NEAREST, metric="cosine", algorithm="brute").fit(x)
    distances, rows = found.kneighbors(x)
    return 1 - distances, _best_of_nearest(1 - distances, rows, x)


def with_scipy_nearest(x: np.ndarray) -> Answer:
    """Products of blocks of sparse unit rows with all, the nearest by numpy."""
    unit = _unit(x)
    others = np.ascontiguousarray(-unit.toarray().T)  # numpy's partition puts the smallest first
    parts = []
    for start in range(0, len(x), _FEW):
        far = unit[start : start + _FEW] @ others
        rows = np.argpartition(far, NEAREST, axis=1)[:, :NEAREST]
        parts.append((-np.take_along_axis(far, rows, axis=1), rows))
    near, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
    return -np.sort(-near, axis=1), _best_of_nearest(near, rows, x)


def with_scipy_all(x: np.ndarray) -> Answer:
    """Two sparse products, the small one first."""
    unit = _unit(x)
    return best((unit @ (unit.T @ sparse.csr_matrix(x))).toarray(), x)


def _unit(x: np.ndarray) -> Any:
    return normalize(sparse.csr_matrix(x))


def _best_of_nearest(near: np.ndarray, rows: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The areas that the neighbors of each user visited most."""
    starts = np.arange(0, rows.size + 1, rows.shape[1])
    weights: Any = sparse.csr_matrix((near.ravel(), rows.ravel(), starts), shape=(len(x), len(x)))
    return best((weights @ sparse.csr_matrix(x)).toarray(), x)[1]


def best(scores: np.ndarray, x: np.ndarray) -> Answer:
    """The scores of the best unvisited areas, and these, by numpy."""
    scores = np.where(x > 0, -np.inf, scores)
    areas = np.argpartition(-scores, COUNT, axis=1)[:, :COUNT]
    order = np.argsort(-np.take_along_axis(scores, areas, axis=1), axis=1)
    areas = np.take_along_axis(areas, order, axis=1)
    return np.take_along_axis(scores, areas, axis=1), areas


def disagreement(a: np.ndarray, b: np.ndarray) -> float:
    """The largest relative difference of what both found, best first."""
    return float((np.abs(a - b) / np.maximum(np.abs(a), 1)).max())


TASKS: dict[str, dict[str, Callable[[np.ndarray], Answer]]] = {
    "neighbors-50": {"jaxdl": ours_nearest, "scikit-learn": with_scikit_learn, "scipy": with_scipy_nearest},
    "neighbors-all": {"jaxdl": ours_all, "scipy": with_scipy_all},
}


def run(rounds: int, users: int | None = None) -> list[Record]:
    """Records of both tasks for the first `users` of MSWeb, all by default; three rounds at most, each half a minute.

    Raises: ValueError if an implementation finds something else than ours.
    """
    x = data.load("msweb").train["x"][:users].astype(np.float32)
    environment = records.environment()
    environment["versions"] |= versions("scipy", "scikit-learn")
    return [record for task in TASKS for record in _run(task, x, min(rounds, 3), environment)]


def _run(task: str, x: np.ndarray, rounds: int, environment: Record) -> list[Record]:
    answers: dict[str, np.ndarray] = {}

    def answer(name: str, function: Callable[[np.ndarray], Answer]) -> None:
        few = name != BASE and name not in answers  # a peer compiles nothing: some users warm it up
        answers[name] = function(x[:_BLOCK] if few else x)[0]

    thunks = {name: functools.partial(answer, name, function) for name, function in TASKS[task].items()}
    timings = timing.measure(thunks, rounds=rounds, warmup=1)
    found = []
    for name, times in timings.items():
        far = disagreement(answers[BASE], answers[name])
        if far > AGREE:
            raise ValueError(f"benchmarks: {name} finds other {task} than {BASE}: they differ by {far:.1e}")
        record = {"workload": task, **environment, "implementation": name, "users": len(x), "disagreement": far}
        found.append(record | {"step_ms": records.milliseconds(times)})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="beside one that compiles and is not counted")
    parser.add_argument("--users", type=int, help="only the first so many, for a quick look; nothing is written")
    arguments = parser.parse_args()
    found = run(arguments.rounds, arguments.users)
    for task in TASKS:
        print(f"\n{task}\n{records.table([r for r in found if r['workload'] == task], BASE)}")
    if arguments.users is None:
        records.write(found, records.default_path("neighbors"))


if __name__ == "__main__":
    main()
