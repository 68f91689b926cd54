"""The tables of the recommenders: MSWeb as in Breese, Heckerman and Kadie (1998), and k folds of explicit ratings.

python -m benchmarks.scores.recommenders msweb --draws 10 --seeds 3
python -m benchmarks.scores.recommenders ratings [--ratings FILE]
"""

import argparse
import datetime
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.scores.seeds import SCORES
from jaxdl import data, metrics
from jaxdl.applications.recommend import rating_scores
from jaxdl.artifacts import files
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.data.rating_files import read_ratings
from jaxdl.data.ratings import generate, withhold
from jaxdl.metrics import ranking
from jaxdl.metrics.intervals import confidence
from jaxdl.models import recommender
from jaxdl.recipes import msweb_factors
from jaxdl.runs.environment import hardware, versions
from jaxdl.tasks import factorization as factorization_tasks
from jaxdl.tasks import supervised
from jaxdl.training import fit
from jaxdl.types import Pair

PROTOCOLS = {"given 2": 2, "given 5": 5, "given 10": 10, "all but 1": None}
NEIGHBORS = {
    "user cosine": recommender.Config(),
    "user cosine, inverse user frequency": recommender.Config(inverse_frequency=True),
    "the same, 5,000 neighbors": recommender.Config(k=5000, inverse_frequency=True),
    "item cosine": recommender.Config("item"),
    "item cosine, significance 20": recommender.Config("item", significance=20),
}
RATED = {
    f"{by}, {similarity.replace('_', ' ')}": recommender.Config(by, "ratings", similarity, k=40, significance=20)
    for by in ("user", "item")
    for similarity in ("common_cosine", "centered_cosine")
}
_ROWS = 500


def msweb(draws: int, seeds: int) -> dict[str, dict[str, list[float]]]:
    """Method -> protocol -> ranked score (of 100) for each random choice of the visits that are shown."""
    sets = data.load("msweb")
    assert sets.test is not None
    train, test = jnp.asarray(sets.train["x"], jnp.float32), sets.test["x"]
    table: dict[str, dict[str, list[float]]] = {}
    popularity = train.sum(0)
    scorers: dict[str, Any] = {"popularity": lambda shown: jnp.broadcast_to(popularity[None, :], shown.shape)}
    for name, config in NEIGHBORS.items():
        params = jax.jit(recommender.fit, static_argnames="config")(train, train > 0, config=config)
        scorers[name] = functools.partial(_by_neighbors, params, config=config)
    for name, score in scorers.items():
        table[name] = _protocols(score, test, range(draws))
    learned: dict[str, list[float]] = {}
    for seed in range(seeds):
        config = msweb_factors.Config(seed=seed)
        task = msweb_factors.task(config)
        params = fit(task, epochs=config.epochs, batch_size=config.batch_size, seed=seed).state.params
        score = functools.partial(factorization_tasks.visit_scores, params, model=config.model)
        mine = range(seed, draws, seeds)  # each draw is scored once
        for protocol, values in _protocols(score, test, mine).items():
            learned.setdefault(protocol, []).extend(values)
    return table | {"softmax factorization (learned)": learned}


@functools.partial(jax.jit, static_argnames="config")
def _by_neighbors(params: Any, shown: jax.Array, *, config: recommender.Config) -> jax.Array:
    return recommender.apply(params, shown, shown > 0, config)


def _protocols(score: Any, test: np.ndarray, draws: range) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for protocol, given in PROTOCOLS.items():
        for draw in draws:
            shown, withheld = (x.astype(np.float32) for x in withhold(test, given, seed=draw))
            padding = -len(shown) % _ROWS  # every block has one shape: one compilation
            shown, withheld = (np.pad(x, ((0, padding), (0, 0))) for x in (shown, withheld))
            blocks = [slice(i, i + _ROWS) for i in range(0, len(shown), _ROWS)]
            pairs = [
                _ranked(score(jnp.asarray(shown[b])), jnp.asarray(shown[b]), jnp.asarray(withheld[b])) for b in blocks
            ]
            total = metrics.merge_all([{"score": pair} for pair in pairs])["score"]
            found.setdefault(protocol, []).append(100 * float(metrics.value(total)))
    return found


@jax.jit
def _ranked(scores: jax.Array, shown: jax.Array, withheld: jax.Array) -> Pair:
    return ranking.ranked_score(scores, withheld > 0, shown == 0)


def ratings(path: Path | None, folds: int) -> dict[str, dict[str, list[float]]]:
    """Method -> score -> one value a fold, for the ratings of a file or the generated ones."""
    rated = read_ratings(path) if path else generate().ratings
    n = len(rated.values)
    batch = int(np.clip(n // 60, 16, 1024))
    settings = supervised.Config(epochs=40, batch_size=batch, learning_rate=0.01, schedule="cosine", l2=1 / n)
    methods = {"item means": rating_scores.predict_item_means}
    methods |= {name: rating_scores.predict_by_neighbors(config) for name, config in RATED.items()}
    methods["factorization (learned)"] = rating_scores.predict_by_factors(settings=settings)
    return {name: rating_scores.cross_validate(rated, method, folds=folds) for name, method in methods.items()}


def summary(table: dict[str, dict[str, list[float]]], digits: int) -> str:
    """The table of means with 95 % confidence intervals."""
    columns = list(next(iter(table.values())))
    width = max(map(len, table))
    lines = [" " * width + "".join(f"{column:>16}" for column in columns)]
    for name, row in table.items():
        cells = (f"{np.mean(row[c]):.{digits}f} ± {confidence(row[c]):.{digits}f}" for c in columns)
        lines.append(f"{name:<{width}}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["msweb", "ratings"])
    parser.add_argument("--draws", type=int, default=10, help="random choices of the visits that are shown")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of the learned model")
    parser.add_argument("--ratings", type=Path, help="a file of ratings; generated ones by default")
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()
    use_compilation_cache()
    if arguments.table == "msweb":
        table, digits = msweb(arguments.draws, arguments.seeds), 1
    else:
        table, digits = ratings(arguments.ratings, arguments.folds), 3
    print(summary(table, digits))
    record = {
        "table": table,
        "of": str(arguments.ratings or "generated ratings") if arguments.table == "ratings" else "msweb",
        "date": datetime.date.today().isoformat(),
        "hardware": hardware(),
        "versions": versions("jax", "jaxlib", "jaxdl", "numpy"),
    }
    SCORES.mkdir(parents=True, exist_ok=True)
    files.write_json(SCORES / f"recommenders_{arguments.table}.json", record)


if __name__ == "__main__":
    main()
