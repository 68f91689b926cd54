"""The ten rows of `small_tasks` as streams of every kind, three batches an epoch."""

from typing import Any

import numpy as np
import pytest
from small_tasks import line, rows

from jaxdl import data

OPTIONS: dict[str, Any] = {"epochs": 2, "batch_size": 4}


def in_files(folder) -> dict[str, Any]:
    for name, values in rows(10).items():
        np.save(folder / f"{name}.npy", values)
    return data.map_arrays(folder)


def a_row(i: int) -> dict[str, np.ndarray]:
    return {name: values[i] for name, values in rows(10).items()}


def a_batch(i: int, b: int = 4) -> dict[str, np.ndarray]:
    return {name: values[i * b : i * b + b] for name, values in rows(10).items()}


def three_batches(epoch: int = 0):
    """4, 4 and 2 rows, in an order of the epoch's."""
    return [a_batch((i + epoch) % 3) for i in range(3)]


def in_grain():
    grain = pytest.importorskip("grain")
    return grain.MapDataset.source(three_batches())


def in_grain_without_length():
    return data.Batches(in_grain().seed(5).shuffle().repeat().to_iter_dataset(), steps=3)


STREAMS = {
    "arrays": lambda: rows(10),
    "records": lambda: data.Records(range(10), a_row),
    "list": three_batches,
    "function": lambda: data.Batches(three_batches, steps=3),
    "grain": in_grain,
    "grain, endless": in_grain_without_length,
    "generator": lambda: data.Batches((batch for epoch in range(9) for batch in three_batches(epoch)), steps=3),
    "steps of more than a pass": lambda: data.Batches(three_batches(), steps=4),
}


def of(kind: str):
    return line(noise=0.1, data=STREAMS[kind]())
