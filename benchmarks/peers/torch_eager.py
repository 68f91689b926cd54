"""PyTorch, eager: fused Adam, gradients set to None, denormals flushed; images also in channels-last order."""

import functools

import torch
from torch.nn import functional as F

from benchmarks.cases import Case
from benchmarks.peers import torch_models
from benchmarks.trainer import Rows, Trainer, from_steps


def rows(case: Case) -> Rows:
    """ "torch", and "torch-channels-last" where there are images."""
    found: Rows = {"torch": functools.partial(build, case, channels_last=False)}
    if case.on_images:
        found["torch-channels-last"] = functools.partial(build, case, channels_last=True)
    return found


def build(case: Case, *, channels_last: bool) -> Trainer:
    """The trainer of a case."""
    torch_models.configure()
    model = torch_models.model(case, channels_last=channels_last)
    optimizer, batches = torch_models.optimizer(model, case), torch_models.batches(case, channels_last=channels_last)

    def step(i: int) -> torch.Tensor:
        x, y = batches[i % case.steps]
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return from_steps(step, case.steps, notes=f"fused Adam, {torch.get_num_threads()} threads, denormals flushed")
