"""Lists of explicit ratings by method beside popularity, and predicted ratings, for files of ratings read in place.

python -m benchmarks.scores.lists ml-100k/u.data ml-latest-small/ratings.csv [...] [--splits 5] [--titles FILE ...]

The files are public sets that are not ours to hand on (MovieLens: https://grouplens.org/datasets/movielens/; FilmTrust
and others: any `user,item,rating`); the results are stored beside those of the other benchmarks. Lists and predictions
by implicit and Surprise stand beside ours where these are installed: `benchmarks.scores.list_peers`.
"""

import argparse
import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import timing
from benchmarks.scores import list_peers
from benchmarks.scores.seeds import SCORES
from jaxdl import data
from jaxdl.applications.recommend import list_methods, predictions
from jaxdl.applications.recommend.likings import rating_scale
from jaxdl.applications.recommend.list_methods import Ask, World
from jaxdl.applications.recommend.list_scores import score_lists
from jaxdl.artifacts import files
from jaxdl.data.catalog_files import read_catalog
from jaxdl.data.catalogs import Catalog
from jaxdl.data.rating_files import read_ratings
from jaxdl.data.ratings import Ratings
from jaxdl.runs.environment import hardware, versions

METHODS: dict[str, Callable[[World], Ask]] = {
    "popular": list_methods.popular,
    "user": list_methods.by_users,
    "item": list_methods.by_items,
    "factor": list_methods.by_factors,
    "ease": list_methods.by_ease,
}
SURPRISE = {"user k-NN": 0.980, "item baseline": 0.931, "SVD": 0.934}  # its published table of ml-100k, five folds


def interval(values: np.ndarray) -> tuple[float, float]:
    """Mean and half of its 95 % confidence interval."""
    return float(values.mean()), float(1.96 * values.std(ddof=1) / np.sqrt(len(values)))


def lists(ratings: Ratings, items: Catalog | None, splits: int, most_users: int) -> dict[str, dict[str, Any]]:
    """Method -> mean and interval of precision and NDCG at 10, and of their differences to popularity; seconds a split.

    A user's scores are averaged over the splits first: users are independent, splits of one user are not.
    """
    methods = METHODS | ({"content": list_methods.by_attributes} if items and items.attributes else {})
    methods |= list_peers.methods()
    table: dict[str, dict[str, Any]] = {}
    for name, method in methods.items():
        start = time.perf_counter()
        pooled: dict[str, list[np.ndarray]] = {}
        for seed in range(splits):
            for kind, values in score_lists(ratings, {name: method}, items=items, seed=seed, most_users=most_users)[
                name
            ].items():
                pooled.setdefault(kind, []).append(values)
        table[name] = timing.block_until_ready({kind: np.stack(values) for kind, values in pooled.items()})
        table[name]["seconds"] = (time.perf_counter() - start) / splits
    bar = {kind: table["popular"][kind] for kind in ("precision", "ndcg")}
    return {name: _row(row, bar) for name, row in table.items()}


def _row(row: dict[str, Any], bar: dict[str, np.ndarray]) -> dict[str, Any]:
    found: dict[str, Any] = {"seconds": round(row["seconds"], 2)}
    for kind, popular in bar.items():
        found[kind] = interval(row[kind].mean(0))
        found[f"{kind}_above_popular"] = interval((row[kind] - popular).mean(0))
    return found


def predicted(ratings: Ratings, folds: int) -> dict[str, list[float]]:
    """Method -> the root mean squared error of each fold."""
    scale, peers = rating_scale(ratings), list_peers.predictors()
    found: dict[str, list[float]] = {}
    for fold in data.k_fold({"rows": np.arange(len(ratings.values))}, folds, seed=0):
        train, held = ratings.take(fold.train["rows"]), ratings.take(fold.validation["rows"])
        known = predictions.baseline(train)
        residual = predictions.residuals(train, known)
        plain = np.clip(known.mean + known.users[held.users] + known.items[held.items], *scale)
        ours = predictions.predict_pairs(residual, known, held.users, held.items, scale)
        guesses = {"damped baseline": plain, "items rated alike": ours}
        guesses |= {name: peer(train, held) for name, peer in peers.items()}
        for name, values in guesses.items():
            found.setdefault(name, []).append(float(np.sqrt(((values - held.values) ** 2).mean())))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ratings", type=Path, nargs="+")
    parser.add_argument(
        "--titles", type=Path, nargs="*", default=[], help="catalogs of the first files, in their order"
    )
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--most-users", type=int, default=1000)
    arguments = parser.parse_args()
    target = SCORES / "rating_lists.json"
    for i, path in enumerate(arguments.ratings):
        ratings = read_ratings(path)
        items = read_catalog(arguments.titles[i]) if i < len(arguments.titles) else None
        sizes = {"ratings": len(ratings.values), "users": len(ratings.user_names), "items": len(ratings.item_names)}
        print(path.stem, sizes)
        table = lists(ratings, items, arguments.splits, arguments.most_users)
        for name, row in table.items():
            cells = (f"{kind} {row[kind][0]:.4f} ± {row[kind][1]:.4f}" for kind in ("precision", "ndcg"))
            pairs = (row["precision_above_popular"], row["ndcg_above_popular"])
            above = "  ".join(f"{mean:+.4f} ± {half:.4f}" for mean, half in pairs)
            print(f"  {name:<16}  {'  '.join(cells)}  above popular {above}  {row['seconds']} s", flush=True)
        errors = predicted(ratings, arguments.folds)
        print("  rmse", {name: round(float(np.mean(values)), 4) for name, values in errors.items()}, flush=True)
        protocol = {"splits": arguments.splits, "most_users": arguments.most_users, "folds": arguments.folds}
        record: dict[str, Any] = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {"sets": {}}
        record["sets"][path.stem] = sizes | protocol | {"lists": table, "rmse": errors}
        record |= {
            "published": {"ml-100k, five folds (Surprise)": SURPRISE},
            "date": datetime.date.today().isoformat(),
            "hardware": hardware(),
            "versions": versions("jax", "jaxdl", "numpy", "scipy", "implicit", "scikit-surprise"),
        }
        SCORES.mkdir(parents=True, exist_ok=True)
        files.write_json(target, record)  # after each set: a long measurement that is cut off keeps what it has


if __name__ == "__main__":
    main()
