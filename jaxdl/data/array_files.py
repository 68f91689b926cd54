"""Examples in `.npy` files, larger than memory: `x.npy`, `y.npy`, ... in one folder, or in `train` and `test` of it."""

from pathlib import Path

import numpy as np

from jaxdl.data.arrays import Arrays, count
from jaxdl.data.mapped import SelectedRows, any_mapped


def map_arrays(folder: Path | str) -> Arrays:
    """Every `.npy` file of a folder as an array by its name, memory-mapped: nothing is read but what is used.

    Arrays of one number a row (labels, weights) are read whole.

    Args:
        folder: with x.npy [N, ...], y.npy [N], ..., as `np.save` or `np.lib.format.open_memmap` write them.
    Raises: ValueError for a folder without such files, for a file that is cut off or of Python objects, and for arrays
        of unequal length.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/x.npy", np.zeros((3, 2))), np.save(f"{folder}/y.npy", np.arange(3))
    ...     {name: values.shape for name, values in map_arrays(folder).items()}
    (None, None)
    {'x': (3, 2), 'y': (3,)}
    """
    folder = Path(folder)
    paths = sorted(folder.glob("*.npy")) if folder.is_dir() else []
    if not paths:
        raise ValueError(f"{folder}: there are no .npy files, such as x.npy and y.npy")
    arrays = {path.stem: _map(path) for path in paths}
    count(arrays)
    return arrays


def is_array_folder(folder: Path) -> bool:
    """Whether a folder holds examples in `.npy` files."""
    return (folder / "x.npy").is_file()


def require_whole(arrays: Arrays) -> None:
    """Raise ValueError if a mapped file is shorter than it was: reading it would end the process (SIGBUS)."""
    if not any_mapped(arrays):
        return
    for name, values in arrays.items():
        values = values.file if isinstance(values, SelectedRows) else values
        base = values
        while isinstance(base.base, np.memmap):  # a slice knows its file, but not how much of it is mapped
            base = base.base
        if isinstance(base, np.memmap) and base.filename is not None:
            size, needed = Path(base.filename).stat().st_size, base.offset + base.nbytes
            if size < needed:
                raise ValueError(f"{name}: {base.filename} has shrunk to {size:,} of {needed:,} bytes while it is read")


def _map(path: Path) -> np.ndarray:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} cannot be mapped: {_reason(path, error)}") from None
    if values.ndim == 0:
        raise ValueError(f"{path} holds one number, not rows")
    return np.array(values) if values.ndim == 1 else values


def _reason(path: Path, error: Exception) -> str:
    """What is wrong with a file that numpy refuses."""
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            needed = file.tell() + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    except (ValueError, EOFError):
        return "it is no .npy file"
    if dtype.hasobject:
        return "it holds Python objects, not numbers"
    if (size := path.stat().st_size) < needed:
        return f"it is cut off, {size:,} of {needed:,} bytes"
    return str(error)
