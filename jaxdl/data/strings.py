"""Strings to copy or to reverse: the smallest sequence tasks, drawn without an end."""

import numpy as np

from jaxdl.data.arrays import Arrays

ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def draw_strings(
    n: int, *, reverse: bool = False, lengths: tuple[int, int] = (1, 10), alphabet: str = ALPHABET, seed: int = 0
) -> Arrays:
    """Draw strings of letters and what a model must write: the same string, or its letters from the last to the first.

    Args:
        n: how many.
        reverse: reverse instead of copy.
        lengths: the shortest and the longest, all lengths between them equally likely.
        alphabet: of letters, all equally likely.
        seed: the same seed gives the same strings.
    Returns: {"x": [n] strings, "y": [n] strings}, arrays of objects.
    Raises: ValueError for impossible lengths or an empty alphabet.

    >>> pairs = draw_strings(2, reverse=True)
    >>> all(y == x[::-1] for x, y in zip(pairs["x"], pairs["y"]))
    True
    """
    shortest, longest = lengths
    if not 0 <= shortest <= longest or not alphabet:
        raise ValueError(f"draw_strings: need 0 <= shortest <= longest and letters, got {lengths=}, {alphabet=}")
    rng = np.random.default_rng(seed)
    sizes = rng.integers(shortest, longest + 1, size=n)
    letters = rng.integers(len(alphabet), size=int(sizes.sum()))
    ends = np.cumsum(sizes)
    x, y = np.empty(n, object), np.empty(n, object)
    for i, (start, end) in enumerate(zip(ends - sizes, ends, strict=True)):
        x[i] = "".join(alphabet[place] for place in letters[start:end])
        y[i] = x[i][::-1] if reverse else x[i]
    return {"x": x, "y": y}
