"""`jaxdl recommend`: what one user may like, from a file of everybody's ratings or visits."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jaxdl.cli.arguments import UsageError, parse
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import notify, plain

if TYPE_CHECKING:
    from jaxdl.data.catalogs import Catalog
    from jaxdl.data.ratings import Ratings

HELP = """recommend --ratings FILE --user U [--count N] [--method ease|item|user|factor|content|popular] [--because]
                 what a user may like, from everybody's ratings or visits (MovieLens, MSWeb, any user,item,rating)"""


@dataclass(frozen=True)
class Options:
    """Whom to recommend what.

    Attributes:
        ratings: file of user,item,rating (or user,item: visits); MovieLens u.data, ratings.csv, ratings.dat; MSWeb.
        user: as the file calls them; or a row of --users without ratings, who is placed by their attributes.
        count: how many items.
        method: ease (the best lists), items liked by the same users, similar users, a factorization, items with the
            same attributes, or what is popular.
        items: file with titles and attributes (u.item, movies.csv, any CSV with a header).
        users: file with the attributes of users (u.user, any CSV with a header).
        k: neighbors that count (user, item, content).
        scale: of the ratings, such as 1-5; from the lowest to the highest of the file by default.
        candidates: file with the ids or titles of the only items to choose from, one a line.
        include_seen: rank what the user knows too.
        because: say why.
        columns: of the ratings, where their names say too little: user=NAME,item=NAME,rating=NAME (or numbers from 1).
        sep: separator of the ratings (";", tab, space); found by default.
        unrated: the number that means seen, not rated; "none" for no such number.
        malformed: stop at malformed lines, or skip and count them.
        encoding: of the files, such as cp949; UTF-8, else what the bytes look like by default.
    """

    ratings: Path | None = None
    user: str = ""
    count: int = 10
    method: Literal["ease", "item", "user", "factor", "content", "popular"] = "ease"
    items: Path | None = None
    users: Path | None = None
    k: int | None = None
    scale: str | None = None
    candidates: Path | None = None
    include_seen: bool = False
    because: bool = False
    columns: str | None = None
    sep: str | None = None
    unrated: str | None = None
    malformed: Literal["stop", "skip"] = "stop"
    encoding: str | None = None


def run(argv: list[str]) -> int:
    """Recommend and print; returns the exit code."""
    options: Options = parse(Options, argv, command="recommend", about=HELP)
    if options.ratings is None or not options.user:
        missing = "--ratings FILE" if options.ratings is None else "--user U"
        raise UsageError(f"{missing} is missing; usage: jaxdl {HELP.splitlines()[0]}")
    use_compilation_cache()
    from jaxdl.applications.recommend.recommendations import recommend, unknown_candidates
    from jaxdl.data.catalog_files import is_dst
    from jaxdl.data.rating_files import read_ratings

    ratings = read_ratings(
        options.ratings,
        malformed=options.malformed,
        encoding=options.encoding,
        sep=options.sep,
        columns=_columns(options.columns),
        unrated=options.unrated,
    )
    say_read(options.ratings, ratings, f"{len(ratings.values):,} ratings read")
    named = options.items or (options.ratings if is_dst(options.ratings) else None)  # such a file names its items
    items, users = (_catalog(path, options) for path in (named, options.users))
    candidates = _candidates(options)
    found = recommend(
        ratings,
        options.user,
        count=options.count,
        method=options.method,
        items=items,
        users=users,
        k=options.k,
        scale=_scale(options.scale),
        candidates=candidates,
        include_seen=options.include_seen,
    )
    if candidates and (unknown := unknown_candidates(ratings, items, candidates)):
        notify(f"{len(unknown)} of {len(candidates)} candidates are no items of the ratings, such as {unknown[0]!r}")
    if options.method != "popular" and found and all(one.popular for one in found):
        notify(f"nothing tells what user {options.user} likes: these are the popular items")
    if not found:
        notify(f"nothing to recommend: user {options.user} knows all items")
    width = max((len(one.item) for one in found), default=0)
    for place, one in enumerate(found, 1):
        number = one.score if one.rating is None else one.rating
        print(plain(f"{place:>3}  {number:7.3f}  {one.item:<{width}}".rstrip()))
        for reason in one.reasons if options.because else ():
            print(plain(f"{'':14}{reason}"))
    return 0


def say_read(path: Path, table: "Catalog | Ratings", read: str) -> None:
    """The first three malformed lines, how many there are, and what the reader decided by itself."""
    for line in table.malformed[:3]:
        notify(f"{path}: skipped {line}")
    if table.malformed:
        notify(f"{len(table.malformed)} malformed line(s) skipped, {read}")
    for note in table.notes:
        notify(note)


def _catalog(path: Path | None, options: Options) -> "Catalog | None":
    from jaxdl.data.catalog_files import read_catalog

    if path is None:
        return None
    catalog = read_catalog(path, encoding=options.encoding, malformed=options.malformed)
    say_read(path, catalog, f"{len(catalog.ids):,} rows read")
    return catalog


def _columns(text: str | None) -> dict[str, str] | None:
    """{"user": name, ...} of "user=name,item=name"."""
    if text is None:
        return None
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(equals and name.strip() for _, equals, name in pairs):
        raise UsageError(f"--columns needs user=NAME,item=NAME,rating=NAME, got {text!r}")
    return {role.strip().lower(): name.strip() for role, _, name in pairs}


def _scale(text: str | None) -> tuple[float, float] | None:
    """The lowest and the highest rating of "1-5", "0.5-5" or "-10-10"."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*(-?[\d.]+)\s*-\s*(-?[\d.]+)\s*", text)
    if not found:
        raise UsageError(f"--scale needs the lowest and the highest rating, such as 1-5, got {text!r}")
    return float(found[1]), float(found[2])


def _candidates(options: Options) -> list[str] | None:
    """The lines of the file of candidates."""
    if options.candidates is None:
        return None
    from jaxdl.data.text_files import lines, read_text

    text = read_text(options.candidates, encoding=options.encoding, notes=[])
    return [line for line in lines(text) if line.strip()]
