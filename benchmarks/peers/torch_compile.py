"""PyTorch with `torch.compile` around model and loss (forward and backward), fused Adam; images also channels last."""

import functools

import torch
import torch._inductor.config

from benchmarks.peers import NotWritten, torch_game, torch_models
from benchmarks.workloads.cases import Case
from benchmarks.workloads.trainer import Rows, Trainer, from_steps

PRECISIONS = ("f32", "bf16")


def rows(case: Case) -> Rows:
    """ "torch-compile", and "torch-compile-channels-last" where there are images."""
    torch_models.device()  # or there are no rows
    if case.kind == "decoding":
        raise NotWritten("torch-compile: with a cache that grows every length is compiled anew")
    make = functools.partial(torch_game.build, compiled=True) if case.kind == "game" else build
    torch._inductor.config.compile_threads = 1  # in this process: workers would be forked beside JAX's threads
    found: Rows = {"torch-compile": functools.partial(make, case, channels_last=False)}
    if case.on_images:
        found["torch-compile-channels-last"] = functools.partial(make, case, channels_last=True)
    return found


def build(case: Case, *, channels_last: bool) -> Trainer:
    """The trainer of anything but a game."""
    torch_models.configure()
    model = torch_models.model(case, channels_last=channels_last)
    optimizer, batches = torch_models.optimizer(model, case), torch_models.batches(case, channels_last=channels_last)

    @functools.partial(torch.compile, fullgraph=case.kind != "sequences")  # torch compiles no nn.LSTM into one graph
    def loss_of(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch_models.loss_of(case, model(*case.inputs(batch)), batch)

    def step(i: int) -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        with torch_models.autocast(case):
            loss = loss_of(batches[i % case.steps])
        loss.backward()
        optimizer.step()
        return loss.detach()

    return from_steps(step, case.steps, notes=f"model and loss compiled, fused Adam, {torch.get_num_threads()} threads")
