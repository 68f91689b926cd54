"""An epoch as each library's users write it: shuffle 5,120 examples, cut batches of 128, step on each.

    flax, nnx            the order is drawn by numpy, every batch is gathered there and handed to the jitted step
    torch                `randperm` and indexing
    torch-dataloader     `DataLoader(TensorDataset, shuffle=True)`
    keras-fit            `model.fit(shuffle=True)`
    keras                the stateless loop, with numpy's batches as for flax

The loss curves that are compared before are those of the data in order.
"""

import dataclasses
import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers import NotWritten
from benchmarks.workloads.case import Case
from benchmarks.workloads.trainer import Rows, Trainer

NETWORK = "mlp"


def rows(name: str, case: Case) -> Rows:
    """The rows of one peer; importing its module imports its library. torch.compile's loop is torch's."""
    if case.precision != "f32":
        raise NotWritten(f"{name} has no row in {case.precision} here")
    of_mlp = dataclasses.replace(case, name=NETWORK)
    if name in ("flax", "nnx"):
        peer: Any = importlib.import_module(f"benchmarks.peers.flax_{'linen' if name == 'flax' else 'nnx'}")
        return {name: functools.partial(_with_numpy, peer.build, of_mlp)}
    if name == "torch":
        importlib.import_module("torch")
        return {"torch": functools.partial(_torch, of_mlp), "torch-dataloader": functools.partial(_dataloader, of_mlp)}
    if name == "keras":
        keras: Any = importlib.import_module("benchmarks.peers.keras_jax")
        return {
            "keras": functools.partial(_with_numpy, keras.build, of_mlp),
            "keras-fit": functools.partial(keras.build_fit, of_mlp, shuffle=True),
        }
    raise NotWritten(f"{name}: the loop over an epoch is that of {name.split('-')[0]}")


def _with_numpy(build: Callable[[Case], Trainer], case: Case) -> Trainer:
    trainer, data, rng = build(case), case.data(), np.random.default_rng(1)

    def epoch() -> Any:
        order, loss = rng.permutation(case.n_examples), None
        for i in range(case.steps):
            at = order[i * case.batch : (i + 1) * case.batch]
            loss = _on(trainer)({name: values[at] for name, values in data.items()})
        return loss

    return trainer._replace(epoch=epoch, notes=lambda: f"{trainer.notes()}; order and batches by numpy")


def _torch(case: Case) -> Trainer:
    import torch

    from benchmarks.peers import torch_eager

    trainer = torch_eager.build(case, channels_last=False)
    x, y = _tensors(case)

    def epoch() -> Any:
        loss = None
        for at in torch.randperm(len(x)).split(case.batch):
            loss = _on(trainer)({"x": x[at], "y": y[at]})
        return loss

    return trainer._replace(epoch=epoch, notes=lambda: f"{trainer.notes()}; randperm and indexing")


def _dataloader(case: Case) -> Trainer:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from benchmarks.peers import torch_eager

    trainer = torch_eager.build(case, channels_last=False)
    where = torch.Generator(torch.get_default_device())
    loader = DataLoader(TensorDataset(*_tensors(case)), batch_size=case.batch, shuffle=True, generator=where)

    def epoch() -> Any:
        loss = None
        for x, y in loader:
            loss = _on(trainer)({"x": x, "y": y})
        return loss

    return trainer._replace(epoch=epoch, notes=lambda: f"{trainer.notes()}; DataLoader in this process")


def _on(trainer: Trainer) -> Callable[[Any], Any]:
    assert trainer.on is not None  # every peer's build gives it
    return trainer.on


def _tensors(case: Case) -> tuple[Any, Any]:
    import torch

    data = case.data()
    return torch.tensor(data["x"]), torch.tensor(data["y"].astype(np.int64))
