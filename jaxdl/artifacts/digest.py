"""A checksum of arrays: equal for equal names, shapes, types and bits, whatever file they came from."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def digest(arrays: Mapping[str, Any]) -> str:
    """The sha256 of named arrays, in hexadecimal; the order of the names does not matter.

    >>> digest({"w": np.zeros(2), "b": np.ones(1)}) == digest({"b": np.ones(1), "w": np.zeros(2)})
    True
    >>> digest({"w": np.zeros(2)}) == digest({"w": np.zeros((1, 2))})
    False
    """
    total = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        total.update(f"{name}\0{values.dtype}\0{np.shape(arrays[name])}\0".encode())
        total.update(values.reshape(-1).view(np.uint8).data if values.dtype != object else repr(values).encode())
    return total.hexdigest()
