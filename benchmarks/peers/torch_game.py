"""The step of a two-player game in PyTorch, eager or with its three functions compiled."""

import torch
from torch.nn import functional as F

from benchmarks.peers import torch_models
from benchmarks.workloads.cases import Case
from benchmarks.workloads.trainer import Trainer, from_steps


def cross_entropy(logits: torch.Tensor, target: float) -> torch.Tensor:
    """The mean binary cross-entropy with one target for all."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def build(case: Case, *, channels_last: bool, compiled: bool = False) -> Trainer:
    """The trainer of a game.

    G(z) is made once: detached for the discriminator's update, with its graph for the generator's. The discriminator's
    parameters need no gradients there, so none are computed.
    """
    torch_models.configure()
    players = torch_models.model(case, channels_last=channels_last)
    generate, discriminator = players.generator, players.discriminator
    ours, theirs = torch_models.optimizer(generate, case), torch_models.optimizer(discriminator, case)
    batches = torch_models.batches(case, channels_last=channels_last)

    def discriminator_loss(x: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return cross_entropy(discriminator(x), 1.0) + cross_entropy(discriminator(fake), 0.0)

    def generator_loss(fake: torch.Tensor) -> torch.Tensor:
        return cross_entropy(discriminator(fake), 1.0)

    if compiled:
        generate = torch.compile(generate)
        discriminator_loss, generator_loss = torch.compile(discriminator_loss), torch.compile(generator_loss)

    def step(i: int) -> torch.Tensor:
        batch = batches[i % case.steps]
        fake = generate(batch["z"])
        theirs.zero_grad(set_to_none=True)
        against = discriminator_loss(batch["x"], fake.detach())
        against.backward()
        theirs.step()
        discriminator.requires_grad_(False)
        ours.zero_grad(set_to_none=True)
        value = generator_loss(fake)
        value.backward()
        ours.step()
        discriminator.requires_grad_(True)
        return (against + value).detach()

    how = "three functions compiled" if compiled else "denormals flushed"
    return from_steps(step, case.steps, notes=f"fused Adam, G(z) made once, {torch.get_num_threads()} threads, {how}")
