"""A report of runs as one HTML file that needs nothing but itself: tables, curves to point at and to zoom, pictures.

What stands in `report_page/` is put together here: a template in which every text is escaped, a style sheet, two
scripts, and the numbers as JSON. The page's own policy lets a browser run that script and no other, and load nothing.
"""

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).parent / "report_page"
GENERATOR = '<meta name="generator" content="jaxdl report">'
_DIGITS = 7  # of a number in a curve


class Row(NamedTuple):
    """A line of a table: its name and a cell for each further column; `differs` lets it stand out."""

    name: str
    cells: Sequence[str]
    differs: bool = False


class Table(NamedTuple):
    """A table. `runs`: its further columns are runs; `titled`: the caption stands above; `folded`: to be opened."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Row]
    runs: bool = False
    titled: bool = False
    folded: bool = False


class Series(NamedTuple):
    """A curve: of which run, its name, color and dash, one value for each epoch of the run (None is a gap)."""

    run: int
    label: str
    color: int
    dashed: bool
    y: Sequence[float | None]


class Chart(NamedTuple):
    """Curves in a panel. `section`: the id of its `Part`; `level`: a value that they should come to, or None."""

    section: str
    title: str
    series: Sequence[Series]
    level: float | None = None


class Axes(NamedTuple):
    """A run's horizontal axes: a value for each epoch, or None where it is not known."""

    name: str
    epoch: Sequence[int]
    step: Sequence[int] | None
    seconds: Sequence[float] | None


class Picture(NamedTuple):
    """A picture of a run, embedded."""

    run: int
    title: str
    uri: str
    width: int
    height: int


class Tile(NamedTuple):
    """A figure to see first: its name, value and a remark."""

    name: str
    value: str
    note: str = ""


class Part(NamedTuple):
    """A section of the page: charts, then notes, tables and pictures."""

    id: str
    title: str
    charts: bool = False
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()


class Report(NamedTuple):
    """All that stands on the page, as plain text and numbers."""

    title: str
    about: str
    version: str
    tiles: Sequence[Tile]
    problems: Sequence[str]
    parts: Sequence[Part]
    charts: Sequence[Chart]
    axes: Sequence[Axes]


def page(report: Report) -> str:
    """The HTML of a report.

    >>> text = page(Report("<b>", "", "1", [], [], [Part("options", "Options", notes=["a & b"])], [], []))
    >>> "<title>&lt;b&gt;</title>" in text, "<p>a &amp; b</p>" in text
    (True, True)
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    style, script = (_source(*names) for names in (("page.css",), ("charts.js", "page.js")))
    policy = f"default-src 'none'; img-src data:; style-src {_allowed(style)}; script-src {_allowed(script)}"
    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html").render(
        report=_shown(report),
        policy=policy,
        style=Markup(style),
        script=Markup(script),
        data=Markup(_data(report)),
    )


def _shown(report: Report) -> dict[str, Any]:
    """The report as the template wants it."""
    charts = [{"index": i, "section": chart.section, "title": chart.title} for i, chart in enumerate(report.charts)]
    contents = [(part.id, part.title) for part in report.parts]
    return report._asdict() | {"charts": charts, "contents": contents, "several": len(report.axes) > 1}


def _data(report: Report) -> str:
    """Curves and axes as JSON that may stand inside a script element: no "<" or "&" in it, no NaN, few digits."""
    charts = [
        {"index": i, "level": _finite(chart.level), "series": [series._asdict() for series in chart.series]}
        for i, chart in enumerate(report.charts)
    ]
    for chart in charts:
        for series in chart["series"]:
            series["y"] = [_finite(y) for y in series["y"]]
    runs = [axes._asdict() | {"seconds": axes.seconds and [_finite(s) for s in axes.seconds]} for axes in report.axes]
    text = json.dumps({"runs": runs, "charts": charts}, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite(value: float | None) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if value is not None and math.isfinite(value) else None


def _source(*names: str) -> str:
    return "\n".join((PAGE / name).read_text(encoding="utf-8") for name in names)


def _allowed(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def embedded(path: Path, *, run: int, title: str) -> Picture:
    """A PNG, JPEG or GIF as a data URI. Raises ValueError if it is damaged or no picture."""
    from PIL import Image, UnidentifiedImageError

    content = path.read_bytes()
    try:
        with Image.open(path) as image:
            kind, (width, height) = image.format, image.size
            image.verify()
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path.name} is damaged: {error}".replace(str(path), path.name)) from None
    if kind not in ("PNG", "JPEG", "GIF"):
        raise ValueError(f"{path.name} is a {kind} file, not what its name says")
    return Picture(run, title, f"data:image/{kind.lower()};base64,{base64.b64encode(content).decode()}", width, height)
