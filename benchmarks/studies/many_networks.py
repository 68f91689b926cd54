"""N networks at once: MLPs 784-128-10 with ReLU, batch 128 and Adam, each with weights and data of its own.

    jaxdl-vmap          one jitted call for the steps of all networks
    jaxdl-one-by-one    the same step, jitted for one network, called for each
    flax-vmap           flax's step with optax under `vmap`
    torch-bmm           one stack of parameters, `torch.baddbmm`, fused Adam
    torch-one-by-one    a module and a fused Adam for each network

A GPU gets 1,024 networks, a CPU 16. A call makes some steps of all; the losses [steps, N] of the first must agree.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measuring import contest
from benchmarks.measuring.contest import Entry, Thunk, Work
from benchmarks.reports.records import Record
from benchmarks.workloads import flops as counts
from jaxdl import losses, metrics, optim
from jaxdl.models import mlp
from jaxdl.training import init_train_state, make_train_step

STEPS, RATE = 4, 1e-3


class Size(NamedTuple):
    """How many networks of which sizes."""

    networks: int = 16
    batch: int = 128
    config: mlp.Config = mlp.Config(784, 10, (128,))


def size_here() -> Size:
    """What this device gets."""
    return Size(networks=16 if jax.default_backend() == "cpu" else 1024)


def run(rounds: int, against: Sequence[str], size: Size | None = None) -> list[Record]:
    """Records of all implementations."""
    size = size_here() if size is None else size
    flops = size.networks * counts.step(counts.mlp(size.config), size.batch)
    facts = {"networks": size.networks, "batch": size.batch}
    work = Work("networks", "jaxdl-vmap", _losses, tolerance=1e-4, calls=STEPS, flops=flops, facts=facts)
    return contest.run(work, entries(size), rounds, against)


def entries(size: Size) -> dict[str, Entry]:
    """Row -> how it is built."""
    params, data, how = weights(size), batches(size), {"steps": STEPS, "rate": RATE}
    return {
        "jaxdl-vmap": Entry(lambda: together(size, params, data)),
        "jaxdl-one-by-one": Entry(lambda: one_by_one(size, params, data)),
        "flax-vmap": Entry(lambda: _peers().flax(size.config, params, data, **how), "flax"),
        "torch-bmm": Entry(lambda: _peers().torch_stacked(params, data, **how), "torch"),
        "torch-one-by-one": Entry(lambda: _peers().torch_each(params, data, **how), "torch"),
    }


def _peers() -> Any:
    from benchmarks.peers import networks

    return networks


def weights(size: Size) -> Any:
    """Parameters with a leading axis of networks, as numpy arrays."""
    keys = jax.random.split(jax.random.key(0), size.networks)
    return jax.tree.map(np.array, jax.vmap(lambda key: mlp.init(key, size.config))(keys))


def batches(size: Size) -> dict[str, np.ndarray]:
    """{"x": [N, B, D], "y": [N, B]}."""
    rng, shape = np.random.default_rng(0), (size.networks, size.batch)
    x = rng.standard_normal((*shape, size.config.n_in), dtype=np.float32)
    return {"x": x, "y": rng.integers(0, size.config.n_out, shape).astype(np.int32)}


def _losses(steps: Any) -> np.ndarray:
    """[steps, N] of what a call gives: for each step an array [N] or a list of N numbers."""
    return np.array([np.array([float(loss) for loss in step]) for step in steps])


def _step_and_start(config: mlp.Config) -> tuple[Any, Any]:
    optimizer = optim.adam(RATE)

    def loss_fn(params: Any, state: Any, batch: Any, key: Any) -> Any:
        logits = mlp.apply(params, batch["x"], config)
        loss = metrics.mean(losses.sparse_categorical_cross_entropy(logits, batch["y"]))
        return metrics.value(loss), (state, {"loss": loss})

    def start(params: Any) -> Any:
        return init_train_state(jax.random.key(0), params, optimizer, {})

    return make_train_step(loss_fn, optimizer), start


def together(size: Size, params: Any, data: dict[str, np.ndarray]) -> Thunk:
    """All networks in one call a step."""
    step, start = _step_and_start(size.config)
    now, arrays = jax.jit(jax.vmap(start))(params), jax.tree.map(jnp.array, data)
    all_steps = jax.jit(jax.vmap(step), donate_argnums=0)

    def thunk() -> Any:
        nonlocal now
        found = []
        for _ in range(STEPS):
            now, scores = all_steps(now, arrays)
            found.append(metrics.value(scores["loss"]))
        return found

    return thunk


def one_by_one(size: Size, params: Any, data: dict[str, np.ndarray]) -> Thunk:
    """A call for each network and step."""
    step, start = _step_and_start(size.config)
    one, begin = jax.jit(step, donate_argnums=0), jax.jit(start)
    parts = [jax.tree.map(lambda leaf, i=i: jnp.array(leaf[i]), (params, data)) for i in range(size.networks)]
    states = [begin(params) for params, _ in parts]

    def thunk() -> Any:
        found = []
        for _ in range(STEPS):
            found.append([])
            for i, (_, batch) in enumerate(parts):
                states[i], scores = one(states[i], batch)
                found[-1].append(metrics.value(scores["loss"]))
        return found

    return thunk
