"""Train recipes over several seeds and keep the records that README's score table is made from.

python -m benchmarks.scores digits_mlp iris_mlp --seeds 5
"""

import argparse
import datetime
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from jaxdl import files, recipes, run_folder, runs
from jaxdl.compilation import use_compilation_cache

RESULTS = Path(__file__).parent / "results" / "scores"

# Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom.
_T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10)
_T95 += (2.09, 2.09, 2.08, 2.07, 2.07, 2.06, 2.06, 2.06, 2.05, 2.05, 2.05, 2.04)


def confidence(values: list[float]) -> float:
    """Half the width of the 95 % confidence interval of the mean (Student's t); 0 for one value.

    >>> f"{confidence([0.97, 0.98, 0.99]):.4f}"
    '0.0248'
    """
    if len(values) < 2:
        return 0.0
    t = _T95[min(len(values) - 1, len(_T95)) - 1]
    return t * statistics.stdev(values) / len(values) ** 0.5


def measure(recipe: str, seeds: int, overrides: dict[str, Any] | None = None, stored: Any = None) -> dict[str, Any]:
    """Train a recipe with seeds 0 .. n-1 and give back the record; the runs of a `stored` record are not repeated."""
    rows = list(stored["runs"]) if stored else []
    headline = stored["score"] if stored else ""
    for seed in range(len(rows), seeds):
        config = recipes.load(recipe).Config(seed=seed, **(overrides or {}))
        with tempfile.TemporaryDirectory() as folder:
            run = runs.train(recipe, config, run_dir=Path(folder, "run"))
        headline = run.headline
        scores = {"score": run.score, "scores": run.scores, "more_scores": run.more_scores}
        rows.append({"seed": seed, "seconds": run.seconds} | scores)
        print(f"{recipe} seed {seed}: {headline} {run.score:.4f} in {run.seconds:.1f} s", flush=True)
    values = [row["score"] for row in rows]
    return {
        "recipe": recipe,
        "about": recipes.describe(recipe),
        "overrides": overrides or {},
        "score": headline,
        "mean": statistics.fmean(values),
        "confidence95": confidence(values),
        "seconds": min(row["seconds"] for row in rows),  # the others shared the machine with something else
        "runs": rows,
        "date": datetime.date.today().isoformat(),
        **run_folder.environment(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=["digits_mlp"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--more", action="store_true", help="keep the stored runs, add the seeds that are missing")
    arguments = parser.parse_args()
    use_compilation_cache()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for recipe in arguments.recipes:
        path = RESULTS / f"{recipe}.json"
        stored = json.loads(path.read_text()) if arguments.more and path.exists() else None
        record = measure(recipe, arguments.seeds, stored=stored)
        files.write_json(path, record)
        print(json.dumps({name: record[name] for name in ("recipe", "score", "mean", "confidence95", "seconds")}))


if __name__ == "__main__":
    main()
