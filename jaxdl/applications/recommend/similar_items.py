"""Items by their attributes: the most similar ones, and the map of all on the two directions in which they differ most.

N items, D attribute values.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxdl import similarity
from jaxdl.artifacts import pictures
from jaxdl.data.catalogs import Catalog, attribute_vectors
from jaxdl.validation import require_positive

_COLUMNS = 400  # the most frequent attribute values: rarer ones cannot be among the first two directions
_GROUPS = 7  # matplotlib's eighth color is gray: that of the others
_SHARED = 3


def similar(
    catalog: Catalog, item: str, *, count: int = 10, attributes: tuple[str, ...] = ()
) -> tuple[int, list[tuple[int, float, tuple[str, ...]]]]:
    """The items with the most similar attributes, by the cosine of their TF-IDF weights; each attribute counts alike.

    Returns: the row of `item`, and (row, similarity, shared attributes) of its neighbors, best first.
    Raises: ValueError with the nearest names for an unknown item or attribute.

    >>> genres = (("horror",), ("family",), ("horror",))
    >>> catalog = Catalog(("1", "2", "3"), ("Alien", "Up", "Aliens"), {"genre": genres})
    >>> similar(catalog, "alien", count=1)
    (0, [(2, 1.0, ('genre: horror',))])
    """
    row = catalog.find(item)
    vectors, names = attribute_vectors(catalog, attributes=attributes)
    if vectors[row].nnz == 0:
        raise ValueError(f"{catalog.names[row]} has no attributes to compare")
    require_positive("similar", count=count)
    close, rows = similarity.top_k(vectors[row], min(count + 1, len(catalog.ids)), vectors)
    shared = shared_attributes(vectors, names)
    pairs = zip(np.asarray(rows)[0].tolist(), np.asarray(close)[0].tolist(), strict=True)
    found = [(other, near, shared(row, other)) for other, near in pairs if other != row and near > 0]
    return row, found[:count]


def shared_attributes(vectors: Any, names: tuple[str, ...]) -> Callable[[int, int], tuple[str, ...]]:
    """A function of two rows of CSR vectors: at most three attributes that they share, the weightiest first.

    Of equally weighty ones, as all attributes with one value are, the rarest comes first.
    """
    counts = np.bincount(vectors.indices, minlength=len(names))

    def shared(a: int, b: int) -> tuple[str, ...]:
        products = vectors[a].multiply(vectors[b]).tocoo()
        order = np.lexsort((counts[products.col], -products.data.round(9)))[:_SHARED]
        return tuple(names[products.col[i]] for i in order)

    return shared


def plane(vectors: Any) -> np.ndarray:
    """Coordinates [N, 2] of rows [N, D] on their first two principal components; each with its largest entry positive.

    >>> plane(np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0]]))[:, 0].round(2).tolist()
    [-2.83, 0.0, 2.83]
    """
    centered = np.asarray(vectors, np.float64) - np.asarray(vectors, np.float64).mean(0)
    _, directions = np.linalg.eigh(centered.T @ centered)
    points = centered @ directions[:, ::-1][:, :2]  # eigh sorts upwards
    signs = np.sign(directions[:, ::-1][np.abs(directions[:, ::-1]).argmax(0), np.arange(len(directions))][:2])
    return points * signs


def groups(catalog: Catalog) -> tuple[np.ndarray, tuple[str, ...]]:
    """A group for each row, by the first value of its first attribute: the seven most frequent and "other"."""
    values = next(iter(catalog.attributes.values()))
    firsts = [row[0] if row else "other" for row in values]
    names = [name for name, _ in Counter(firsts).most_common(_GROUPS + 1) if name != "other"][:_GROUPS]
    place = {name: i for i, name in enumerate(names)}
    return np.array([place.get(first, len(names)) for first in firsts]), (*names, "other")


def draw(catalog: Catalog, marked: Sequence[int] = ()) -> Any:
    """All items of a catalog by their attributes, in the colors of their groups, the marked ones with their names."""
    vectors, _ = attribute_vectors(catalog, alike=False)  # else the few values of one attribute are islands
    frequent = np.argsort(-np.asarray((vectors != 0).sum(0)).ravel(), kind="stable")[:_COLUMNS]
    points = plane(vectors[:, frequent].toarray())
    return figure(points, *groups(catalog), {row: catalog.names[row] for row in marked})


def figure(points: np.ndarray, labels: np.ndarray, group_names: Sequence[str], titles: dict[int, str]) -> Any:
    """Points [N, 2] in the colors of their groups; `titles` are written at their rows."""
    title = f"{len(points):,} items by their first two principal components"
    drawn = pictures.scatter(points, labels, group_names, title=title, legend=True)
    ax = drawn.axes[0]
    ax.collections[-1].set_zorder(0)  # the others, behind
    low, high, middle = points[:, 1].min(), points[:, 1].max(), points[:, 0].mean() + points[:, 0].std()
    heights: list[float] = []
    for row in sorted(titles, key=lambda row: points[row, 1]):  # upwards, each title above the one before
        heights.append(max([points[row, 1], *(height + 0.03 * (high - low) for height in heights[-1:])]))
        ax.plot(*points[row], "o", color="black", markersize=4)
        box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.8}
        line = {"arrowstyle": "-", "linewidth": 0.5}
        left = points[row, 0] > middle  # where there is room
        place = (points[row, 0] + (-0.02 if left else 0.02) * np.ptp(points[:, 0]), heights[-1])
        side = {"ha": "right" if left else "left", "va": "center"}
        ax.annotate(titles[row], points[row], xytext=place, fontsize=7, bbox=box, arrowprops=line, **side)
    return drawn
