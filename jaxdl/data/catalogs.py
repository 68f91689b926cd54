"""What is known about items or users: their names and categorical attributes, and these as vectors.

R rows (items or users), D attribute values.
"""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxdl.validation import did_you_mean

Values = tuple[tuple[str, ...], ...]  # of one attribute: the values of each row, none, one or several


class Catalog(NamedTuple):
    """Rows with names and categorical attributes.

    Attributes:
        ids: as the ratings call them; unique.
        names: to be shown, such as titles.
        attributes: attribute -> the values of each row: {"genre": (("drama", "crime"), ("comedy",), ...)}.
        malformed: "row 2 (line 3) ..." for every row that was left out.
        notes: what the reader decided by itself and a user should know.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    attributes: dict[str, Values]
    malformed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def label(self, row: int) -> str:
        """The name of a row; with its id where another row has the same name."""
        name = self.names[row]
        return name if self.ids[row] == name or self.names.count(name) == 1 else f"{name} [{self.ids[row]}]"

    def find(self, text: str) -> int:
        """The row with this id, or else this name, in any case. Raises ValueError with the nearest names."""
        if text in self.ids:
            return self.ids.index(text)
        lower = [unicodedata.normalize("NFC", name).lower() for name in self.names]
        wanted = unicodedata.normalize("NFC", text).strip().lower()
        labels = (f"{name} [{id.lower()}]" for name, id in zip(lower, self.ids, strict=True))
        within = [row for row, pair in enumerate(zip(lower, labels, strict=True)) if wanted in pair]
        if not within and len(wanted) > 2:
            within = [row for row, name in enumerate(lower) if wanted in name]
        if len(within) == 1:
            return within[0]
        if within:
            some = "; ".join(map(self.label, within[:5]))
            more = "; ..." if len(within) > 5 else ""
            raise ValueError(f"{text!r} could be any of {len(within)}: {some}{more}; the id tells them apart")
        raise ValueError(f"there is no {text!r}{nearest(text, self.names)}")


def nearest(text: str, names: Sequence[str]) -> str:
    """The three nearest names as a question, whatever their case and the year after a title; "." without any.

    >>> nearest("alein", ("Alien (1979)", "Up (2009)"))
    ", did you mean 'Alien (1979)'?"
    """
    plain = {re.sub(r" \(\d{4}\)$", "", name).lower(): name for name in names}
    found = difflib.get_close_matches(text.strip().lower(), plain, n=3, cutoff=0.5)
    return f", did you mean {' or '.join(repr(plain[name]) for name in found)}?" if found else "."


def attribute_vectors(
    catalog: Catalog, *, attributes: Sequence[str] = (), weighted: bool = True, alike: bool = True
) -> tuple[Any, tuple[str, ...]]:
    """Rows as vectors of their attribute values: one-hot, multi-hot where a row has several, weighted by rarity.

        v(r, d) = log(R / n_d) where row r has the value d (1 if not weighted), else 0    (TF-IDF with TF = 1)

    Args:
        attributes: those to use; all by default.
        weighted: whether a rare value (a western) says more than a frequent one (drama).
        alike: scale the part of each attribute to length 1: then forty actors count no more than one director.
    Returns: (scipy.sparse CSR [R, D], the name of each column such as "genre: drama").
    Raises: ValueError for an unknown attribute or if there is none.

    >>> catalog = Catalog(("1", "2"), ("Alien", "Up"), {"genre": (("horror", "space"), ("family",))})
    >>> vectors, names = attribute_vectors(catalog, weighted=False, alike=False)
    >>> vectors.toarray().tolist(), names[0]
    ([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]], 'genre: family')
    """
    from jaxdl.similarity.term_weights import count_terms, inverse_document_frequency, tf_idf  # they need jax

    for name in attributes:
        if name not in catalog.attributes:
            raise ValueError(
                f"there is no attribute {name!r}{did_you_mean(name, catalog.attributes)} There are: "
                f"{', '.join(catalog.attributes) or 'none'}"
            )
    used = attributes or tuple(catalog.attributes)
    rows = [
        sorted({f"{name}: {value}" for name in used for value in catalog.attributes[name][row]})
        for row in range(len(catalog.ids))
    ]
    counts, names = count_terms(rows)
    if not names:
        raise ValueError("no row has an attribute: the file needs columns beside id and title, such as genre")
    idf: Any = inverse_document_frequency(counts, scheme="plain") if weighted else np.ones(len(names))
    vectors = tf_idf(counts, idf=idf, normalize=False)
    if alike:
        owner = [next(i for i, name in enumerate(used) if value.startswith(f"{name}: ")) for value in names]
        part = np.repeat(np.arange(len(rows)), np.diff(vectors.indptr)) * len(used) + np.array(owner)[vectors.indices]
        lengths = np.sqrt(np.bincount(part, vectors.data**2))
        vectors.data /= np.where(lengths > 0, lengths, 1)[part]
    return vectors, names
