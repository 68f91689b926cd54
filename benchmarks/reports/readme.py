"""Write what is generated in README, the site's pages and recipes: `python -m benchmarks.reports.readme [--check]`.

A page says with `<!-- NAME:begin -->` and `<!-- NAME:end -->` where the section NAME stands.
"""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.reports import generative, korean, sections, tables
from benchmarks.studies import scaling
from jaxdl import recipes
from jaxdl.claims import _shelf
from jaxdl.claims._pages import Language

README = ROOT / "README.md"
GUIDES = ROOT / "docs" / "guides"
RECIPES = Path(recipes.__path__[0])
SECTION = re.compile(r"(<!-- (\w+):begin -->\n).*?(<!-- \2:end -->)", re.DOTALL)

SECTIONS: dict[str, Callable[[Language], str]] = {
    "output": lambda _: sections.output(),
    "output_end": lambda _: sections.output_end(),
    "help": lambda _: sections.help_text(),
    "front_scores": lambda _: sections.front_scores(),
    "front_speed": lambda _: sections.front_speed(),
    "front_claim": lambda _: sections.front_claim(),
    "scores": lambda _: sections.scores(),
    "generative": lambda _: generative.table(),
    "codes": lambda _: generative.codes(),
    "sequences": lambda _: sections.sequences(),
    "summaries": lambda _: sections.summaries(),
    "streaming": lambda _: sections.streaming(),
    "splits": lambda _: sections.splits(),
    "recommendations": lambda _: sections.recommendations("recommenders_msweb", 1),
    "ratings": lambda _: sections.recommendations("recommenders_ratings", 3),
    "lists": lambda _: sections.lists(),
    "speed": lambda _: tables.section(),
    "speed_changes": lambda _: tables.changes(),
    "concepts": sections.concepts,
    "scaling": lambda _: scaling.table(),
    "scaling_counted": lambda _: scaling.counted(),
}


def pages() -> list[Path]:
    """README and every guide."""
    return [README, *sorted(GUIDES.glob("*/*.md"))]


def generate(text: str, page: Path) -> str:
    """A page with every section that it names written anew, in the language of its folder.

    Raises: ValueError for a section that nobody writes, and for a mark without its end.
    """
    language: Language = "ko" if page.parent.name == "ko" else "en"

    def written(match: re.Match[str]) -> str:
        if match[2] not in SECTIONS:
            raise ValueError(f"{page.name}: nobody writes a section {match[2]!r}; there are {', '.join(SECTIONS)}")
        content = relocate(SECTIONS[match[2]](language), page)
        return match[1] + (korean.translate(content) if language == "ko" else content) + match[3]

    found = SECTION.sub(written, text)
    if lost := set(re.findall(r"<!-- (\w+:\w+) -->", SECTION.sub("", found))):
        raise ValueError(f"{page.name}: {', '.join(sorted(lost))} stands alone")
    return found


def relocate(text: str, page: Path) -> str:
    """Links from the root of the checkout as links from a page.

    >>> relocate("![a](benchmarks/a.png) [b](https://b.org)", GUIDES / "en" / "speed.md")
    '![a](../../../benchmarks/a.png) [b](https://b.org)'
    """
    start = page.parent.relative_to(ROOT)
    return re.sub(r"\]\(((?:benchmarks|docs)/[^)]+)\)", lambda link: f"]({os.path.relpath(link[1], start)})", text)


def score_line(record: dict[str, Any]) -> str:
    """What a recipe's docstring says of its record.

    >>> record = {"score": "test accuracy", "mean": 0.98, "runs": [{}], "seconds": 4.2, "date": "2026-11-21"}
    >>> score_line(record | {"machine": "Linux x86_64, 2 cores", "device": "cpu (cpu), 1 in all"})
    'Test accuracy 0.9800 (one seed), 4 s for the fastest run on cpu, 2 cores; record of 2026-11-21.'
    """
    n = len(record["runs"])
    seeds = "one seed" if n == 1 else f"mean of {n} seeds"
    score = f"{record['score'][0].upper()}{record['score'][1:]} {record['mean']:.4f}"
    time = f"{record['seconds']:.0f} s for the fastest run on {sections.device(record)}"
    return f"{score} ({seeds}), {time}; record of {record['date']}."


def with_score_line(source: str, line: str) -> str:
    """A recipe's source with the line in its docstring, in place of the old one or after the command."""
    if found := re.search(r"^.*; record of [0-9-]+\.$", source, re.MULTILINE):
        return source.replace(found[0], line, 1)
    return re.sub(r"^(jaxdl train .*\n)", rf"\1\n{line}\n", source, count=1, flags=re.MULTILINE)


def files() -> dict[Path, str]:
    """Every generated text by its file: README, the site's pages, and the recipes that have a record."""
    texts = {page: generate(page.read_text(encoding="utf-8"), page) for page in pages()}
    texts[tables.PATH] = tables.full()
    for name in recipes.names():
        if record := sections.score(name):
            path = RECIPES / f"{name}.py"
            texts[path] = with_score_line(path.read_text(), score_line(record))
    return texts | _shelf.pages(ROOT)


def main() -> int:
    """Write what is generated, or with --check say whether it is up to date."""
    for path, text in files().items():
        if "--check" in sys.argv and (not path.is_file() or path.read_text(encoding="utf-8") != text):
            print(f"{path} is out of date: python -m benchmarks.reports.readme")
            return 1
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
