"""The table of sentences to split (`tests/files/sentences.txt`): ours, pysbd's and kss's rules beside each other.

python -m benchmarks.scores.sentence_splits        (peers that are not installed are left out: pip install pysbd kss)

A text counts as right when all its sentences are those of the table; F1 is that of the ends of sentences, by the number
of letters before each.
"""

import contextlib
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxdl.artifacts import files
from jaxdl.data.sentences import split_sentences

TABLE = Path(__file__).parents[2] / "tests" / "files" / "sentences.txt"
RECORD = Path(__file__).parents[1] / "results" / "scores" / "sentence_splits.json"
Split = Callable[[str], list[str]]


def read_table() -> list[tuple[str, str, list[str]]]:
    """(kind, text, its sentences)."""
    rows = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, marked = line.split("\t")
            marked = marked.replace("\\n", "\n")
            text = marked.replace(" | ", " ").replace("|", "").replace("\n ", "\n")
            rows.append((kind, text, marked.split("|")))
    return rows


def ends(sentences: list[str]) -> set[int]:
    """How many letters and digits stand before the end of each sentence: signs and white space do not count."""
    found, n = set(), 0
    for sentence in sentences:
        n += sum(letter.isalnum() for letter in sentence)
        found.add(n)
    return found - {0}


def peers() -> dict[str, tuple[Split, str]]:
    """Name -> (splitter, version) of what is installed."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, tuple[Split, str]] = {"jaxdl": (split_sentences, "")}
    for name, make in (("pysbd", _pysbd), ("kss", _kss)):
        with contextlib.suppress(ImportError, PackageNotFoundError):
            found[name] = (make(), version(name))
    return found


def _pysbd() -> Split:
    import pysbd  # type: ignore[import-not-found]

    segmenter: Any = pysbd.Segmenter(language="en", clean=False)
    return segmenter.segment


def _kss() -> Split:
    from kss import Kss  # type: ignore[import-not-found]

    split: Any = Kss("split_sentences")
    return lambda text: split(text, backend="punct")


def score(split: Split, rows: list[tuple[str, str, list[str]]]) -> dict[str, float]:
    """Texts that are right, and F1 of the ends of sentences."""
    right, hits, ours, theirs = 0, 0, 0, 0
    for _, text, expected in rows:
        found, wanted = ends(split(text)), ends(expected)
        right += found == wanted
        hits, ours, theirs = hits + len(found & wanted), ours + len(found), theirs + len(wanted)
    return {"texts": len(rows), "right": right, "f1": round(2 * hits / (ours + theirs), 4)}


def main() -> None:
    rows = read_table()
    parts = {
        "all": rows,
        "english": [row for row in rows if not row[0].startswith(("korean", "mixed"))],
        "korean": [row for row in rows if row[0].startswith("korean")],
    }
    record: dict[str, Any] = {"date": datetime.date.today().isoformat(), "scores": {}, "versions": {}}
    for name, (split, version) in peers().items():
        record["versions"][name] = version
        record["scores"][name] = {part: score(split, some) for part, some in parts.items()}
        print(name, version, record["scores"][name])
    files.write_json(RECORD, record)


if __name__ == "__main__":
    main()
