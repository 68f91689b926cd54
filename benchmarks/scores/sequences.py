"""What sequence models write, by the length of what they read: one context vector, attention, Transformer.

    python -m benchmarks.scores.sequences RUN [RUN ...]

Each RUN is a finished run folder of a recipe on sequences. Its model writes the test part by greedy search; the record
benchmarks/results/scores/sequences.json keeps its scores, the share of outputs that are right by the length of the
source, and three examples. The picture is figure 2 of Bahdanau, Cho and Bengio (2015) for our tasks.
"""

import argparse
import functools
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import RESULTS
from benchmarks.scores import summaries
from jaxdl import data, runs
from jaxdl.applications import translation
from jaxdl.artifacts import files, pictures
from jaxdl.cli.commands.translate import load
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.data.arrays import Arrays
from jaxdl.training.environment import environment

RECORD = RESULTS / "scores" / "sequences.json"
PICTURE = RESULTS / "pictures" / "bottleneck.png"
EXAMPLES = 3
AT_LEAST = 30  # sources in a group of lengths, or it joins the next
PANELS = {"g2p": ("pronunciations: words right by letters", 1), "dates": ("dates right by characters", 3)}

PUBLISHED = {  # task: (what, score)
    "g2p": (
        ("Transformer, 3 layers, 256 wide (g2p-seq2seq)", "WER 20.6"),
        ("Transformer, 4 + 4 layers (Yolchuyeva et al. 2019)", "WER 22.1"),
        ("bidirectional LSTM (Mousa, Schuller 2016)", "WER 23.23"),
        ("weighted finite-state transducers", "WER 24.4"),
        ("LSTM encoder-decoder (Toshniwal, Livescu 2016)", "WER 28.61"),
    ),
    "multi30k": (("Transformer-Tiny (Wu et al. 2021)", "BLEU 41.02"),),
    "scitldr": (
        ("first sentence (Cachola et al. 2020)", "ROUGE 31.3 / 12.3 / 25.0"),
        ("BART, pre-trained (Cachola et al. 2020)", "ROUGE 43.3 / 20.8 / 35.0"),
    ),
}


class Texts(NamedTuple):
    """The texts that a task is tested on, and its scores.

    Attributes:
        sources: N texts.
        references: the right answers of each.
        measure: (outputs, references) -> name -> score.
    """

    sources: Sequence[str]
    references: Sequence[tuple[str, ...]]
    measure: Callable[[list[str], list[tuple[str, ...]]], dict[str, float]]


def texts_of(recipe: str, seed: int) -> Texts:
    """The test part of a recipe's task, which is the first word of its name.

    Raises: ValueError for a recipe that is not about texts.
    """
    task = recipe.split("_")[0]
    if task == "dates":
        from jaxdl.recipes import _dates

        return Texts(*_texts(_dates.drawn("test", seed)), _dates.measure)
    if task == "g2p":
        from jaxdl.recipes import _g2p

        return Texts(*_texts(data.load("g2p").test), _g2p.measure)
    if task == "multi30k":
        from jaxdl.recipes import multi30k_transformer

        return Texts(*_texts(data.load("multi30k").test), multi30k_transformer.measure)
    if task == "scitldr":
        from jaxdl.recipes import scitldr_transformer

        part = data.load("scitldr").test
        assert part is not None
        measure = functools.partial(scitldr_transformer.mean_rouge, tokenizer=summaries.stemmed_words())
        return Texts(*_texts(scitldr_transformer.abstracts(part)), measure)
    raise ValueError(f"{recipe} is not about texts; these tasks are: dates, g2p, multi30k, scitldr")


def _texts(part: Arrays | None) -> tuple[list[str], list[tuple[str, ...]]]:
    assert part is not None
    return list(part["x"]), list(part["references"])


def measure(folder: Path) -> dict[str, Any]:
    """The record of one run."""
    recipe, config = runs.configuration(folder)
    system, params = load(folder)
    test = texts_of(recipe, config.seed)
    outputs = translation.translate(system, params, test.sources)
    right = [float(output in answers) for output, answers in zip(outputs, test.references, strict=True)]
    step = PANELS.get(recipe.split("_")[0], ("", 10))[1]
    notes = json.loads((folder / "environment.json").read_text())
    chosen = np.linspace(0, len(outputs) - 1, EXAMPLES + 2).astype(int)[1:-1]  # spread over the part, not picked
    return {
        "recipe": recipe,
        "model": kind(config),
        "overrides": {name: getattr(config, name) for name in ("epochs", "batch_size", "learning_rate")},
        "parameters": notes["parameters"],
        "train_seconds": notes["seconds"]["train"],
        "scores": test.measure(outputs, list(test.references)),
        "by_length": by_length([len(source) for source in test.sources], right, step),
        "examples": [
            {"source": test.sources[i], "output": outputs[i], "reference": test.references[i][0]} for i in chosen
        ],
        **environment(),
    }


def kind(config: Any) -> str:
    """What a run's model is, in the words of the picture."""
    if not hasattr(config.model, "attention"):
        return "Transformer"
    cell = config.model.cell.upper()
    return f"{cell}, one context vector" if config.model.attention == "none" else f"{cell} with attention"


def by_length(lengths: Sequence[int], right: Sequence[float], step: int) -> list[dict[str, float]]:
    """The share of right outputs for sources of like length; groups with few sources join the next longer one.

    >>> by_length([3] * 40 + [4] * 5 + [5] * 30, [1.0] * 40 + [0.0] * 35, 1)
    [{'length': 3.0, 'right': 1.0, 'n': 40}, {'length': 4.857142857142857, 'right': 0.0, 'n': 35}]
    """
    groups: dict[int, list[int]] = defaultdict(list)
    for i, length in enumerate(lengths):
        groups[length // step].append(i)
    rows: list[list[int]] = []
    waiting: list[int] = []
    for _, members in sorted(groups.items()):
        waiting = waiting + members
        if len(waiting) >= AT_LEAST:
            rows.append(waiting)
            waiting = []
    if waiting and rows:
        rows[-1] = rows[-1] + waiting
    return [
        {
            "length": float(np.mean([lengths[i] for i in row])),
            "right": float(np.mean([right[i] for i in row])),
            "n": len(row),
        }
        for row in rows
    ]


def table(records: Sequence[dict[str, Any]]) -> str:
    """In Markdown: our scores, the published ones of the same test part below them, and what the models wrote."""
    lines = ["| task | model | epochs | score |", "|---|---|---|---|"]
    for task in dict.fromkeys(r["recipe"].split("_")[0] for r in records):
        ours = [r for r in records if r["recipe"].startswith(task)]
        for r in ours:
            model = f"{r['model']}, {r['parameters'] / 1e6:.1f} M parameters"
            lines.append(f"| `{r['recipe']}` | {model} | {r['overrides']['epochs']} | {_score(task, r['scores'])} |")
        lines += [f"| | {what} | | {score}, published |" for what, score in PUBLISHED.get(task, ())]
    lines += ["", "Three of each task's test texts, evenly spread, as the last of its models above writes them:", ""]
    lines += ["| task | read | written | right |", "|---|---|---|---|"]
    last = {r["recipe"].split("_")[0]: r for r in records}
    for task, r in last.items():
        for e in r["examples"]:
            cells = [_short(e[name]) for name in ("source", "output", "reference")]
            lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _score(task: str, scores: dict[str, float]) -> str:
    if task == "g2p":
        return f"WER {100 * scores['word_error_rate']:.2f}, PER {100 * scores['phoneme_error_rate']:.2f}"
    if task == "multi30k":
        return f"BLEU {scores['bleu']:.2f}"
    if task == "scitldr":
        return "ROUGE " + " / ".join(f"{100 * scores[kind]:.1f}" for kind in ("rouge1", "rouge2", "rougeL"))
    return f"{100 * scores['exact_match']:.2f} % right"


def _short(text: str, most: int = 160) -> str:
    clean = " ".join(text.split()).replace("|", "\\|")
    return clean if len(clean) <= most else clean[:most].rsplit(" ", 1)[0] + " ..."


def draw(records: Sequence[dict[str, Any]]) -> Any:
    """A panel a task, a line a model."""
    tasks = [task for task in PANELS if any(r["recipe"].startswith(task) for r in records)]
    panels = [
        (
            PANELS[task][0],
            {
                r["model"]: ([g["length"] for g in r["by_length"]], [100 * g["right"] for g in r["by_length"]])
                for r in records
                if r["recipe"].startswith(task)
            },
        )
        for task in tasks
    ]
    return pictures.lines(panels, x_label="length of the source", y_label="% right")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    use_compilation_cache()
    stored = json.loads(RECORD.read_text()) if RECORD.is_file() else []
    for folder in parser.parse_args().runs:
        record = measure(folder)
        same = ("recipe", "model")
        stored = [r for r in stored if any(r[name] != record[name] for name in same)] + [record]
        print(record["recipe"], record["model"], record["scores"], flush=True)
    stored.sort(key=lambda r: (r["recipe"].split("_")[0], r["model"]))
    files.write_json(RECORD, stored)
    files.write(PICTURE, lambda path: draw(stored).savefig(path, dpi=120))


if __name__ == "__main__":
    main()
