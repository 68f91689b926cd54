"""`jaxdl similar`: the items of a catalog with the most similar attributes, and the map of all items."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxdl.cli.arguments import UsageError, parse
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import notify, plain

HELP = """similar [--items FILE] --item NAME [--count N] [--by ATTRIBUTE ...] [--map FILE.png]
                 items with similar attributes: of a CSV or MovieLens file, or of 17,472 films (extra: films)"""


@dataclass(frozen=True)
class Options:
    """What to compare.

    Attributes:
        items: file with titles and attributes (u.item, movies.csv, any CSV with a header); the films of the package
            bokeh_sampledata by default.
        item: its title, a part of it that no other has, or its id.
        count: how many neighbors.
        by: the attributes that count, such as genre director; all by default.
        map: draw all items on a plane, the neighbors marked, into this file.
        malformed: stop at rows with too few fields, or skip and count them.
        encoding: of the file, such as cp949; UTF-8, else what the bytes look like by default.
    """

    items: Path | None = None
    item: str = ""
    count: int = 10
    by: tuple[str, ...] = ()
    map: Path | None = None
    malformed: Literal["stop", "skip"] = "stop"
    encoding: str | None = None


def run(argv: list[str]) -> int:
    """Compare and print; returns the exit code."""
    options: Options = parse(Options, argv, command="similar", about=HELP)
    if not options.item:
        raise UsageError(f"--item NAME is missing; usage: jaxdl {HELP.splitlines()[0]}")
    if options.map is not None and options.map.suffix not in (".png", ".svg", ".pdf"):
        raise UsageError(f"--map needs a name that ends in .png, .svg or .pdf, got {options.map}")
    use_compilation_cache()
    from jaxdl.applications.recommend.similar_items import draw, similar
    from jaxdl.cli.commands.recommend import say_read
    from jaxdl.data.catalog_files import films, read_catalog

    if options.items:
        catalog = read_catalog(options.items, encoding=options.encoding, malformed=options.malformed)
        say_read(options.items, catalog, f"{len(catalog.ids):,} rows read")
    else:
        catalog = films()
    row, found = similar(catalog, options.item, count=options.count, attributes=options.by)
    print(plain(catalog.label(row)))
    if not found:
        notify("no other item shares an attribute with it that not all have")
    width = max((len(catalog.label(other)) for other, _, _ in found), default=0)
    for place, (other, near, shared) in enumerate(found, 1):
        print(plain(f"{place:>3}  {near:.3f}  {catalog.label(other):<{width}}  {', '.join(shared)}"))
    if options.map is not None:
        from jaxdl.artifacts.files import write
        from jaxdl.artifacts.pictures import save

        figure = draw(catalog, (row, *(other for other, _, _ in found)))
        write(options.map, lambda path: save(figure, path))
        print(plain(f"map of {len(catalog.ids):,} items: {options.map}"))
    return 0
