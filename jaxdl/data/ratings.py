"""Ratings and visits of users: what they are, a generated set with known truth, and what is withheld for a test.

N ratings, U users, I items.
"""

import math
from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from jaxdl.data.catalogs import Catalog
from jaxdl.data.splits import split

Row = tuple[str, str, float | None]


class Ratings(NamedTuple):
    """Who rated what, and how much.

    Attributes:
        users: [N] int32, places in `user_names`.
        items: [N] int32, places in `item_names`.
        values: [N] float32 ratings; 1 for visits.
        user_names, item_names: as in the file, in the order in which they first occur.
        explicit: whether the values are ratings; False: visits, of which only that they happened counts.
        malformed: "line 7: ..." for every line that was left out.
        unrated: [M, 2] int32, the user and the item of what was seen but not rated (-1 in some files).
        notes: what the reader decided by itself and a user should know.
    """

    users: np.ndarray
    items: np.ndarray
    values: np.ndarray
    user_names: tuple[str, ...]
    item_names: tuple[str, ...]
    explicit: bool
    malformed: tuple[str, ...] = ()
    unrated: np.ndarray = np.zeros((0, 2), np.int32)
    notes: tuple[str, ...] = ()

    def sparse(self) -> Any:
        """The ratings as a scipy.sparse CSR matrix [U, I] float32; every stored entry is known, a rating of 0 too."""
        from scipy import sparse

        shape = len(self.user_names), len(self.item_names)
        return sparse.csr_matrix((self.values, (self.users, self.items)), shape=shape)

    def matrix(self) -> tuple[np.ndarray, np.ndarray]:
        """(values [U, I] float32 with 0 where unknown, known [U, I] bool). Raises ValueError beyond 2^28 entries."""
        shape = len(self.user_names), len(self.item_names)
        if math.prod(shape) > 1 << 28:
            raise ValueError(f"{shape[0]:,} users x {shape[1]:,} items are too many for a table of all pairs")
        values, known = np.zeros(shape, np.float32), np.zeros(shape, bool)
        values[self.users, self.items], known[self.users, self.items] = self.values, True
        return values, known

    def take(self, rows: np.ndarray) -> "Ratings":
        """The ratings at `rows`, with all users and items."""
        return self._replace(users=self.users[rows], items=self.items[rows], values=self.values[rows])


def from_rows(rows: Iterable[Row]) -> Ratings:
    """Ratings of (user, item, rating) rows; of visits where a rating is None. The later one of two counts.

    >>> ratings = from_rows([("Ann", "Alien", 4.0), ("Bob", "Alien", 2.0), ("Ann", "Alien", 5.0)])
    >>> ratings.user_names, ratings.values.tolist()
    (('Ann', 'Bob'), [5.0, 2.0])
    """
    return count_rows(rows)[0]


def count_rows(rows: Iterable[Row]) -> tuple[Ratings, int]:
    """The ratings, sorted by user and item, and the number of rows; 12 bytes each, so that millions fit."""
    user_numbers: dict[str, int] = {}
    item_numbers: dict[str, int] = {}
    users, items, values, explicit = array("i"), array("i"), array("f"), True
    for user, item, value in rows:
        users.append(user_numbers.setdefault(user, len(user_numbers)))
        items.append(item_numbers.setdefault(item, len(item_numbers)))
        values.append(1.0 if value is None else value)
        explicit = explicit and value is not None
    pairs = np.array(users, np.int64) * max(len(item_numbers), 1) + np.array(items, np.int64)
    last = len(pairs) - 1 - np.unique(pairs[::-1], return_index=True)[1]
    found = np.array(values, np.float32)[last] if explicit else np.ones(len(last), np.float32)
    by_user, by_item = (np.array(numbers, np.int32)[last] for numbers in (users, items))
    return Ratings(by_user, by_item, found, tuple(user_numbers), tuple(item_numbers), explicit), len(pairs)


class Generated(NamedTuple):
    """Ratings made from known factors: the noise-free rating of every pair [U, I], and what users and items are."""

    ratings: Ratings
    truth: np.ndarray
    users: Catalog
    items: Catalog


def generate(
    n_users: int = 300, n_items: int = 120, *, density: float = 0.25, noise: float = 0.4, seed: int = 0
) -> Generated:
    """A generated set with known truth: 4 factors, one for each occupation of users and genre of items.

        truth(u, i) = clip(3.3 + b_u + b_i + p_u . q_i, 0.5, 5),    rating = truth + noise * normal

    A user's occupation (and an item's genre) decides which factor is large on average, so attributes say something
    about taste, but not all. Every user has at least two ratings, half of them drawn from the popular items.

    >>> made = generate(20, 10)
    >>> made.truth.shape, made.items.names[0], made.items.attributes["genre"][0]
    ((20, 10), 'Film 1', ('drama',))
    """
    if n_users < 2 or n_items < 4 or not 0 < density <= 1 or noise < 0:
        raise ValueError(
            f"generate: at least 2 users, 4 items, a density in (0, 1] and noise >= 0 are needed, got "
            f"{n_users}, {n_items}, {density}, {noise}"
        )
    rng = np.random.default_rng(seed)
    occupations, genres = ("teacher", "artist", "engineer", "student"), ("drama", "comedy", "thriller", "fantasy")
    group, genre = rng.integers(4, size=n_users), rng.permutation(np.arange(n_items) % 4)
    p = 0.45 * rng.normal(size=(n_users, 4)) + 0.9 * (np.eye(4)[group] - 0.25)
    q = 0.45 * rng.normal(size=(n_items, 4)) + 0.9 * (np.eye(4)[genre] - 0.25)
    b_u, b_i = 0.3 * rng.normal(size=(n_users, 1)), 0.4 * rng.normal(size=(1, n_items))
    truth = np.clip(3.3 + b_u + b_i + p @ q.T, 0.5, 5).astype(np.float32)
    popularity = (1 + np.arange(n_items)) ** -0.7
    chance = np.minimum(1, density * n_items * popularity / popularity.sum())
    known = rng.random(truth.shape) < (chance / 2 + density / 2)[None, :]
    known[np.arange(n_users), rng.integers(n_items, size=n_users)] = True
    known[:, 0] = True
    users, items = (places.astype(np.int32) for places in np.nonzero(known))
    values = (truth[users, items] + noise * rng.normal(size=len(users))).astype(np.float32)
    user_names = tuple(f"user {i + 1}" for i in range(n_users))
    item_names = tuple(f"Film {i + 1}" for i in range(n_items))
    ratings = Ratings(users, items, values, user_names, item_names, explicit=True)
    people = Catalog(user_names, user_names, {"occupation": tuple((occupations[g],) for g in group)})
    films = Catalog(item_names, item_names, {"genre": tuple((genres[g],) for g in genre)})
    return Generated(ratings, truth, people, films)


def withhold(visits: np.ndarray, given: int | None, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Breese's protocols: of each user's visits [U, I], show `given` at random ("Given 2") and withhold the others.

    `None` is "All but 1": one visit is withheld. Users without any visit on either side are left out.

    Returns: (shown, withheld), [M, I] in the dtype of `visits`.
    Raises: ValueError if no user has enough visits.

    >>> shown, withheld = withhold(np.array([[1, 1, 1], [1, 0, 0]]), 2)
    >>> shown.sum().item(), (shown + withheld).tolist()
    (2, [[1, 1, 1]])
    """
    rng = np.random.default_rng(seed)
    order = rng.random(visits.shape)
    order[visits == 0] = 2.0
    rank = order.argsort(1).argsort(1)  # of a user's visits, in random order, before all others
    n = (visits > 0).sum(1)
    shown = n - 1 if given is None else np.full_like(n, given)
    keep = (n > shown) & (shown > 0)
    if not keep.any():
        raise ValueError(f"withhold: no user has more than {given or 1} visits")
    first = (rank < shown[:, None])[keep] & (visits[keep] > 0)
    return np.where(first, visits[keep], 0), np.where(first, 0, visits[keep])


def split_ratings(
    ratings: Ratings, *, validation: float, test: float, seed: int = 0
) -> tuple[Ratings, Ratings, Ratings]:
    """Divide the ratings (not the users) at random into training, validation and test part."""
    parts = split({"rows": np.arange(len(ratings.values))}, validation=validation, test=test, seed=seed)
    train, held, tested = (ratings.take(part.get("rows", np.zeros(0, np.int64))) for part in parts)
    return train, held, tested
