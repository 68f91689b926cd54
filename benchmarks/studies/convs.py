"""The measured table behind `jaxdl.kernels.convolution.choice`, `max_pool2d` and the norms' backward passes.

    python -m benchmarks.studies.convs [--rounds 15] [--only c2 r1 ...]

Each part (forward, input gradient, weight gradient) of each shape class runs in every formulation: one jitted call at a
time, and as the body of a scan over two inputs, since XLA's CPU backend leaves its fast kernels out of loops. All
formulations of one part are interleaved. Writes benchmarks/results/<backend>/convs.json.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks import RESULTS
from benchmarks.measuring.timing import measure
from jaxdl.kernels.convolution import choice, winograd
from jaxdl.kernels.convolution.geometry import Geometry, output_size
from jaxdl.kernels.convolution.primitive import FORMS
from jaxdl.nn import norm
from jaxdl.nn.pool import max_pool2d

SAME, VALID, HALF = ((1, 1), (1, 1)), ((0, 0), (0, 0)), ((0, 1), (0, 1))
SHAPES = {  # name: x, w, geometry
    "cnn conv 1": ((128, 28, 28, 1), (3, 3, 1, 32), Geometry((1, 1), VALID)),
    "cnn conv 2": ((128, 13, 13, 32), (3, 3, 32, 64), Geometry((1, 1), VALID)),
    "lenet conv 2": ((128, 14, 14, 6), (5, 5, 6, 16), Geometry((1, 1), VALID)),
    "resnet stem": ((64, 32, 32, 3), (3, 3, 3, 16), Geometry((1, 1), SAME)),
    "resnet 16": ((64, 32, 32, 16), (3, 3, 16, 16), Geometry((1, 1), SAME)),
    "resnet 16-32 strided": ((64, 32, 32, 16), (3, 3, 16, 32), Geometry((2, 2), HALF)),
    "resnet 16-32 shortcut": ((64, 32, 32, 16), (1, 1, 16, 32), Geometry((2, 2), VALID)),
    "resnet 32": ((64, 16, 16, 32), (3, 3, 32, 32), Geometry((1, 1), SAME)),
    "resnet 64": ((64, 8, 8, 64), (3, 3, 64, 64), Geometry((1, 1), SAME)),
    "gan 64-128 strided": ((64, 14, 14, 64), (4, 4, 64, 128), Geometry((2, 2), SAME)),
}
PARTS = {
    "forward": ("lax", "taps", "patches", "winograd"),
    "input_grad": ("lax", "patches", "overlap", "winograd"),
    "weight_grad": ("lax", "patches", "winograd"),
}
STEPS = 2  # in a scan; few, since some native gradients take seconds there


def draw(seed: int, shape: tuple[int, ...]) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), shape)


def applies(formulation: str, w_shape: tuple[int, ...], geometry: Geometry, part: str) -> bool:
    if formulation == "winograd":
        return winograd.fits(w_shape, geometry)
    if formulation == "taps":
        return w_shape[2] <= 3
    return part != "input_grad" or formulation != "patches" or geometry.strides == (1, 1)


def part_function(part: str, formulation: str, geometry: Geometry, w_shape, x_shape) -> Callable[..., Any]:
    """(x, w, dy) -> the part, reading only what it needs."""
    return {
        "forward": lambda x, w, dy: FORMS["forward"][formulation](x, w, geometry),
        "input_grad": lambda x, w, dy: FORMS["input_grad"][formulation](dy, w, geometry, x_shape),
        "weight_grad": lambda x, w, dy: FORMS["weight_grad"][formulation](x, dy, geometry, w_shape),
    }[part]


def in_calls_and_in_a_scan(functions: dict[str, Callable[..., Any]], args, scanned, rounds: int) -> dict[str, Any]:
    """Milliseconds for each function, alone in a jitted call and as a step of a scan over stacked arguments."""
    thunks: dict[str, Callable[[], Any]] = {}
    for name, f in functions.items():
        call = jax.jit(f)
        loop = jax.jit(lambda *stacks, f=f: lax.scan(lambda c, xs: (c, f(*xs)), 0, stacks)[1])
        thunks[f"{name} call"] = lambda call=call: call(*args)
        thunks[f"{name} scan"] = lambda loop=loop: loop(*scanned)
    rows: dict[str, Any] = {name: {} for name in functions}
    for name, timing in measure(thunks, rounds=rounds, warmup=1).items():
        function, where = name.rsplit(" ", 1)
        scale = 1e3 / (STEPS if where == "scan" else 1)
        rows[function][where] = {k: round(scale * getattr(timing, k), 3) for k in ("median", "q1", "q3", "fastest")}
    return rows


def convolutions(rounds: int, only: list[str]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, (x_shape, w_shape, geometry) in SHAPES.items():
        if only and name not in only:
            continue
        dy_shape = (x_shape[0], *output_size(x_shape, w_shape, geometry), w_shape[3])
        args = draw(0, x_shape), draw(1, w_shape), draw(2, dy_shape)
        scanned = tuple(jnp.stack([a] * STEPS) for a in args)
        kind = w_shape, geometry, jnp.dtype("float32")
        chosen = {"call": choice.choose(*kind, in_loop=False), "scan": choice.choose(*kind)}
        gigaflop = 2e-9 * args[2].size * w_shape[0] * w_shape[1] * w_shape[2]
        table[name] = {"x": x_shape, "w": w_shape, "strides": geometry.strides, "gigaflop": round(gigaflop, 4)}
        for part, formulations in PARTS.items():
            able = [f for f in formulations if applies(f, w_shape, geometry, part)]
            functions = {f: part_function(part, f, geometry, w_shape, x_shape) for f in able}
            rows = in_calls_and_in_a_scan(functions, args, scanned, rounds)
            winners = {where: getattr(lowering, part) for where, lowering in chosen.items()}
            table[name][part] = {"chosen": winners, **rows}
            show(f"{name}, {part}", rows, winners, gigaflop)
    return table


def pools_and_norms(rounds: int) -> dict[str, Any]:
    """Forward and backward of max pooling and of the norms, against what autodiff makes of the plain formula."""

    def with_gradient(f):
        return lambda x, dy: jax.vjp(f, x)[1](dy)[0]

    def plain_norm(x, axes):
        mean, var = jnp.mean(x, axes, keepdims=True), jnp.var(x, axes, keepdims=True)
        return (x - jnp.broadcast_to(mean, x.shape)) * jnp.broadcast_to(lax.rsqrt(var + 1e-5), x.shape)

    params, state = norm.init_batch_norm(16)
    layer = norm.init_layer_norm(256)
    groups = {
        "max pool 2x2": (
            (128, 26, 26, 32),
            {m: lambda x, m=m: max_pool2d(x, (2, 2), method=m) for m in ("lax", "pairs")},
        ),
        "batch norm": (
            (64, 32, 32, 16),
            {
                "autodiff": lambda x: plain_norm(x, (0, 1, 2)),
                "by hand": lambda x: norm.batch_norm(params, state, x, train=True)[0],
            },
        ),
        "layer norm": (
            (64, 32, 256),
            {"autodiff": lambda x: plain_norm(x, -1), "by hand": lambda x: norm.layer_norm(layer, x)},
        ),
    }
    table: dict[str, Any] = {}
    for name, (shape, functions) in groups.items():
        x = draw(0, shape)
        args = x, draw(1, jax.eval_shape(next(iter(functions.values())), x).shape)
        scanned = tuple(jnp.stack([a] * STEPS) for a in args)
        gradients = {k: with_gradient(f) for k, f in functions.items()}
        table[name] = in_calls_and_in_a_scan(gradients, args, scanned, rounds)
        show(name, table[name])
    return table


def show(title: str, rows: dict[str, Any], chosen: dict[str, str] | None = None, gigaflop: float = 0.0) -> None:
    """A line a formulation; a star marks the one that `choose` names there."""
    print(title)
    for name, row in rows.items():
        rate = f"{1e3 * gigaflop / row['call']['fastest']:6.0f} GFLOP/s" if gigaflop else ""
        stars = {where: "*" if (chosen or {}).get(where) == name else " " for where in row}
        times = "   ".join(
            f"{stars[where]}{where} {t['median']:8.2f} (fastest {t['fastest']:7.2f})" for where, t in row.items()
        )
        print(f"  {name:10s} {times} ms {rate}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", nargs="*", default=[], help="names of shapes; all by default")
    args = parser.parse_args()
    load = os.getloadavg()
    record = {
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "unit": "milliseconds per call",
        "convolutions": convolutions(args.rounds, args.only),
        "pools and norms": pools_and_norms(args.rounds),
        "load average before and after": [round(load[0], 2), round(os.getloadavg()[0], 2)],
    }
    folder = RESULTS / jax.default_backend()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "convs.json.part"
    part.write_text(json.dumps(record, indent=1) + "\n")
    part.replace(folder / "convs.json")


if __name__ == "__main__":
    main()
