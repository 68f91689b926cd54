"""N multilayer perceptrons at once in other libraries; see `benchmarks.studies.many_networks`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.models import mlp

Thunk = Callable[[], Any]


def flax(config: mlp.Config, params: Any, data: dict[str, np.ndarray], *, steps: int, rate: float) -> Thunk:
    """Flax's module and optax in a jitted, donated step under `vmap`."""
    from benchmarks.peers.flax_linen_models import Mlp, renamed

    module, optimizer = Mlp((*config.widths, config.n_out)), optax.adam(rate)

    def one_step(params: Any, moments: Any, batch: Any) -> Any:
        def loss_fn(params: Any) -> Any:
            logits: Any = module.apply({"params": params}, batch["x"])
            return optax.softmax_cross_entropy_with_integer_labels(logits, batch["y"]).mean()

        loss, grads = jax.value_and_grad(loss_fn)(params)
        updates, moments = optimizer.update(grads, moments, params)
        return optax.apply_updates(params, updates), moments, loss

    train_step = jax.jit(jax.vmap(one_step), donate_argnums=(0, 1))
    now, batch = renamed(params), jax.tree.map(jnp.array, data)
    moments = jax.jit(jax.vmap(optimizer.init))(now)

    def thunk() -> Any:
        nonlocal now, moments
        found = []
        for _ in range(steps):
            now, moments, loss = train_step(now, moments, batch)
            found.append(loss)
        return found

    return thunk


def torch_stacked(params: Any, data: dict[str, np.ndarray], *, steps: int, rate: float) -> Thunk:
    """One stack of parameters [N, ...] and batched products; the sum of the losses, whose gradients do not mix."""
    import torch
    from torch.nn import functional as F

    from benchmarks.peers import torch_models

    torch_models.configure()
    layers = [params[f"layer_{i}"] for i in range(len(params))]
    tensors = [(_tensor(layer["b"][:, None, :], grad=True), _tensor(layer["w"], grad=True)) for layer in layers]
    x, y = _tensor(data["x"]), _tensor(data["y"].astype(np.int64))
    optimizer = torch.optim.Adam([t for pair in tensors for t in pair], lr=rate, eps=1e-8, fused=True)

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        h = x
        for i, (b, w) in enumerate(tensors):
            h = torch.baddbmm(b, F.relu(h) if i else h, w)
        each = F.cross_entropy(h.flatten(0, 1), y.flatten(), reduction="none").view(y.shape).mean(1)
        each.sum().backward()
        optimizer.step()
        return each.detach()

    return lambda: [step() for _ in range(steps)]


def torch_each(params: Any, data: dict[str, np.ndarray], *, steps: int, rate: float) -> Thunk:
    """A module and a fused Adam for each network."""
    import torch
    from torch.nn import functional as F

    from benchmarks.peers import torch_models

    torch_models.configure()
    networks = []
    for i, (x, y) in enumerate(zip(data["x"], data["y"], strict=True)):
        weights = jax.tree.map(lambda leaf, i=i: leaf[i], params)
        layers = [weights[f"layer_{j}"]["w"] for j in range(len(weights))]
        module = torch_models.Mlp((layers[0].shape[0], *(w.shape[1] for w in layers)))
        torch_models.load(module, weights)
        optimizer = torch.optim.Adam(module.parameters(), lr=rate, eps=1e-8, fused=True)
        networks.append((module, optimizer, _tensor(x), _tensor(y.astype(np.int64))))

    def step() -> Any:
        found = []
        for module, optimizer, x, y in networks:
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(module(x), y)
            loss.backward()
            optimizer.step()
            found.append(loss.detach())
        return found

    return lambda: [step() for _ in range(steps)]


def _tensor(values: np.ndarray, *, grad: bool = False) -> Any:
    import torch

    return torch.tensor(np.ascontiguousarray(values), requires_grad=grad)
