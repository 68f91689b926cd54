"""Where the results of claims lie: a folder of records and pictures, a gallery beside them, pages for learners."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jaxdl
from jaxdl.artifacts import files, pictures
from jaxdl.claims import load, names
from jaxdl.claims._gallery import gallery
from jaxdl.claims._pages import Language, index, lesson, page, translate
from jaxdl.claims._records import Record, read, save


def store(record: Record, result: Any, folder: Path, *, languages: Sequence[Language] = ("en",)) -> Path:
    """Keep a record and its picture; a picture in another language is NAME.ko.png. Returns the last picture's path."""
    claim = load(record.name)
    save(record, claim.picture(result), folder)
    path = folder / f"{record.name}.png"
    for language in languages:
        if language != "en":
            figure = claim.picture(result)
            translate(figure, lesson(record.name).get(language, {}).get("labels", {}))
            path = folder / f"{record.name}.{language}.png"
            files.write(path, lambda part, figure=figure: pictures.save(figure, part))
    return path


def records(folder: Path) -> list[Record]:
    """Every stored record of a claim that still exists, in the order of the names."""
    return [read(path) for path in sorted(folder.glob("*.json")) if path.stem in names()]


def write_gallery(folder: Path, language: Language = "en") -> Path:
    """index.html of all records in a folder."""
    known = records(folder)
    pictures = [picture(folder, record.name, language).read_bytes() for record in known]
    path = folder / ("index.html" if language == "en" else f"index.{language}.html")
    text = gallery(known, pictures, language)
    files.write(path, lambda part: part.write_text(text, encoding="utf-8"))
    return path


def picture(folder: Path, name: str, language: Language) -> Path:
    """The picture in a language; the English one where there is no other."""
    translated = folder / f"{name}.{language}.png"
    return translated if translated.is_file() else folder / f"{name}.png"


def repository() -> Path:
    """The checkout that this package lies in. Raises ValueError where it is an installed wheel."""
    root = Path(jaxdl.__path__[0]).parent
    if not (root / "benchmarks" / "results").is_dir():
        raise ValueError("--docs writes the pages of a checkout of jaxdl's source; this is an installed package")
    return root


def results(root: Path) -> Path:
    """The folder of the stored results in a checkout."""
    return root / "benchmarks" / "results" / "claims"


def pages(root: Path) -> dict[Path, str]:
    """docs/claims/{en,ko}/NAME.md and an index of each language, from the stored results: texts by their files."""
    known, texts = records(results(root)), {}
    for language in ("en", "ko"):
        folder = root / "docs" / "claims" / language
        for record in known:
            shown = f"../../../benchmarks/results/claims/{picture(results(root), record.name, language).name}"
            texts[folder / f"{record.name}.md"] = page(record, language, shown)
        texts[folder / "index.md"] = index(known, language)
    return texts


def write_pages(root: Path) -> int:
    """Write the pages; returns how many."""
    texts = pages(root)
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, lambda part, text=text: part.write_text(text, encoding="utf-8"))
    return len(texts)


def seconds(text: str) -> float:
    """A time such as 5m, 90s or 1h.

    >>> seconds("5m"), seconds("90s"), seconds("1h")
    (300.0, 90.0, 3600.0)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)", text)
    if not match or not float(match[1]):
        raise ValueError(f"--budget needs a time such as 90s, 5m or 1h, got {text!r}")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def seeds_within(wanted: Sequence[str], budget: float) -> dict[str, int]:
    """For each claim so many seeds that all of them take about `budget` seconds; at least 3, at most ten times its own.

    >>> seeds_within(["xor_needs_two_layers"], 1e-3)
    {'xor_needs_two_layers': 3}
    """
    claims = {name: load(name) for name in wanted}
    factor = min(10.0, budget / sum(claim.SECONDS for claim in claims.values()))
    return {name: max(3, int(claim.SEEDS * factor)) for name, claim in claims.items()}
