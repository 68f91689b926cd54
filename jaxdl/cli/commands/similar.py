"""`jaxdl similar`: the items of a catalog with the most similar attributes, and the map of all items."""

from dataclasses import dataclass
from pathlib import Path

from jaxdl.cli.arguments import UsageError, parse
from jaxdl.cli.compilation import use_compilation_cache

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
        encoding: of the file, such as cp949; UTF-8, else Latin-1 by default.
    """

    items: Path | None = None
    item: str = ""
    count: int = 10
    by: tuple[str, ...] = ()
    map: Path | None = None
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
    from jaxdl.data.catalogs import films, read_catalog

    catalog = read_catalog(options.items, encoding=options.encoding) if options.items else films()
    row, found = similar(catalog, options.item, count=options.count, attributes=options.by)
    print(catalog.names[row])
    width = max((len(catalog.names[other]) for other, _, _ in found), default=0)
    for place, (other, near, shared) in enumerate(found, 1):
        print(f"{place:>3}  {near:.3f}  {catalog.names[other]:<{width}}  {', '.join(shared)}")
    if options.map is not None:
        from jaxdl.artifacts.files import write

        figure = draw(catalog, (row, *(other for other, _, _ in found)))
        write(options.map, lambda path: figure.savefig(path, dpi=120))
        print(f"map of {len(catalog.ids):,} items: {options.map}")
    return 0
