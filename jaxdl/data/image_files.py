"""Pictures of a user's own: a folder with a folder for each class, read by Pillow, brought to one size and one palette.

N images, H height, W width, C channels: 1 of gray, 3 of color.
"""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdl.artifacts import files
from jaxdl.data.sources import cache_folder

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")

_PARTS = {"train": "train", "test": "test", "val": "validation", "valid": "validation", "validation": "validation"}


class Listing(NamedTuple):
    """The images of a folder, not read yet.

    Attributes:
        classes: K names, of the folders.
        paths: [N].
        labels: [N] numbers of classes.
        left_out: files that are no images by their names.
    """

    classes: tuple[str, ...]
    paths: list[Path]
    labels: np.ndarray
    left_out: int


def parts_of(folder: Path) -> dict[str, Path]:
    """The folders of official parts where there are some: "train" and "test" (and "validation"); else {}."""
    inside = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else {}
    if "train" not in inside or not inside.keys() <= _PARTS.keys() or len(inside) < 2:
        return {}
    return {_PARTS[name]: path for name, path in inside.items()}


def list_images(folder: Path, classes: Sequence[str] = ()) -> Listing:
    """Every image in the class folders of a folder, at any depth, in alphabetic order.

    Args:
        classes: those there must be; by default all folders are classes.
    Raises: ValueError for what is no folder, a class without images or of another name, and a single class.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: a folder with a folder of images for each class is expected")
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    names = tuple(classes) or tuple(path.name for path in inside)
    if len(names) < 2:
        found = f"only {names[0]!r}" if names else "none"
        raise ValueError(f"{folder}: a folder of images for each class is expected, at least two, but there is {found}")
    if new := next((path.name for path in inside if path.name not in names), None):
        raise ValueError(f"{folder}: {new!r} is none of the classes {', '.join(names)}")
    paths: list[Path] = []
    labels: list[int] = []
    left_out = 0
    for path in inside:
        files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        images = [p for p in files if p.suffix.lower() in SUFFIXES]
        if not images:
            raise ValueError(f"{path} has no images: files that end in {', '.join(SUFFIXES)}")
        paths += images
        labels += [names.index(path.name)] * len(images)
        left_out += len(files) - len(images)
    return Listing(names, paths, np.array(labels, np.int32), left_out)


def looks(paths: Sequence[Path]) -> tuple[set[tuple[int, int]], bool]:
    """The sizes (height, width) of some images, and whether any of them has colors; pixels are not read.

    Raises: ValueError that names the file that is no image.
    """
    sizes, color = set(), False
    for path in paths:
        with open_image(path) as image:
            sizes.add((image.height, image.width))
            color = color or (image.mode not in ("1", "L", "LA", "I", "F") and not image.mode.startswith("I;"))
    return sizes, color


def read_images(paths: Sequence[Path], shape: tuple[int, ...]) -> np.ndarray:
    """[N, H, W, C] bytes of some images. Raises ValueError that names the file that is no image."""
    images = np.zeros((len(paths), *shape), np.uint8)
    for i, path in enumerate(paths):
        images[i] = read_image(path, shape)
    return images


def map_images(paths: Sequence[Path], shape: tuple[int, ...]) -> np.ndarray:
    """`read_images`, one after the other into a file of the user's cache, which is memory-mapped.

    The file is made once, for as long as paths, sizes and times of the images stay what they are.

    Raises: ValueError that names the file that is no image, and for a disk with too little room.
    """
    known = hashlib.sha256(repr(shape).encode())
    for path in paths:
        found = path.stat()
        known.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    file = cache_folder() / "images" / f"{known.hexdigest()[:32]}.npy"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        needed, free = len(paths) * int(np.prod(shape)), shutil.disk_usage(file.parent).free
        if needed > free:
            raise ValueError(
                f"{len(paths)} images take {needed / 1e9:.1f} GB in {file.parent}: {free / 1e9:.1f} are free"
            )
        files.write(file, lambda temporary: _store(temporary, paths, shape))
    return np.load(file, mmap_mode="r")


def _store(file: Path, paths: Sequence[Path], shape: tuple[int, ...]) -> None:
    images = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(len(paths), *shape))
    for i, path in enumerate(paths):
        images[i] = read_image(path, shape)
    images.flush()


def read_image(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """[H, W, C] bytes of an image: upright, on white where it is transparent, resized by the mean of the pixels.

    Raises: ValueError that names the file that is no image.
    """
    from PIL import Image

    height, width, channels = shape
    with open_image(path) as image:
        try:
            picture = _flat(image).convert("L" if channels == 1 else "RGB")
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for a file that is cut off
            raise ValueError(f"{path} is damaged: {error}") from None
    if picture.size != (width, height):
        smaller = picture.width >= width and picture.height >= height
        picture = picture.resize((width, height), Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR)
    return np.asarray(picture, np.uint8).reshape(shape)


def open_image(path: Path) -> Any:
    """Pillow's image of a file, its pixels unread. Raises ValueError if it is none; OSError if it is not there."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path)
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError):
        raise ValueError(f"{path} is no image that can be read") from None


def _flat(image: Any) -> Any:
    """Upright, without transparency, eight bits a channel."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image
