"""The generated parts of README and of the site's pages, in Markdown: each function reads records and gives a text.

Links and pictures are named from the root of the checkout; `readme` turns them to where they stand.
"""

import functools
import json
import statistics
import tomllib
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.reports import tables
from benchmarks.reports.records import newest
from jaxdl import recipes
from jaxdl.claims import _pages, _shelf
from jaxdl.claims._pages import Language
from jaxdl.claims._records import Record
from jaxdl.metrics.intervals import confidence

FRONT = (  # the recipes of README's short table
    *("digits_mlp", "mnist_cnn", "seasons_rnn", "g2p_transformer"),
    *("mnist_denoising_autoencoder", "mnist_cgan", "msweb_factors"),
)
FRONT_CLAIM = "momentum_in_a_valley"


def score(name: str) -> dict[str, Any] | None:
    """A recipe's record; None where it has not been measured."""
    path = RESULTS / "scores" / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def scores() -> str:
    """The table of recipes with their measured scores."""
    lines = [
        "| recipe | what | score | mean | 95 % | seeds | seconds (fastest run) | device |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in recipes.names():
        record = score(name)
        if record is None:
            lines.append(f"| `{name}` | {recipes.describe(name).rstrip('.')} | not measured yet | | | | | |")
            continue
        interval = f"± {record['confidence95']:.4f}" if len(record["runs"]) > 1 else ""
        cells = [f"`{name}`", record["about"].rstrip("."), record["score"], f"{record['mean']:.4f}", interval]
        cells += [str(len(record["runs"])), f"{record['seconds']:.0f}", device(record)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def front_scores() -> str:
    """README's table: a dozen recipes of all kinds."""
    lines = ["| recipe | what | score | mean over seeds | seconds |", "|---|---|---|---|---|"]
    for record in filter(None, map(score, FRONT)):
        interval = f" ± {record['confidence95']:.4f}" if len(record["runs"]) > 1 else " (one seed)"
        cells = [f"`{record['recipe']}`", record["about"].rstrip("."), record["score"].replace("_", " ")]
        cells += [f"{record['mean']:.4f}{interval}", f"{record['seconds']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def device(record: dict[str, Any]) -> str:
    """On what a recipe was measured: "cpu, 2 cores"."""
    return f"{record['device'].split(' (')[0]}, {record['machine'].split(', ')[-1]}"


def output() -> str:
    """What the main job printed."""
    return f"```\n{(RESULTS / 'main_job.txt').read_text().rstrip()}\n```\n"


def output_end() -> str:
    """The scores at the end of what the main job printed."""
    return f"```\n{(RESULTS / 'main_job.txt').read_text().rstrip().split(chr(10) * 2)[-1]}\n```\n"


def help_text() -> str:
    """What `jaxdl --help` prints."""
    from jaxdl.cli.dispatch import usage

    return f"```text\n{usage()}\n```\n"


def summaries() -> str:
    """The table of SciTLDR-A's summaries."""
    from benchmarks.scores.summaries import table  # with jax: only this section waits for it

    return table(json.loads((RESULTS / "scores" / "scitldr_summaries.json").read_text()))


def sequences() -> str:
    """The scores of sequence models beside published ones, and texts that they wrote."""
    from benchmarks.scores.sequences import RECORD, table  # with jax

    return table(json.loads(RECORD.read_text()))


def recommendations(record: str, digits: int) -> str:
    """A table of recommenders: means over draws of what is withheld (over folds), with 95 % intervals."""
    table = json.loads((RESULTS / "scores" / f"{record}.json").read_text())["table"]
    columns = list(next(iter(table.values())))
    lines = [f"| method | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for method, by_column in table.items():
        cells = [
            f"{statistics.fmean(by_column[c]):.{digits}f} ± {confidence(by_column[c]):.{digits}f}" for c in columns
        ]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def lists() -> str:
    """Lists of explicit ratings by set and method: precision and NDCG at 10 with 95 % intervals over users."""
    sets = json.loads((RESULTS / "scores" / "rating_lists.json").read_text())["sets"]
    lines = ["| set | method | precision@10 | NDCG@10 | NDCG above popularity |", "|---|---|---|---|---|"]
    for name, found in sorted(sets.items()):
        for method, row in found["lists"].items():
            cells = (f"{row[kind][0]:.3f} ± {row[kind][1]:.3f}" for kind in ("precision", "ndcg", "ndcg_above_popular"))
            lines.append(f"| {name} | {method} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n\n" + _errors(sets)


def _errors(sets: dict[str, Any]) -> str:
    """Root mean squared errors of predicted ratings: a row a method, a column a set, means over the folds."""
    columns = sorted(sets)
    lines = [f"| RMSE of predicted ratings | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for method in sets[columns[0]]["rmse"]:
        cells = (f"{statistics.fmean(sets[column]['rmse'][method]):.3f}" for column in columns)
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def splits() -> str:
    """Sentences of the project's table that are split as it says, ours beside the packages."""
    record = json.loads((RESULTS / "scores" / "sentence_splits.json").read_text())
    lines = ["| splitter | texts right | F1 of the ends |", "|---|---|---|"]
    for name, by_part in record["scores"].items():
        found = by_part["all"]
        version = f" {record['versions'][name]}" if record["versions"][name] else ""
        lines.append(f"| {name}{version} | {found['right']} of {found['texts']} | {found['f1']:.3f} |")
    return "\n".join(lines) + "\n"


def streaming() -> str:
    """A training on a file larger than it may take of memory, beside one in memory: memory at worst, all rates."""
    record = json.loads((RESULTS / "cpu" / "streaming.json").read_text())
    lines = ["| training data | own memory at most, MB | images a second | waiting |", "|---|---|---|---|"]
    names = {"streamed": f"{record['gigabytes']:g} GB, streamed", "in_memory": "60,000 images in memory"}
    for key, name in names.items():
        rounds = record[key]
        rates = sorted(row["rows_per_s"] for row in rounds)
        waiting, memory = (max(row[of] for row in rounds) for of in ("waiting", "peak_host_mb"))
        lines.append(f"| {name} | {memory:.0f} | {rates[0]:,.0f}-{rates[-1]:,.0f} | {waiting:.3%} |")
    return "\n".join(lines) + "\n"


def front_speed() -> str:
    """README's words on speed, from the rows of the chart's table."""
    workloads = newest("cpu")
    ratios = sorted(tables.ratios(workloads).items(), key=lambda row: row[1])
    faster = [name for name, ratio in ratios if ratio <= 1]
    slower = [f"`{name}` ({ratio:.2f})" for name, ratio in ratios if ratio > 1.1]
    hardware = next(iter(workloads.values()))[0]["hardware"]
    return (
        f"{hardware}, float32: a step of jaxdl takes less time than the fastest other library's in {len(faster)} of "
        f"{len(ratios)}\nworkloads, and more than 1.1 times as long in {len(slower)}: {', '.join(slower)}.\n"
    )


@functools.cache
def _claims() -> dict[str, Record]:
    return {record.name: record for record in _shelf.records(_shelf.results(ROOT))}


def front_claim() -> str:
    """One statement as a claim: its words, verdict, figures and picture."""
    record = _claims()[FRONT_CLAIM]
    page = f"docs/claims/en/{FRONT_CLAIM}.md"
    found = f"{_pages.headline(record, 'en')} ({record.seeds} seeds)"
    picture = f"![{record.statement}](benchmarks/results/claims/{FRONT_CLAIM}.png)"
    return f"> {record.statement} [**{record.verdict}**]({page}): {found}\n\n{picture}\n"


def concepts(language: Language) -> str:
    """Every concept with its function, test, recipe and the claims about it."""
    lines = ["| concept | function | test | recipe or command | claim: verdict |", "|---|---|---|---|---|"]
    for row in tomllib.loads((ROOT / "docs" / "concepts.toml").read_text(encoding="utf-8"))["concept"]:
        use = row["use_ko"] if language == "ko" and "use_ko" in row else row["use"]
        found = "<br>".join(_verdict(name, language) for name in row.get("claims", ()))
        lines.append(f"| {row[language]} | `{row['function']}` | `{row['test']}` | {use} | {found} |")
    return "\n".join(lines) + "\n"


def _verdict(name: str, language: Language) -> str:
    """A link to a claim's page, its verdict and its figures, for a table's cell."""
    record = _claims()[name]
    verdict = _pages.WORDS[language][record.verdict]
    return f"[{name}](docs/claims/{language}/{name}.md) {verdict}: {_pages.cell(_pages.headline(record, language))}"
