"""Ragged sequences as rectangles: padding, masks, and length buckets with a fixed set of shapes.

N sequences, L length, B batch.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from jaxdl.data.text import PAD


def pad(sequences: Sequence[Sequence[int]], length: int) -> np.ndarray:
    """Sequences of token numbers as one array [N, L] int32, filled up with PAD after.

    Raises: ValueError that names the first sequence that is too long.

    >>> pad([[5, 6], [7]], 3).tolist()
    [[5, 6, 0], [7, 0, 0]]
    """
    rows = np.full((len(sequences), length), PAD, np.int32)
    for i, sequence in enumerate(sequences):
        if len(sequence) > length:
            raise ValueError(f"pad: sequence {i} has {len(sequence)} tokens, more than length={length}")
        rows[i, : len(sequence)] = sequence
    return rows


def token_mask(ids: Any) -> Any:
    """True where a token stands, False at the padding. Any shape, numpy or JAX.

    >>> token_mask(pad([[5, 6], [7]], 3)).tolist()
    [[True, True, False], [True, False, False]]
    """
    return ids != PAD


def bucket_lengths(lengths: Sequence[int], n_buckets: int, *, multiple: int = 8) -> tuple[int, ...]:
    """At most `n_buckets` lengths to which sequences are padded, chosen so that the padding in all is the least.

        minimize  sum over sequences of (the smallest bucket length >= its length)

    by dynamic programming over the lengths, rounded up to a multiple (so that few shapes are compiled over many sets).

    Args:
        lengths: [N] of the sequences.
        n_buckets: the number of shapes.
        multiple: every bucket length is one of this; hardware likes 8.
    Returns: lengths in ascending order; the last holds the longest sequence.
    Raises: ValueError for no sequences or no buckets.

    >>> bucket_lengths([3, 4, 5, 30, 31], 2, multiple=1)
    (5, 31)
    """
    if not len(lengths) or n_buckets < 1 or multiple < 1:
        raise ValueError(f"bucket_lengths: {len(lengths)} lengths, {n_buckets=}, {multiple=}: all must be >= 1")
    rounded = [max(1, -(-int(n) // multiple)) * multiple for n in lengths]
    sizes, counts = np.unique(rounded, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])  # sequences shorter than sizes[i]
    m = len(sizes)
    cost = np.full((min(n_buckets, m) + 1, m + 1), np.inf)  # [k, j]: the first j sizes in k buckets
    cut = np.zeros(cost.shape, int)
    cost[0, 0] = 0
    for k in range(1, len(cost)):
        for j in range(1, m + 1):
            options = cost[k - 1, :j] + (below[j] - below[:j]) * sizes[j - 1]
            cut[k, j] = int(options.argmin())
            cost[k, j] = options[cut[k, j]]
    k, j, chosen = int(cost[:, m].argmin()), m, []
    while j:
        chosen.append(int(sizes[j - 1]))
        j, k = int(cut[k, j]), k - 1
    return tuple(reversed(chosen))


def bucket_batches(
    sequences: Sequence[Sequence[int]], lengths: Sequence[int], batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of sequences of like length; every batch has one of the shapes [B, length], so nothing recompiles.

    Args:
        sequences: N of token numbers.
        lengths: of the buckets, ascending, as from `bucket_lengths`.
        batch_size: B.
    Returns: pairs (rows [M], ids [B, L]): ids[i] is sequence rows[i]; the last batch of a bucket is filled up with
        padding, M < B. Each sequence comes once.
    Raises: ValueError for a sequence longer than the last bucket.

    >>> [(rows.tolist(), ids.shape) for rows, ids in bucket_batches([[5], [5] * 6, [6, 7]], (2, 8), 4)]
    [([0, 2], (4, 2)), ([1], (4, 8))]
    """
    sizes = np.array([len(sequence) for sequence in sequences])
    place = np.searchsorted(np.asarray(lengths), sizes)
    if len(sizes) and place.max() >= len(lengths):
        raise ValueError(f"bucket_batches: a sequence has {sizes.max()} tokens, the longest bucket {lengths[-1]}")
    for i, length in enumerate(lengths):
        members = np.flatnonzero(place == i)
        for start in range(0, len(members), batch_size):
            rows = members[start : start + batch_size]
            ids = np.full((batch_size, length), PAD, np.int32)
            ids[: len(rows)] = pad([sequences[row] for row in rows], length)
            yield rows, ids
