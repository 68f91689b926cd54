"""PyTorch, eager: fused Adam, gradients set to None, denormals flushed; images also in channels-last order."""

import functools

import torch

from benchmarks.cases import Case
from benchmarks.peers import torch_game, torch_models
from benchmarks.trainer import Rows, Trainer, from_steps


def rows(case: Case) -> Rows:
    """ "torch", and "torch-channels-last" where there are images."""
    make = torch_game.build if case.kind == "game" else build
    found: Rows = {"torch": functools.partial(make, case, channels_last=False)}
    if case.on_images:
        found["torch-channels-last"] = functools.partial(make, case, channels_last=True)
    return found


def build(case: Case, *, channels_last: bool) -> Trainer:
    """The trainer of a classifier or an autoencoder."""
    torch_models.configure()
    model = torch_models.model(case, channels_last=channels_last)
    optimizer, batches = torch_models.optimizer(model, case), torch_models.batches(case, channels_last=channels_last)

    def step(i: int) -> torch.Tensor:
        batch = batches[i % case.steps]
        optimizer.zero_grad(set_to_none=True)
        loss = torch_models.loss_of(case, model(batch["x"]), batch)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return from_steps(step, case.steps, notes=f"fused Adam, {torch.get_num_threads()} threads, denormals flushed")
