"""Pairs of texts of a user's own: a source, a tab and its target in each line; more tabs divide other right answers."""

from collections.abc import Iterator
from pathlib import Path

from jaxdl.data.arrays import Arrays
from jaxdl.data.pairs import texts
from jaxdl.data.text_files import lines, read_text


def read_pairs(path: Path | str, *, notes: list[str] | None = None) -> Arrays:
    """{"x": [N] sources, "references": [N] tuples of right targets} of a file; lines of one source are put together.

    Args:
        notes: gets a line if the encoding had to be guessed.
    Raises: ValueError that names the line that is no pair; OSError for a file that is not there.
    """
    path = Path(path)
    path.open("rb").close()  # an OSError says more than what `read_text` makes of it
    return parse_pairs(read_text(path, notes=[] if notes is None else notes), path.name)


def parse_pairs(text: str, name: str) -> Arrays:
    """`read_pairs` of a text; `name` is what messages call it.

    >>> pairs = parse_pairs("one\\t1\\ntwo\\t2\\nfew\\t2\\t3\\n", "pairs.tsv")
    >>> pairs["x"].tolist(), pairs["references"].tolist()
    (['one', 'two', 'few'], [('1',), ('2',), ('2', '3')])
    >>> parse_pairs("one\\t1\\ntwo 2\\n", "pairs.tsv")
    Traceback (most recent call last):
        ...
    ValueError: pairs.tsv, line 2: a source, a tab and its target are expected, got 'two 2'
    """
    found: dict[str, dict[str, None]] = {}
    for source, targets in _pairs(text, name):
        found.setdefault(source, {}).update(dict.fromkeys(targets))
    return texts((source, tuple(targets)) for source, targets in found.items())


def _pairs(text: str, name: str) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(lines(text), 1):
        if not line.strip():
            continue
        source, *targets = (cell.strip() for cell in line.split("\t"))
        if not source or not targets or not all(targets):
            shown = line if len(line) <= 40 else f"{line[:40]}..."
            raise ValueError(f"{name}, line {number}: a source, a tab and its target are expected, got {shown!r}")
        yield source, targets
