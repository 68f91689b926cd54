"""Train recipes over several seeds and keep the records that README's score table is made from.

python -m benchmarks.scores digits_mlp iris_mlp --seeds 5
python -m benchmarks.scores mixture_gan --preset wasserstein --seeds 3
python -m benchmarks.scores --runs RUN [RUN ...]    a record of finished runs of one recipe, trained before
"""

import argparse
import json
from pathlib import Path

from benchmarks.scores.seeds import SCORES, file_name, keep, measure, of_runs
from jaxdl.cli.compilation import use_compilation_cache


def main() -> None:
    """Train, or read finished runs; write and print the records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--runs", nargs="+", type=Path, metavar="RUN", help="take finished runs, train none")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--preset", help="start from these settings of the recipe")
    parser.add_argument("--more", action="store_true", help="keep the stored runs, add the seeds that are missing")
    arguments = parser.parse_args()
    use_compilation_cache()
    SCORES.mkdir(parents=True, exist_ok=True)
    if arguments.runs:
        keep(of_runs(arguments.runs))
    for recipe in arguments.recipes:
        path = SCORES / file_name(recipe, arguments.preset)
        stored = json.loads(path.read_text()) if arguments.more and path.exists() else None
        keep(measure(recipe, arguments.seeds, stored=stored, preset=arguments.preset))


if __name__ == "__main__":
    main()
