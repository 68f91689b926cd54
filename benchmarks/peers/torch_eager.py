"""PyTorch, eager: fused Adam, gradients set to None, denormals flushed; images also in channels-last order."""

import functools

import torch

from benchmarks.peers import torch_game, torch_models, torch_sequences
from benchmarks.workloads.cases import Case
from benchmarks.workloads.trainer import Rows, Trainer, from_steps

PRECISIONS = ("f32", "bf16")


def rows(case: Case) -> Rows:
    """ "torch", and "torch-channels-last" where there are images."""
    torch_models.device()  # or there are no rows
    if case.kind == "decoding":
        rows = {"torch": True, "torch-uncached": False}
        return {row: functools.partial(build_decoder, case, cached=cached) for row, cached in rows.items()}
    make = torch_game.build if case.kind == "game" else build
    found: Rows = {"torch": functools.partial(make, case, channels_last=False)}
    if case.on_images:
        found["torch-channels-last"] = functools.partial(make, case, channels_last=True)
    return found


def build_decoder(case: Case, *, cached: bool) -> Trainer:
    """The trainer of the workload `decoding`."""
    torch_models.configure()
    return torch_sequences.build_decoder(case, cached=cached)


def build(case: Case, *, channels_last: bool) -> Trainer:
    """The trainer of anything but a game."""
    torch_models.configure()
    model = torch_models.model(case, channels_last=channels_last)
    optimizer, batches = torch_models.optimizer(model, case), torch_models.batches(case, channels_last=channels_last)

    def on(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        with torch_models.autocast(case):
            loss = torch_models.loss_of(case, model(*case.inputs(batch)), batch)
        loss.backward()
        optimizer.step()
        return loss.detach()

    notes = f"fused Adam, {torch.get_num_threads()} threads, denormals flushed"
    return from_steps(lambda i: on(batches[i % case.steps]), case.steps, notes=notes)._replace(on=on)
