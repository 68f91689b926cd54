"""Dates as people write them in many languages, and the same in ISO 8601: an endless data set, made by Babel.

    "samedi 21 novembre 2026", "2026년 11월 21일 토요일", "Sat, Nov 21, 2026"  ->  "2026-11-21"

Formats whose meaning depends on who reads them (3/4/26) are left out: every string here has one right answer.
"""

import datetime
from typing import Literal, TypeAlias

import numpy as np

from jaxdl.data.arrays import Arrays
from jaxdl.validation import require_name

Part: TypeAlias = Literal["train", "validation", "test"]

LOCALES = (
    *("en_US", "en_GB", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "is", "pl", "cs", "sk", "hu", "ro"),
    *("hr", "sl", "lt", "lv", "et", "tr", "ru", "uk", "bg", "el", "ko", "ja", "zh", "vi", "id", "ms", "sw", "ca"),
)
FORMATS = ("medium", "long", "full")
FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)

_PARTS = {"test": (0,), "validation": (1,), "train": tuple(range(2, 10))}


def write(date: datetime.date, locale: str, length: str) -> str:
    """A date in a locale's "medium", "long" or "full" format (CLDR's).

    >>> import datetime
    >>> write(datetime.date(2026, 11, 21), "ko", "full"), write(datetime.date(2026, 11, 21), "de", "long")
    ('2026년 11월 21일 토요일', '21. November 2026')
    """
    from babel.dates import format_date  # Babel reads a locale's file when it is first asked for

    text = format_date(date, format=length, locale=locale)
    return " ".join(text.split())  # some locales write narrow and no-break spaces


def draw_dates(n: int, *, seed: int = 0, part: Part = "train", locales: tuple[str, ...] = LOCALES) -> Arrays:
    """Draw dates from 1900 to 2099, a locale and a format for each, all uniformly.

    A date's part is fixed by its day number: eight of ten days are for training, one for validation, one for the
    test. So however many are drawn with whatever seeds, the parts share no date.

    Args:
        n: how many.
        seed: the same seed gives the same examples.
        part: whose days.
        locales: of CLDR, such as "ko" or "en_GB".
    Returns: {"x": [n] written dates, "y": [n] ISO dates}, arrays of objects (strings).
    Raises: ValueError for an unknown part or locale.

    >>> draw_dates(1, seed=1)["y"][0][:2] in ("19", "20")
    True
    """
    from babel.core import UnknownLocaleError

    require_name("draw_dates", "part", part, _PARTS)
    rng = np.random.default_rng([seed, list(_PARTS).index(part)])
    last_digits, first = np.array(_PARTS[part]), FIRST.toordinal()
    decades = (LAST.toordinal() - first + 1) // 10  # of days
    days = first + 10 * rng.integers(decades, size=n) + last_digits[rng.integers(len(last_digits), size=n)]
    places, formats = rng.integers(len(locales), size=n), rng.integers(len(FORMATS), size=n)
    x, y = np.empty(n, object), np.empty(n, object)
    for i, (day, place, form) in enumerate(zip(days.tolist(), places.tolist(), formats.tolist(), strict=True)):
        date = datetime.date.fromordinal(day)
        try:
            x[i], y[i] = write(date, locales[place], FORMATS[form]), date.isoformat()
        except (UnknownLocaleError, ValueError) as error:
            raise ValueError(f"draw_dates: Babel does not know the locale {locales[place]!r}") from error
    return {"x": x, "y": y}


def characters(locales: tuple[str, ...] = LOCALES) -> str:
    """Every character that these locales' dates are written with, in the order of code points.

    >>> "토" in characters(("ko",))
    True
    """
    days = [datetime.date(2026, month, day) for month in range(1, 13) for day in range(1, 8)]
    texts = (write(day, locale, length) for day in days for locale in locales for length in FORMATS)
    return "".join(sorted(set("".join(texts)) | set("0123456789")))
