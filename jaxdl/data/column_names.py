"""What columns are called in people's tables: a word for a user or an item, and an ending such as id, name, 번호.

Names are compared without case, spaces and signs, and without what stands in brackets: `User-ID` and `user_id` are one,
and 별점(5점) is 별점.
"""

import re
import unicodedata
from collections.abc import Iterable

_IDS = ("id", "", "code", "no", "num", "number", "key", "identifier", "아이디", "코드", "번호")
_NAMES = ("name", "title", "명", "이름", "제목")
_USER = tuple(
    "user uid reviewer customer member account person client viewer rater visitor steam nick "  # noqa: SIM905
    "사용자 유저 회원 고객 이용자 구매자 작성자".split()
)
_ITEM = tuple(
    "item iid movie film product parentasin asin book isbn artist song track album anime game app business place "  # noqa: SIM905
    "restaurant recipe joke course article show sku 영화 상품 제품 책 도서 아이템 작품 음악 노래 곡 게임 강의 식당 "
    "장소".split()
)
_RATING = ("rating", "ratings", "score", "scores", "stars", "star", "overall", "value", "rate", "grade")
_RATING += ("평점", "별점", "점수", "평가", "등급")
_OF_MANY = re.compile(
    r"(?:n|num|number|count|avg|average|mean|total|helpful|평균)(?:of)?(?:rating|score|star|평점|별점)"
)


def normalized(name: str) -> str:
    """A column's name as it is compared.

    >>> normalized("Book-Rating"), normalized("사용자 ID"), normalized("별점 (1-5)")
    ('bookrating', '사용자id', '별점')
    """
    letters = (letter for letter in unicodedata.normalize("NFC", name).casefold() if letter.isalnum())
    bare = re.sub(r"\s*[(\[{].*", "", name)
    return normalized(bare) if bare.strip() and bare != name else "".join(letters)


def _called(stems: Iterable[str], endings: Iterable[str]) -> tuple[str, ...]:
    """Every stem with every ending, the first endings first."""
    return tuple(f"{stem}{ending}" for ending in endings for stem in stems)


USERS = (*_called(_USER, (*_IDS, *_NAMES)), "아이디", "닉네임", "name", "이름", "성명")
ITEMS = (*_called(_ITEM, (*_IDS, *_NAMES)), "제목", "title", "name")
IDS = ("id", *_called((*_ITEM, *_USER), tuple(ending for ending in _IDS if ending)), "item", "user")
NUMBERS = ("isbn", "isbn13", "isbn10", "asin", "parentasin", "sku", "ean", "upc", "gtin", "barcode", "번호", "코드")
TITLES = ("title", "name", "제목", "이름", *_called(_ITEM, _NAMES), "originaltitle")
TITLES += tuple(word for word in _ITEM if word not in (*NUMBERS, "item", "iid"))


def is_rating(name: str) -> bool:
    """Whether a normalized name is that of one person's rating: rating, myrating, 평가점수; no numbers of ratings.

    >>> [is_rating(name) for name in ("rating", "bookrating", "userscore", "numratings", "time")]
    [True, True, True, False, False]
    """
    return name in _RATING or (
        name.endswith(tuple(word for word in _RATING if word not in ("value", "rate", "grade")))
        and not _OF_MANY.match(name)
    )


def rating_place(names: list[str]) -> int:
    """The place of the rating among normalized names, one that says nothing else first; -1 for none."""
    exact = [names.index(word) for word in _RATING if word in names]
    return next(iter([*exact, *(place for place, name in enumerate(names) if is_rating(name))]), -1)
