"""The scores of what the games draw and of the autoencoders' codes, as Markdown tables for the site's page on samples.

Ours come from the records, published ones stand beside them.
"""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.scores.seeds import SCORES
from jaxdl.metrics.intervals import confidence

RECIPES = ("digits_gan", "mnist_gan", "mnist_cgan", "fashion_cgan")
COLUMNS = {  # score: (heading, factor, digits)
    "parzen": ("Parzen log-likelihood, nats", 1, 1),
    "parzen_sigma": ("sigma", 1, 2),
    "frechet": ("Fréchet distance", 1, 2),
    "frechet_data": ("of data to data", 1, 2),
    "class_entropy": ("class entropy (ln 10 = 2.303)", 1, 3),
    "label_accuracy": ("labels obeyed, %", 100, 1),
}
_PROBE = "accuracy of a linear classifier on the features, %"
_BEFORE = "test accuracy before fine-tuning"
PUBLISHED = (
    ("adversarial net, MNIST (Goodfellow et al. 2014)", "225 ± 2"),
    ("conditional adversarial net, MNIST (Mirza, Osindero 2014)", "132 ± 1.8"),
)
CODES = (  # recipe, what is measured, our score, what stands beside it: scores of the same record or published ones
    (
        "digits_autoencoder",
        "variance explained by 2 numbers, %",
        "explained variance",
        {"PCA": "explained variance of PCA"},
    ),
    ("fashion_autoencoder", "by 32 numbers, %", "explained variance", {"PCA": "explained variance of PCA"}),
    ("mnist_sparse_autoencoder", _PROBE, "probe accuracy", {"on pixels": "probe accuracy of pixels"}),
    (
        "mnist_denoising_autoencoder",
        _PROBE,
        "probe accuracy",
        {"plain autoencoder": "probe accuracy of the plain one", "on pixels": "probe accuracy of pixels"},
    ),
    ("mnist_denoising_autoencoder", "PSNR, dB", "PSNR, dB", {"noisy input": "PSNR of the noisy input, dB"}),
    ("mnist_stacked_autoencoder", "accuracy before fine-tuning, %", _BEFORE, {"UFLDL, published": "87.7"}),
    ("mnist_stacked_autoencoder", "accuracy after fine-tuning, %", "test accuracy", {"UFLDL, published": "97.6"}),
    ("mnist_basic_stacked_denoising", "accuracy before fine-tuning, %", _BEFORE, {}),
    (
        "mnist_basic_stacked_denoising",
        "accuracy after fine-tuning, %",
        "test accuracy",
        {"SdA-3 (Vincent et al. 2008), published": "97.20 ± 0.14"},
    ),
)


def codes(folder: Path = SCORES) -> str:
    """A line a score of an autoencoder that has a record; means over its seeds with 95 % intervals."""
    lines = ["| recipe | what | ours | beside it | seeds |", "|---|---|---|---|---|"]
    for recipe, what, name, beside in CODES:
        path = folder / f"{recipe}.json"
        if path.is_file():
            runs = json.loads(path.read_text())["runs"]
            others = ", ".join(f"{_mean(runs, key) or key} ({who})" for who, key in beside.items())
            lines.append(f"| `{recipe}` | {what} | {_mean(runs, name)} | {others} | {len(runs)} |")
    return "\n".join(lines) + "\n"


def _mean(runs: Sequence[dict[str, Any]], name: str) -> str:
    """Mean and interval of a score, in percent unless its name says dB; "" if the runs have none of that name."""
    scores = [run["more_scores"] | {"test accuracy": run["score"]} for run in runs]
    if name not in scores[0]:
        return ""
    values = [score[name] * (1 if "dB" in name else 100) for score in scores]
    interval = f" ± {confidence(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.2f}{interval}"


def table(folder: Path = SCORES) -> str:
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
