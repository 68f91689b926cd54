"""The scores of what the games draw, as a Markdown table for README: ours from the records, published ones below."""

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.scores import RESULTS

RECIPES = ("digits_gan", "mnist_gan", "mnist_cgan", "fashion_cgan")
COLUMNS = {  # score: (heading, factor, digits)
    "parzen": ("Parzen log-likelihood, nats", 1, 1),
    "parzen_sigma": ("sigma", 1, 2),
    "frechet": ("Fréchet distance", 1, 2),
    "frechet_data": ("of data to data", 1, 2),
    "class_entropy": ("class entropy (ln 10 = 2.303)", 1, 3),
    "label_accuracy": ("labels obeyed, %", 100, 1),
}
PUBLISHED = (
    ("adversarial net, MNIST (Goodfellow et al. 2014)", "225 ± 2"),
    ("conditional adversarial net, MNIST (Mirza, Osindero 2014)", "132 ± 1.8"),
)


def table(folder: Path = RESULTS) -> str:
    """A line a recipe that has a record; the mean over its seeds."""
    lines = [f"| recipe | {' | '.join(heading for heading, _, _ in COLUMNS.values())} | seeds |"]
    lines += ["|---" * (len(COLUMNS) + 2) + "|"]
    for recipe in RECIPES:
        path = folder / f"{recipe}.json"
        if path.is_file():
            lines.append(_row(json.loads(path.read_text())))
    lines += [f"| {what}, published | {score} |{' |' * len(COLUMNS)}" for what, score in PUBLISHED]
    return "\n".join(lines) + "\n"


def _row(record: dict[str, Any]) -> str:
    cells = []
    for name, (_, factor, digits) in COLUMNS.items():
        values = [factor * run["more_scores"][name] for run in record["runs"] if name in run["more_scores"]]
        error = [run["more_scores"]["parzen_error"] for run in record["runs"]] if name == "parzen" else []
        cell = f"{statistics.fmean(values):.{digits}f}" if values else ""
        cells.append(cell + (f" ± {statistics.fmean(error):.1f}" if error else ""))
    return f"| `{record['recipe']}` | {' | '.join(cells)} | {len(record['runs'])} |"
