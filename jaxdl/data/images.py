"""MNIST, Fashion-MNIST and CIFAR-10 from their official files; readers of the two formats. Never pickle.

N images of H x W pixels and C channels, uint8 in 0..255: [N, H, W, C].
"""

import gzip
import io
import math
import tarfile
import zlib
from pathlib import Path

import numpy as np

from jaxdl.data.arrays import Arrays, Dataset
from jaxdl.data.sources import DataDamaged, DataNotFound, File, Source, path_of, read_verified

_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CLASS_NAMES = {"mnist": tuple("0123456789"), "fashion_mnist": _FASHION, "cifar10": _CIFAR10}


def _idx_files(train_images: str, train_labels: str, test_images: str, test_labels: str) -> tuple[File, ...]:
    """The four files of the MNIST family, with the hashes of their decompressed bytes."""
    return (
        File("train-images-idx3-ubyte.gz", train_images, 16 + 60_000 * 784),
        File("train-labels-idx1-ubyte.gz", train_labels, 8 + 60_000),
        File("t10k-images-idx3-ubyte.gz", test_images, 16 + 10_000 * 784),
        File("t10k-labels-idx1-ubyte.gz", test_labels, 8 + 10_000),
    )


SETS = {
    "mnist": Source(
        name="mnist",
        contents="60,000 + 10,000 images 28x28x1, 10 classes",
        about="LeCun, Cortes and Burges, 1998: handwritten digits",
        license="none stated by its authors",
        folder="mnist",
        files=_idx_files(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        urls=(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
    ),
    "fashion_mnist": Source(
        name="fashion_mnist",
        contents="60,000 + 10,000 images 28x28x1, 10 classes",
        about="Xiao, Rasul and Vollgraf (Zalando), 2017: articles of clothing, in MNIST's format",
        license="MIT",
        folder="fashion_mnist",
        files=_idx_files(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        urls=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        system=("/usr/share/datasets/fashion-mnist",),
    ),
    "cifar10": Source(
        name="cifar10",
        contents="50,000 + 10,000 images 32x32x3, 10 classes",
        about="Krizhevsky, 'Learning multiple layers of features from tiny images', 2009: photographs",
        license="none stated by its authors",
        folder="cifar10",
        files=(
            File(
                "cifar-10-binary.tar.gz",
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                170_052_171,
                archive=True,
            ),
        ),
        urls=("https://www.cs.toronto.edu/~kriz/",),
    ),
}

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(content: bytes, *, name: str = "IDX data", shape: tuple[int | None, ...] | None = None) -> np.ndarray:
    """Read an array in IDX format, checking every field of the header and the number of bytes after it.

        0 0 type rank | rank big-endian 32-bit sizes | the values, big-endian, last axis fastest

    Args:
        content: the decompressed bytes.
        name: what the message calls them.
        shape: the expected shape, None for a free axis; any if left out.
    Returns: a read-only array in the machine's byte order.
    Raises: DataDamaged that names the field.
    Reference: LeCun's MNIST page, "the IDX file format".

    >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])).tolist()
    [7, 8, 9]
    """
    if content[:2] == b"\x1f\x8b":
        raise DataDamaged(
            f"{name} is packed by gzip: unpack it first (gzip -d, or gzip.decompress), then read it as IDX"
        )
    if len(content) < 4 or content[:2] != b"\0\0":
        raise DataDamaged(f"{name} is not IDX: it begins with {content[:4]!r}, not with two zero bytes")
    code, rank = content[2], content[3]
    if code not in _IDX_TYPES:
        raise DataDamaged(f"{name}: unknown IDX type 0x{code:02x}, known are {[f'0x{c:02x}' for c in _IDX_TYPES]}")
    if shape is not None and rank != len(shape):
        raise DataDamaged(f"{name}: the header says rank {rank}, expected {len(shape)} for shape {shape}")
    start = 4 + 4 * rank
    if rank == 0 or len(content) < start:
        raise DataDamaged(f"{name}: the header of rank {rank} needs {start} bytes, there are {len(content)}")
    sizes = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    if shape is not None and any(want not in (None, size) for size, want in zip(sizes, shape, strict=True)):
        raise DataDamaged(f"{name}: the header says shape {sizes}, expected {shape}")
    dtype = np.dtype(_IDX_TYPES[code])
    expected = math.prod(sizes) * dtype.itemsize
    if len(content) - start != expected:
        raise DataDamaged(f"{name}: shape {sizes} needs {expected} bytes of values, there are {len(content) - start}")
    return np.frombuffer(content, dtype, offset=start).reshape(sizes).astype(dtype.newbyteorder("="), copy=False)


def labeled(images: np.ndarray, labels: np.ndarray, *, name: str, n_classes: int = 10) -> Arrays:
    """{"x": [N, H, W, C] uint8, "y": [N] int32} after a check that they belong together.

    Raises: DataDamaged for unequal counts or a label outside [0, n_classes).
    """
    if len(images) != len(labels):
        raise DataDamaged(f"{name}: {len(images)} images, but {len(labels)} labels")
    if len(labels) and labels.max() >= n_classes:
        row = int(labels.argmax())
        raise DataDamaged(f"{name}: the label in row {row} is {labels[row]}, not in [0, {n_classes})")
    return {"x": images, "y": labels.astype(np.int32)}


def read_cifar10(
    archive: bytes, *, name: str = "cifar-10-binary.tar.gz", records: int = 10_000
) -> tuple[Arrays, Arrays]:
    """Read the training and the test part of CIFAR-10's binary version, straight from the archive's bytes.

    Each of six members holds `records` records of 1 label byte and 3 x 32 x 32 pixel bytes (channels first). They are
    found by their exact names and read in memory: nothing is extracted, whatever else the archive may hold.

    Returns: (train, test), each {"x": [N, 32, 32, 3] uint8, "y": [N] int32}; 5 `records` and 1 `records` images.
    Raises: DataDamaged for a damaged archive, a missing member or one of another size.
    """
    wanted = {
        f"cifar-10-batches-bin/{stem}.bin": stem for stem in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    }
    found: dict[str, np.ndarray] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r|gz") as tar:
            for member in tar:
                if member.name not in wanted:
                    continue
                if not member.isreg() or member.size != records * 3073:
                    raise DataDamaged(f"{name}: {member.name} is not a file of {records * 3073} bytes")
                stream = tar.extractfile(member)
                assert stream is not None  # a regular file has content
                found[wanted[member.name]] = np.frombuffer(stream.read(), np.uint8).reshape(records, 3073)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataDamaged(f"{name} is truncated or damaged: {error}") from error
    missing = sorted(set(wanted.values()) - set(found))
    if missing:
        raise DataDamaged(f"{name} lacks {', '.join(missing)}")

    def part(stems: list[str]) -> Arrays:
        rows = np.concatenate([found[stem] for stem in stems])
        images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # [N, H, W, C]
        return labeled(np.ascontiguousarray(images), rows[:, 0], name=name)

    return part([f"data_batch_{i}" for i in range(1, 6)]), part(["test_batch"])


def read(source: Source, folder: Path) -> Dataset:
    """Read and verify one of `SETS` from `folder`: x uint8 [N, H, W, C], y int32 [N], train and test part.

    Raises: DataNotFound or DataDamaged with the file's path.
    """
    contents = []
    for file in source.files:
        path = path_of(folder, file)
        if path is None:
            raise DataNotFound(f"{source.name}: {folder / file.name} is missing")
        contents.append((str(path), read_verified(path, file)))
    if source.files[0].archive:
        train, test = read_cifar10(contents[0][1], name=contents[0][0])
    else:
        images = [read_idx(content, name=name, shape=(None, 28, 28)) for name, content in contents[::2]]
        labels = [read_idx(content, name=name, shape=(None,)) for name, content in contents[1::2]]
        train, test = (labeled(x[..., None], y, name=source.name) for x, y in zip(images, labels, strict=True))
    return Dataset(
        name=source.name,
        train=train,
        test=test,
        class_names=_CLASS_NAMES[source.name],
        feature_names=(),
        about=source.about,
        license=source.license,
        path=str(folder),
    )
