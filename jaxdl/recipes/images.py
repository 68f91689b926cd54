"""Images of your own (--data FOLDER, a folder in it for each class) with a small convolutional network.

jaxdl train images
"""

import dataclasses
import json
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from jaxdl import models
from jaxdl.artifacts import files
from jaxdl.data import splits
from jaxdl.data.array_files import is_array_folder, map_arrays
from jaxdl.data.arrays import Arrays
from jaxdl.data.image_files import Listing, list_images, looks, map_images, parts_of, read_images
from jaxdl.data.splits import Splits
from jaxdl.models import cnn
from jaxdl.recipes import _shapes
from jaxdl.tasks import options, supervised, vision
from jaxdl.training import Task
from jaxdl.validation import require_not_negative, require_positive, require_rate

FILE = "images.json"

_SIDE = 32  # of images whose sizes differ
_LARGEST = 64  # images of one size are kept as they are up to this side


@dataclasses.dataclass(frozen=True)
class Config(supervised.ImageConfig):
    """The options of a run on images.

    Attributes:
        data: a folder with a folder of images for each class, or with x.npy ([N, H, W] or [N, H, W, C] bytes) and y.npy
            ([N] classes from 0), or with folders "train" and "test" of such; without one, drawn circles, squares and
            triangles.
        stream: bring the images to the network from the disk, some at a time, as those of x.npy that are larger than
            half of the memory are anyway; image files are first brought together in one file of the user's cache.
        side: height and width to which images are resized; 0 keeps those of one size up to 64 pixels, else 32.
        colors: "auto" is gray where all images are.
        test: share of the images for the test part, where the folder has no part for it.
        channels: output channels of each convolution; a 2x2 pooling follows each.
        widths: units of each hidden dense layer.
        dropout: rate in front of each dense layer.
    """

    data: str = ""
    stream: bool = False
    side: int = 0
    colors: Literal["auto", "gray", "color"] = "auto"
    test: float = 0.2
    channels: tuple[int, ...] = (16, 32, 32)
    widths: tuple[int, ...] = (64,)
    dropout: float = 0.2
    epochs: int = 20
    batch_size: int | None = 16
    learning_rate: float = 2e-3
    schedule: supervised.Schedule = "cosine"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_rate("train", test=self.test)
        require_not_negative("train", side=self.side)
        require_positive("train", channels=self.channels, widths=self.widths, test=self.test)
        options.resolve(self, "data")


def task(config: Config) -> Task:
    """The images, 70 % to train on, 10 % for validation, 20 % to test; stratified by classes."""
    if not config.data:
        x, y = _shapes.images()
        parts = splits.split(
            {"x": x, "y": y}, validation=config.validation, test=config.test, stratify="y", seed=config.seed
        )
        notes = [f"{len(y)} drawn images of {', '.join(_shapes.CLASSES)}, 24 x 24"]
        return _task(config, parts, _shapes.CLASSES)._replace(notes=notes)
    folder = Path(config.data)
    official = parts_of(folder)
    if is_array_folder(official.get("train", folder)):
        return _of_arrays(config, {name: _map_of(path) for name, path in (official or {"all": folder}).items()})
    listings = {name: list_images(path) for name, path in official.items()} or {"all": list_images(folder)}
    first = listings.get("train") or listings["all"]
    shape, notes = _shape(config, [path for listing in listings.values() for path in listing.paths], folder.name)
    left_out = sum(listing.left_out for listing in listings.values())
    notes += [f"{left_out} other files are left out"] * bool(left_out)
    counts = np.bincount(first.labels, minlength=len(first.classes))
    notes += [", ".join(f"{name}: {n}" for name, n in zip(first.classes, counts, strict=True))]
    return _task(config, _split(config, listings, first, shape), first.classes)._replace(notes=notes)


def restore(config: Config, folder: Path) -> Task:
    """The task of a finished run without its images: what predicts."""
    classes, shape = files.read(folder / FILE, _loads)
    one = {"x": np.zeros((1, *shape), np.uint8), "y": np.zeros(1, np.int32)}  # no example: its shapes
    built = _task(options.without_batches(config), Splits(one, {}, {}), classes)
    return built._replace(data=Splits({}, {}, {}), pictures={})


def _loads(stored: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of the classes and shape of an image in images.json."""
    values = json.loads(stored)
    return tuple(map(str, values["classes"])), tuple(map(int, values["shape"]))


def _shape(config: Config, paths: Sequence[Path], name: str) -> tuple[tuple[int, ...], list[str]]:
    """(H, W, C) of what the network sees, and lines that say so."""
    sizes, color = looks(paths)
    color = color if config.colors == "auto" else config.colors == "color"
    height, width = (config.side, config.side) if config.side else next(iter(sizes))
    if not config.side and (len(sizes) > 1 or max(height, width) > _LARGEST):
        height = width = _SIDE
    same = sizes == {(height, width)}
    kinds = "one size" if len(sizes) == 1 else f"{len(sizes)} sizes"
    resized = "" if same else f", resized from {kinds}; another with --side"
    what = "in color" if color else "in gray"
    return (height, width, 3 if color else 1), [f"{name}: {len(paths)} images {what}, {width} x {height}{resized}"]


def _split(config: Config, listings: dict[str, Listing], first: Listing, shape: tuple[int, ...]) -> Splits:
    """The images of each part: the folder's own parts, and what is drawn for those it has not."""
    for listing in listings.values():
        if listing.classes != first.classes:
            odd = sorted(set(listing.classes) ^ set(first.classes))[0]
            raise ValueError(f"{Path(config.data).name}: the class {odd!r} is not in all parts")
    shares = _shares(config, listings)
    counts = np.bincount(first.labels, minlength=len(first.classes))
    least = 1 + sum(share > 0 for share in shares.values())
    if counts.min() < least:
        rare = first.classes[int(counts.argmin())]
        raise ValueError(
            f"{Path(config.data).name}: the class {rare!r} has {counts.min()} image(s), fewer than {least}"
        )
    rows = {"row": np.arange(len(first.paths)), "y": first.labels}
    drawn = splits.split(rows, stratify="y", seed=config.seed, **shares)
    parts = drawn._asdict()
    for name, part in parts.items():
        if name in listings and name != "train":
            parts[name] = _arrays(listings[name], shape, stream=config.stream)
        elif len(part["row"]):
            parts[name] = _arrays(first, shape, part["row"], stream=config.stream)
        else:
            parts[name] = {}
    return Splits(**parts)


def _shares(config: Config, given: Container[str]) -> dict[str, float]:
    """The share that is drawn for each part but the first: none of a part that the folder has."""
    shares = {"validation": config.validation, "test": config.test}
    return {name: 0.0 if name in given else share for name, share in shares.items()}


def _arrays(
    listing: Listing, shape: tuple[int, ...], rows: np.ndarray | None = None, *, stream: bool = False
) -> Arrays:
    chosen = range(len(listing.paths)) if rows is None else rows.tolist()
    read = map_images if stream else read_images
    return {"x": read([listing.paths[i] for i in chosen], shape), "y": listing.labels[list(chosen)]}


def _examples(folder: Path, classes: tuple[str, ...], shape: tuple[int, ...]) -> Arrays:
    """Images to score a finished run on."""
    return _map_of(folder) if is_array_folder(folder) else _arrays(list_images(folder, classes), shape)


def _of_arrays(config: Config, found: dict[str, Arrays]) -> Task:
    """The task of images in .npy files; parts that are not there are drawn."""
    if config.side or config.colors != "auto":
        raise ValueError("images of .npy files are taken as they are: leave out --side and --colors")
    first = found.get("train") or found["all"]
    n = int(max(part["y"].max() for part in found.values())) + 1
    shares = _shares(config, found)
    parts = splits.split(first, stratify="y", seed=config.seed, **shares)
    given = {name: part for name, part in found.items() if name in shares}
    height, width, channels = first["x"].shape[1:]
    size = sum(part["x"].nbytes for part in found.values())
    kind = {1: "in gray", 3: "in color"}.get(channels, f"with {channels} channels")
    notes = [f"{len(first['y'])} images {kind}, {width} x {height}, {n} classes, {size / 1e9:.2f} GB in all"]
    return _task(config, parts._replace(**given), tuple(map(str, range(n))))._replace(notes=notes)


def _map_of(folder: Path) -> Arrays:
    """x.npy and y.npy of a folder. Raises ValueError for images that are no bytes and classes that are no numbers."""
    found = map_arrays(folder)
    x, y = found["x"], found.get("y")
    if x.dtype != np.uint8 or x.ndim not in (3, 4):
        raise ValueError(
            f"{folder / 'x.npy'}: [N, H, W] or [N, H, W, C] bytes (uint8) are expected, got {x.dtype} {x.shape}"
        )
    if y is None or y.ndim != 1 or y.dtype.kind not in "iu" or y.min() < 0:
        raise ValueError(f"{folder / 'y.npy'}: [N] whole numbers from 0 are expected, the classes of x.npy's images")
    return {"x": x[..., None] if x.ndim == 3 else x, "y": y.astype(np.int32)}


def _task(config: Config, parts: Splits, classes: tuple[str, ...]) -> Task:
    shape = parts.train["x"].shape[1:]
    network = cnn.Config(
        shape[:2], shape[2], len(classes), config.channels, padding="SAME", widths=config.widths, dropout=config.dropout
    )
    built = vision.classifier(models.bind(cnn, network), config, parts, classes)
    assert built.predictor is not None
    predictor = built.predictor._replace(examples=lambda path: _examples(path, classes, shape))
    stored = json.dumps({"classes": classes, "shape": shape}, ensure_ascii=False) + "\n"
    return built._replace(predictor=predictor, files={FILE: stored})
