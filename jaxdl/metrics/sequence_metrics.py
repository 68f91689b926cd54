"""How good written sequences are: exact match, edit distance, and the error rates of phonemes and words.

All run on the host, on what was decoded. A sequence is any sequence of comparable tokens (a string's are characters).
"""

from collections.abc import Sequence
from typing import Any


def edit_distance(a: Sequence[Any], b: Sequence[Any]) -> int:
    """The fewest insertions, deletions and substitutions of one token that turn `a` into `b`.

        d[i, j] = min(d[i-1, j] + 1,  d[i, j-1] + 1,  d[i-1, j-1] + [a_i != b_j])

    Reference: Levenshtein, "Binary codes capable of correcting deletions, insertions and reversals", 1966.

    >>> edit_distance("kitten", "sitting"), edit_distance("K AE T".split(), "K AA T S".split())
    (3, 2)
    """
    row = list(range(len(b) + 1))  # d[i, :]
    for i, x in enumerate(a, start=1):
        before, row[0] = row[0], i  # d[i-1, j-1]
        for j, y in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def exact_match(outputs: Sequence[Any], references: Sequence[Sequence[Any]]) -> float:
    """The share of outputs that equal one of their references.

    >>> exact_match(["a", "b"], [("a",), ("x", "y")])
    0.5
    """
    _check("exact_match", outputs, references)
    return sum(output in right for output, right in zip(outputs, references, strict=True)) / len(outputs)


def error_rates(outputs: Sequence[Sequence[Any]], references: Sequence[Sequence[Sequence[Any]]]) -> tuple[float, float]:
    """Token and sequence error rate against one or more references: PER and WER of pronunciations.

        token error rate    = sum of d(output, nearest reference) / sum of that reference's length
        sequence error rate = share of outputs that equal none of their references

    This is how papers on grapheme-to-phoneme conversion count; of two references equally near, the first.
    (In percent there, as shares in [0, ...) here: insertions can bring the token error rate above 1.)

    Args:
        outputs: N sequences.
        references: for each, one or more sequences.
    Returns: (token error rate, sequence error rate).
    Raises: ValueError for no outputs, unequal numbers, or an output without a reference.

    >>> error_rates([["K", "AE", "T"], ["D"]], [[["K", "AE", "T"], ["K"]], [["D", "AO", "G"]]])
    (0.3333333333333333, 0.5)
    """
    _check("error_rates", outputs, references)
    errors = length = wrong = 0
    for output, right in zip(outputs, references, strict=True):
        distance, nearest = min(((edit_distance(output, answer), answer) for answer in right), key=lambda pair: pair[0])
        errors, length, wrong = errors + distance, length + len(nearest), wrong + (distance > 0)
    return errors / max(length, 1), wrong / len(outputs)


def _check(name: str, outputs: Sequence[Any], references: Sequence[Sequence[Any]]) -> None:
    if not len(outputs) or len(outputs) != len(references) or not all(map(len, references)):
        raise ValueError(
            f"{name}: {len(outputs)} outputs need as many lists of references, got {len(references)}; none may be empty"
        )
