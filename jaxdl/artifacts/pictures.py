"""Pictures of a run, as matplotlib figures (drawn without a screen)."""

import functools
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

BLUE, ORANGE, GRAY = "#2a6fbb", "#d9822b", "#8a8a8a"


def _empty_figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def subplots(n: int, columns: int, *, width: float, height: float) -> tuple[Any, list[Any]]:
    """A figure and its n axes in rows of at most `columns`, each `width` by `height` inches."""
    rows, columns = -(-n // columns), min(n, columns)
    figure = _empty_figure(width * columns, height * rows)
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(n)]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, list[Any]]:
    """Axes side by side in a figure that is `width` wide in all."""
    return subplots(columns, columns, width=width / columns, height=height)


def curves(
    history: Mapping[str, Sequence[float]], epochs: Sequence[int], levels: Mapping[str, float] | None = None
) -> Any:
    """Every score by epoch, training and validation ("val_...") in one panel per score, three panels in a row.

    `levels` are values that a score should come to: a dashed line across its panel.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for name in history if name not in ("seconds", "waiting")))
    figure, axes = subplots(len(names), 3, width=4.2, height=3.2)
    for ax, name in zip(axes, names, strict=True):
        if name in history:  # some scores are for the validation part alone
            ax.plot(epochs, history[name], color=BLUE, label="training", marker="." if len(epochs) < 40 else None)
        if f"val_{name}" in history:
            ax.plot(epochs, history[f"val_{name}"], color=ORANGE, label="validation")
        if levels and name in levels:
            ax.axhline(levels[name], color=GRAY, linestyle="--", label=f"equilibrium {levels[name]:.3g}")
        by_epoch(ax, name)
        ax.legend(frameon=False)
    return figure


def by_epoch(ax: Any, score: str) -> None:
    """What the panel of a score has around its curves; epochs are whole numbers."""
    ax.set_xlabel("epoch")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_title(score)
    ax.grid(alpha=0.25)


def lines(
    panels: Sequence[tuple[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]]], *, x_label: str, y_label: str
) -> Any:
    """Curves (x, y) by name, for each panel (title, curves); names keep their colors over the panels."""
    figure, axes = _figure(4.6 * len(panels), 3.4, len(panels))
    names = list(dict.fromkeys(name for _, curves in panels for name in curves))
    colors = dict(zip(names, [BLUE, ORANGE, GRAY, "#3a8f5c", "#8e5bb5"] * len(names), strict=False))
    for ax, (title, curves) in zip(axes, panels, strict=True):
        for name, (x, y) in curves.items():
            ax.plot(x, y, color=colors[name], label=name, marker=".")
        ax.set_xlabel(x_label)
        ax.set_title(title, fontsize=10)
        ax.grid(alpha=0.25)
    axes[0].set_ylabel(y_label)
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def confusion_matrix(counts: Any, class_names: Sequence[str]) -> Any:
    """Counts by true class (rows) and predicted class (columns); the color is the share of the true class."""
    counts = np.asarray(counts)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = max(3.2, 0.45 * len(counts) + 1.6)
    figure, (ax,) = _figure(side, side)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    places = range(len(counts))
    ax.set_xticks(places, class_names, rotation=45 if max(map(len, class_names)) > 2 else 0)
    ax.set_yticks(places, class_names)
    for row in places:
        for column in places:
            if counts[row, column]:
                color = "white" if share[row, column] > 0.5 else "black"
                ax.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", color=color, fontsize=8)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    ax.set_title(f"{np.trace(counts):.0f} of {counts.sum():.0f} right")
    return figure


def image_grid(images: Sequence[Any] | Any, titles: Sequence[str] = (), *, columns: int = 8, title: str = "") -> Any:
    """Images [H, W] or [H, W, C], of any sizes, side by side; gray ones scaled to their own range.

    Of channels that are no colors the mean is drawn.
    """
    rows = -(-len(images) // columns)
    figure = _empty_figure(1.15 * columns, (1.45 if titles else 1.15) * rows + (0.4 if title else 0))
    for i, image in enumerate(map(np.asarray, images)):
        ax = figure.add_subplot(rows, columns, i + 1)
        image = image if image.ndim == 2 or image.shape[2] in (3, 4) else image.mean(2)
        ax.imshow(image, cmap="gray" if image.ndim == 2 else None)
        ax.set_axis_off()
        if titles:
            ax.set_title(titles[i], fontsize=8)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def scatter(points: Any, labels: Any, class_names: Sequence[str], *, title: str = "", legend: bool = False) -> Any:
    """Points [N, 2] in the colors of their classes, with each class's name at its median (or in a legend beside)."""
    import matplotlib

    points, labels = np.asarray(points), np.asarray(labels)
    figure, (ax,) = _figure(6.4, 6.0)
    palette = matplotlib.colormaps["tab10" if len(class_names) <= 10 else "tab20"]
    for k, name in enumerate(class_names):
        members = points[labels == k]
        ax.scatter(members[:, 0], members[:, 1], s=9, color=palette(k), alpha=0.6, linewidths=0, label=name)
        if len(members) and not legend:
            box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": palette(k)}
            ax.text(*np.median(members, 0), name, ha="center", va="center", bbox=box)
    if legend:
        ax.legend(frameon=False, markerscale=2, loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.set_title(title)
    return figure


def sheet(images: Any, *, columns: int) -> np.ndarray:
    """Images [N, H, W] or [N, H, W, C] in [0, 1], row by row with a gray pixel between them, as one image.

    >>> sheet(np.zeros((3, 2, 2, 1)), columns=2).shape
    (7, 7)
    """
    images = np.asarray(images, np.float64)
    images = images[..., 0] if images.ndim == 4 and images.shape[3] == 1 else images
    n, h, w, *channels = images.shape
    rows = -(-n // columns)
    image = np.full((rows * (h + 1) + 1, columns * (w + 1) + 1, *channels), 0.5)
    for i in range(n):
        top, left = 1 + i // columns * (h + 1), 1 + i % columns * (w + 1)
        image[top : top + h, left : left + w] = images[i]
    return image


def image_figure(image: Any, *, title: str = "") -> Any:
    """One image [H, W] or [H, W, 3] in [0, 1], such as a `sheet`, as a figure of its proportions."""
    image = np.asarray(image)
    figure, (ax,) = _figure(7.2, 7.2 * image.shape[0] / image.shape[1] + (0.4 if title else 0))
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title, fontsize=11)
    return figure


def save_image(path: Path, image: Any) -> None:
    """Write an image [H, W] or [H, W, 3] with values in [0, 1] as it is, a pixel a value; small ones enlarged."""
    from PIL import Image

    pixels = Image.fromarray((np.clip(np.asarray(image, np.float64), 0, 1) * 255).round().astype(np.uint8))
    times = max(1, 512 // max(pixels.size))
    pixels.resize((pixels.width * times, pixels.height * times), Image.Resampling.NEAREST).save(path)


def animate(frames: Sequence[Path], path: Path, *, seconds: float = 6.0) -> None:
    """Write images of one size as a GIF that lasts some seconds and stays a while on the last one."""
    from PIL import Image

    images = []
    for frame in frames:
        with Image.open(frame) as image:
            images.append(image.convert("P"))
    durations = [max(40, int(1000 * seconds / len(images)))] * (len(images) - 1) + [1500]
    images[0].save(path, format="GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)


def attention_maps(
    panels: Sequence[tuple[Any, Sequence[str], Sequence[str]]], *, titles: Sequence[str] = (), columns: int = 1
) -> Any:
    """Attention weights, dark where a written token (row) reads a token of the source (column).

    Args:
        panels: of (weights [T, S], T written tokens, S source tokens), row by row.
        titles: of the first panels, such as the layers above each column.
        columns: panels in a row.
    """
    fonts = _fonts("".join(token for _, rows, read in panels for token in (*rows, *read)))
    rows = -(-len(panels) // columns)
    wide, high = (max(len(panel[axis]) for panel in panels) for axis in (2, 1))
    figure = _empty_figure(columns * (0.17 * wide + 0.9), rows * (0.19 * high + 0.9))
    for i, (weights, written, read) in enumerate(panels):
        ax = figure.add_subplot(rows, columns, i + 1)
        ax.imshow(np.asarray(weights, np.float64), cmap="Blues", vmin=0, vmax=1)
        drawn = _drawable(read, fonts)
        turned = 90 if max(map(len, drawn)) > 1 else 0
        ax.set_xticks(range(len(read)), drawn, fontsize=8, fontfamily=fonts, rotation=turned)
        ax.set_yticks(range(len(written)), _drawable(written, fonts), fontsize=8, fontfamily=fonts)
        ax.tick_params(length=0, labeltop=True, labelbottom=False)
        if i < len(titles):
            ax.set_title(titles[i], fontsize=9)
    return figure


_SCRIPTS = ("Noto Sans CJK KR", "Noto Sans CJK JP", "NanumGothic", "Malgun Gothic", "AppleGothic", "WenQuanYi Zen Hei")


def save(figure: Any, path: Path) -> None:
    """Write a figure: each of its texts in fonts of this machine that have its letters, whatever script they are of.

    Letters that no font here has are written as their code points, such as D55C.
    """
    foreign = [text for text in _texts(figure) if not text.get_text().isascii()]
    if foreign:
        fonts = _fonts("".join(text.get_text() for text in foreign))
        known = set().union(*(_glyphs(font) for font in fonts)) | {ord("\n")}
        for text in foreign:
            text.set_fontfamily(fonts)
        rewrite(figure, lambda text: "".join(c if ord(c) in known else f"{ord(c):04X}" for c in text))
    figure.savefig(path, dpi=120)


def rewrite(figure: Any, change: Callable[[str], str]) -> None:
    """Put `change(text)` in place of every text of a figure, also of the names at its ticks."""
    for axis in _scales(figure):
        named = [tick.get_text() for tick in axis.get_ticklabels()]
        changed = [change(name) for name in named]
        if changed != named:
            axis.set_ticks(axis.get_majorticklocs(), changed)
    for text in _texts(figure):
        text.set_text(change(text.get_text()))


def _scales(figure: Any) -> list[Any]:
    """The axes' axis objects, which own the names at the ticks."""
    return [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]


def _texts(figure: Any) -> list[Any]:
    """Every text of a figure; those at the ticks are not written before they are asked for."""
    from matplotlib.text import Text

    for axis in _scales(figure):
        axis.get_ticklabels()
    return figure.findobj(Text)


def _fonts(text: str) -> list[str]:
    """matplotlib's standard font, and after it those on this machine that draw scripts which it has not."""
    from matplotlib import font_manager

    standard = ["DejaVu Sans"]
    if not any(ord(c) not in _glyphs(standard[0]) for c in text):
        return standard
    _add_shipped_fonts()
    here = set(font_manager.get_font_names())
    return standard + [name for name in _SCRIPTS if name in here]


@functools.cache
def _add_shipped_fonts() -> None:
    """Make known to matplotlib the Korean font that the package koreanize-matplotlib ships."""
    from matplotlib import font_manager

    package = importlib.util.find_spec("koreanize_matplotlib")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for path in Path(folder).glob("fonts/NanumGothic.ttf"):
            font_manager.fontManager.addfont(path)


def _glyphs(font: str) -> Any:
    from matplotlib import font_manager

    return font_manager.get_font(font_manager.findfont(font)).get_charmap()


def _drawable(tokens: Sequence[str], fonts: Sequence[str]) -> list[str]:
    """The tokens; letters that no font has by their code points, such as D55C, and no formulas out of dollar signs."""
    known = set().union(*(_glyphs(font) for font in fonts))
    drawn = ("".join(c if ord(c) in known else f"{ord(c):04X}" for c in token) for token in tokens)
    return [token.replace("$", r"\$") for token in drawn]
