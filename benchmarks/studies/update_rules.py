"""Update rules alone: one step of each over the parameters of the workload `mlp`, without a model.

    jaxdl           our rule and the addition to the parameters, in one jitted call that donates both
    optax           optax's rule in the same place
    torch-foreach   `torch.optim` with `foreach=True`: one kernel a tensor operation for all tensors
    torch-fused     with `fused=True`: one kernel for the whole rule (where torch has one)

All start from the same parameters, moved fifty times by the same gradients before their answers are compared. The time
is that of reading and writing memory: `gb_per_s` counts each array that a rule must read or write once.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from benchmarks.measuring import contest, timing
from benchmarks.measuring.contest import Entry, Thunk, Work
from benchmarks.reports.records import Record
from benchmarks.workloads import cases
from jaxdl import optim

RATE, CALLS = 1e-2, 50


class Rule(NamedTuple):
    """One rule in three libraries.

    Attributes:
        ours, optax: the transformations.
        torch: a class of `torch.optim` and its options.
        touched: arrays as large as the parameters that a step reads or writes.
        fused: whether torch has one kernel for it.
        foreach: whether its other way leaves the gradients as they are (Nesterov's overwrites them).
    """

    ours: optax.GradientTransformation
    optax: optax.GradientTransformation
    torch: tuple[str, dict[str, Any]]
    touched: int
    fused: bool = True
    foreach: bool = True


def rules() -> dict[str, Rule]:
    """Every rule by its name in `jaxdl.optim`, with constants that mean the same in all libraries."""
    ours, theirs = optim.adagrad(RATE, eps_inside_root=True, initial_accumulator=0.1), optax.adagrad(RATE, eps=1e-10)
    rms = optax.rmsprop(RATE, 0.9, eps_in_sqrt=False)
    nesterov = optim.momentum(RATE, nesterov=True), optax.sgd(RATE, 0.9, nesterov=True)
    return {
        "sgd": Rule(optim.sgd(RATE), optax.sgd(RATE), ("SGD", {}), 3),
        "momentum": Rule(optim.momentum(RATE), optax.sgd(RATE, 0.9), ("SGD", {"momentum": 0.9}), 5),
        "nesterov": Rule(*nesterov, ("SGD", {"momentum": 0.9, "nesterov": True}), 5, foreach=False),
        "rmsprop": Rule(optim.rmsprop(RATE), rms, ("RMSprop", {"alpha": 0.9}), 5, fused=False),
        "adagrad": Rule(ours, theirs, ("Adagrad", {"initial_accumulator_value": 0.1}), 5),
        "adam": Rule(optim.adam(RATE), optax.adam(RATE), ("Adam", {}), 7),
        "adamw": Rule(optim.adamw(RATE), optax.adamw(RATE, weight_decay=1e-2), ("AdamW", {"weight_decay": 1e-2}), 7),
    }


def run(
    rounds: int, against: Sequence[str], *, names: Sequence[str] | None = None, small: bool = False
) -> list[Record]:
    """Records of every rule, a workload each."""
    params = cases.make("mlp", small=small).weights()
    rng = np.random.default_rng(0)
    grads = jax.tree.map(lambda p: rng.standard_normal(p.shape, dtype=np.float32), params)
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    found = []
    for name, rule in rules().items():
        if names is not None and name not in names:
            continue
        facts = {"parameters": size}
        work = Work(f"optimizers-{name}", "jaxdl", _leaves, tolerance=1e-4, calls=CALLS, facts=facts)
        of_rule = contest.run(work, _entries(rule, params, grads), rounds, against)
        for record in of_rule:
            if "step_ms" in record:
                bytes_touched = 4 * size * rule.touched
                record["gb_per_s"] = round(bytes_touched / record["step_ms"]["median"] / 1e6, 1)
        found += of_rule
    bandwidth = round(timing.copy_bandwidth() / 1e9, 1)
    return [record | {"copy_gb_per_s": bandwidth} for record in found]


def _entries(rule: Rule, params: Any, grads: Any) -> dict[str, Entry]:
    found = {
        "jaxdl": Entry(lambda: _with_jax(rule.ours, params, grads)),
        "optax": Entry(lambda: _with_jax(rule.optax, params, grads)),
    }
    if rule.foreach:
        found["torch-foreach"] = Entry(lambda: _with_torch(rule, params, grads, foreach=True), "torch")
    if rule.fused:
        found["torch-fused"] = Entry(lambda: _with_torch(rule, params, grads, fused=True), "torch")
    return found


def _with_jax(rule: optax.GradientTransformation, params: Any, grads: Any) -> Thunk:
    params, grads = jax.tree.map(jax.numpy.array, (params, grads))
    state = jax.jit(rule.init)(params)

    def move(params: Any, state: Any, grads: Any) -> tuple[Any, Any]:
        updates, state = rule.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    step: Callable[..., Any] = jax.jit(move, donate_argnums=(0, 1))

    def thunk() -> Any:
        nonlocal params, state
        for _ in range(CALLS):
            params, state = step(params, state, grads)
        return params

    return thunk


def _with_torch(rule: Rule, params: Any, grads: Any, **how: bool) -> Thunk:
    import torch

    from benchmarks.peers import torch_models

    torch_models.configure()
    tensors = [torch.tensor(leaf, requires_grad=True) for leaf in jax.tree.leaves(params)]
    for tensor, grad in zip(tensors, jax.tree.leaves(grads), strict=True):
        tensor.grad = torch.tensor(grad)
    name, options = rule.torch
    optimizer = getattr(torch.optim, name)(tensors, lr=RATE, **options, **how)

    def thunk() -> Any:
        for _ in range(CALLS):
            optimizer.step()
        return tensors

    return thunk


def _leaves(tree: Any) -> list[np.ndarray]:
    return [np.array(x.detach().cpu().numpy() if hasattr(x, "detach") else x) for x in jax.tree.leaves(tree)]
