"""Write README's tables and recipes' score lines from the records: `python -m benchmarks.reports.readme [--check]`."""

import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, ROOT
from benchmarks.reports import generative, tables
from jaxdl import recipes
from jaxdl.claims import _pages, _shelf
from jaxdl.metrics.intervals import confidence

README = ROOT / "README.md"
RECIPES = Path(recipes.__path__[0])


def section(readme: str, name: str, content: str) -> str:
    """`readme` with new content between `<!-- name:begin -->` and `<!-- name:end -->`."""
    pattern = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    if not pattern.search(readme):
        raise ValueError(f"README has no section {name!r}")
    return pattern.sub(lambda match: match[1] + content + match[2], readme)


def scores() -> str:
    """The table of recipes with their measured scores."""
    lines = [
        "| recipe | what | score | mean | 95 % | seeds | seconds (fastest run) | device |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in recipes.names():
        path = RESULTS / "scores" / f"{name}.json"
        if not path.is_file():
            lines.append(f"| `{name}` | {recipes.describe(name).rstrip('.')} | not measured yet | | | | | |")
            continue
        record: dict[str, Any] = json.loads(path.read_text())
        interval = f"± {record['confidence95']:.4f}" if len(record["runs"]) > 1 else ""
        cells = [
            f"`{record['recipe']}`",
            record["about"].rstrip("."),
            record["score"],
            f"{record['mean']:.4f}",
            interval,
        ]
        cells += [str(len(record["runs"])), f"{record['seconds']:.0f}", _device(record)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _device(record: dict[str, Any]) -> str:
    return f"{record['device'].split(' (')[0]}, {record['machine'].split(', ')[-1]}"


def output() -> str:
    """What the main job printed."""
    return f"```\n{(RESULTS / 'main_job.txt').read_text().rstrip()}\n```\n"


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


def claims(readme: str) -> str:
    """`readme` with the verdict and the figures of each claim after its link.

    >>> claims("| [xor_needs_two_layers](docs/claims/en/xor_needs_two_layers.md) old |").split(")")[1][:7]
    ' holds:'
    """
    known = {record.name: record for record in _shelf.records(_shelf.results(ROOT))}

    def found(match: re.Match[str]) -> str:
        record = known[match[2]]
        return f"{match[1]} {record.verdict}: {_pages.cell(_pages.headline(record, 'en'))}"

    return re.sub(r"(\[(\w+)\]\(docs/claims/en/\2\.md\))(?:(?! \||<br>|(?<!\\)\|).)*", found, readme)


def generate(readme: str) -> str:
    """README with every generated section written anew."""
    sections = {"output": output(), "scores": scores(), "summaries": summaries(), "speed": tables.section()}
    sections["recommendations"] = recommendations("recommenders_msweb", 1)
    sections["ratings"] = recommendations("recommenders_ratings", 3)
    sections |= {"lists": lists(), "splits": splits()}
    sections |= {"generative": generative.table(), "codes": generative.codes(), "sequences": sequences()}
    for name, content in sections.items():
        readme = section(readme, name, content)
    return claims(readme)


def score_line(record: dict[str, Any]) -> str:
    """What a recipe's docstring says of its record.

    >>> record = {"score": "test accuracy", "mean": 0.98, "runs": [{}], "seconds": 4.2, "date": "2026-11-21"}
    >>> score_line(record | {"machine": "Linux x86_64, 2 cores", "device": "cpu (cpu), 1 in all"})
    'Test accuracy 0.9800 (one seed), 4 s for the fastest run on cpu, 2 cores; record of 2026-11-21.'
    """
    n = len(record["runs"])
    seeds = "one seed" if n == 1 else f"mean of {n} seeds"
    score = f"{record['score'][0].upper()}{record['score'][1:]} {record['mean']:.4f}"
    time = f"{record['seconds']:.0f} s for the fastest run on {_device(record)}"
    return f"{score} ({seeds}), {time}; record of {record['date']}."


def with_score_line(source: str, line: str) -> str:
    """A recipe's source with the line in its docstring, in place of the old one or after the command."""
    if found := re.search(r"^.*; record of [0-9-]+\.$", source, re.MULTILINE):
        return source.replace(found[0], line, 1)
    return re.sub(r"^(jaxdl train .*\n)", rf"\1\n{line}\n", source, count=1, flags=re.MULTILINE)


def files() -> dict[Path, str]:
    """Every generated text by its file: README, and the recipes that have a record."""
    texts = {README: generate(README.read_text()), tables.PATH: tables.full()}
    for name in recipes.names():
        record = RESULTS / "scores" / f"{name}.json"
        if record.is_file():
            path = RECIPES / f"{name}.py"
            texts[path] = with_score_line(path.read_text(), score_line(json.loads(record.read_text())))
    return texts | _shelf.pages(ROOT)


def main() -> int:
    """Write what is generated, or with --check say whether it is up to date."""
    for path, text in files().items():
        if "--check" in sys.argv and (not path.is_file() or path.read_text() != text):
            print(f"{path} is out of date: python -m benchmarks.reports.readme")
            return 1
        path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
