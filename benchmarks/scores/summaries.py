"""One-sentence summaries of SciTLDR-A's test papers by every method.

    python -m benchmarks.scores.summaries [--seeds N]

ROUGE-1, 2 and L: F in percent, Porter's stemmer, the largest over a paper's references, the mean over papers; the
conventions of `rouge-score`, with which our numbers agree. The ranker is trained anew for each seed; nothing is chosen
by a test score.
"""

import argparse
import datetime
import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scores.seeds import SCORES
from jaxdl import data, recipes, runs
from jaxdl.applications.summarization import METHODS, oracle, rank
from jaxdl.artifacts import files
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.data.arrays import Arrays
from jaxdl.data.words import porter_stemmer
from jaxdl.metrics.intervals import confidence
from jaxdl.metrics.summaries import Tokenizer, rouge, tokenize
from jaxdl.models import ranker
from jaxdl.training.environment import environment

NAME = "scitldr_summaries"
KINDS = ("rouge1", "rouge2", "rougeL")


def stemmed_words() -> Tokenizer:
    """The words that the published figures compare, with a memory of texts."""
    return functools.lru_cache(maxsize=None)(functools.partial(tokenize, stem=porter_stemmer()))


def rouge_of_sentences(part: Arrays) -> list[np.ndarray]:
    """For each paper [sentences, 3]: ROUGE-1, 2, L of every sentence of the abstract as its summary."""
    tokenizer = stemmed_words()
    return [
        np.array(
            [[100 * found[kind].f for kind in KINDS] for found in (rouge(s, refs, tokenizer=tokenizer) for s in x)]
        )
        for x, refs in zip(part["x"], part["references"], strict=True)
    ]


def chosen_by_methods(part: Arrays) -> dict[str, list[int]]:
    """The sentence that each method without training chooses in each paper, and the two that know the summary."""
    chosen = {name: [int(rank(x, name).argmax()) for x in part["x"]] for name in METHODS}
    chosen["greedy oracle"] = [oracle(x, refs)[0] for x, refs in zip(part["x"], part["references"], strict=True)]
    return chosen | {"labels": part["y"].tolist()}


def chosen_by_ranker(part: Arrays, seed: int) -> list[int]:
    """The sentences that a newly trained ranker chooses."""
    config = recipes.load("scitldr_ranker").Config(seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        run = runs.train("scitldr_ranker", config, run_dir=Path(folder, "run"))
    return [int(ranker.rank(run.state.params, x, config.model).argmax()) for x in part["x"]]


def row(method: str, scores: Sequence[np.ndarray]) -> dict[str, Any]:
    """A row of the table from the mean scores [3] of one run, or of several seeds."""
    columns = np.array(scores).T
    return {
        "method": method,
        "runs": len(scores),
        **{kind: float(column.mean()) for kind, column in zip(KINDS, columns, strict=True)},
        "confidence95": {kind: confidence(column.tolist()) for kind, column in zip(KINDS, columns, strict=True)},
    }


def measure(seeds: int) -> dict[str, Any]:
    """The record of all methods on the test part."""
    part = data.load("scitldr").test
    assert part is not None
    scores = rouge_of_sentences(part)

    def mean(chosen: Sequence[int]) -> np.ndarray:
        return np.mean([each[i] for each, i in zip(scores, chosen, strict=True)], axis=0)

    rows = [row(name, [mean(chosen)]) for name, chosen in chosen_by_methods(part).items()]
    if seeds:
        rows.append(row("trained ranker", [mean(chosen_by_ranker(part, seed)) for seed in range(seeds)]))
    rows.sort(key=lambda each: each["rouge1"])
    return {"papers": len(scores), "rows": rows, "date": datetime.date.today().isoformat(), **environment()}


def table(record: dict[str, Any]) -> str:
    """The record as a table in Markdown.

    >>> row_of_lead = row("lead", [np.array([31.29, 12.33, 24.98])])
    >>> print(table({"rows": [row_of_lead]}).splitlines()[-1])
    | lead | 31.29 | 12.33 | 24.98 | |
    """
    lines = ["| method | ROUGE-1 | ROUGE-2 | ROUGE-L | seeds |", "|---|---|---|---|---|"]
    for each in record["rows"]:
        several = each["runs"] > 1
        cells = [f"{each[kind]:.2f}" + (f" ± {each['confidence95'][kind]:.2f}" if several else "") for kind in KINDS]
        lines.append(
            f"| {each['method']} | {' | '.join(cells)} | {each['runs'] if several else ''} |".replace("|  |", "| |")
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="runs of the trained ranker; 0 leaves it out")
    use_compilation_cache()
    record = measure(parser.parse_args().seeds)
    files.write_json(SCORES / f"{NAME}.json", record)
    print(table(record))


if __name__ == "__main__":
    main()
