"""`jaxdl recommend`: what one user may like, from a file of everybody's ratings or visits."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxdl.cli.arguments import UsageError, parse
from jaxdl.cli.compilation import use_compilation_cache

HELP = """recommend --ratings FILE --user U [--count N] [--method user|item|content|factor] [--because]
                 what a user may like, from everybody's ratings or visits (MovieLens, MSWeb, any user,item,rating)"""


@dataclass(frozen=True)
class Options:
    """Whom to recommend what.

    Attributes:
        ratings: file of user,item,rating (or user,item: visits); MovieLens u.data, ratings.csv, ratings.dat; MSWeb.
        user: as the file calls them; or a row of --users without ratings, who is placed by their attributes.
        count: how many items.
        method: ask similar users, items that were rated alike, items with the same attributes, or a factorization.
        items: file with titles and attributes (u.item, movies.csv, any CSV with a header).
        users: file with the attributes of users (u.user, any CSV with a header).
        k: neighbors that count; 40 for ratings and all for visits by default.
        because: say why.
        malformed: stop at malformed lines, or skip and count them.
        encoding: of the files, such as cp949; UTF-8, else Latin-1 by default.
    """

    ratings: Path | None = None
    user: str = ""
    count: int = 10
    method: Literal["user", "item", "content", "factor"] = "item"
    items: Path | None = None
    users: Path | None = None
    k: int | None = None
    because: bool = False
    malformed: Literal["stop", "skip"] = "stop"
    encoding: str | None = None


def run(argv: list[str]) -> int:
    """Recommend and print; returns the exit code."""
    options: Options = parse(Options, argv, command="recommend", about=HELP)
    if options.ratings is None or not options.user:
        missing = "--ratings FILE" if options.ratings is None else "--user U"
        raise UsageError(f"{missing} is missing; usage: jaxdl {HELP.splitlines()[0]}")
    use_compilation_cache()
    from jaxdl.applications.recommend.recommendations import recommend
    from jaxdl.data.catalogs import is_dst, read_catalog
    from jaxdl.data.ratings import read_ratings

    ratings = read_ratings(options.ratings, malformed=options.malformed, encoding=options.encoding)
    for line in ratings.malformed[:3]:
        print(f"jaxdl: {options.ratings}: skipped {line}", file=sys.stderr)
    if n := len(ratings.malformed):
        print(f"jaxdl: {n} malformed line(s) skipped, {len(ratings.values):,} ratings read", file=sys.stderr)
    named = options.items or (options.ratings if is_dst(options.ratings) else None)  # such a file names its items
    items, users = (read_catalog(path, encoding=options.encoding) if path else None for path in (named, options.users))
    found = recommend(
        ratings,
        options.user,
        count=options.count,
        method=options.method,
        items=items,
        users=users,
        k=options.k,
    )
    if not found:
        print(f"nothing to recommend: nobody like user {options.user} has anything else")
    width = max((len(one.item) for one in found), default=0)
    for place, one in enumerate(found, 1):
        print(f"{place:>3}  {one.score:7.3f}  {one.item:<{width}}".rstrip())
        for reason in one.reasons if options.because else ():
            print(f"{'':14}{reason}")
    return 0
