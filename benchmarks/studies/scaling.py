"""Memory and communication of a Transformer's training step on 1 to 4,096 devices.

    python -m benchmarks.studies.scaling    compiles the step for 8 devices and writes benchmarks/results/scaling.json

The program of a step is compiled, not run, for eight devices of the CPU, and its collectives are counted
(`jaxdl.training.collectives`). The formulas of `foretold` give the same bytes from the shapes of the parameters and the
rules that cut them (`jaxdl.training.sharding`); a test holds them against compiled programs. The page's table is made
of them.

D devices, m of them in a tensor-parallel group, B rows and T tokens in a group, L layers, all arrays float32:

    data parallel      all-reduce of the gradient, with that of the tied table twice (as embedding and as output)
    fully sharded      the same, and all-gathers: of each layer's matrices before its forward and its backward pass, of
                       its vectors and of all that is not stacked once; the embedding's part of the table's gradient
                       is not summed where it is less to gather what its tokens send back
    tensor parallel    all-reduces of A = 4 B T d_model bytes: 4 a layer, 2 for the tied table; all-to-alls of 6 A / m
                       and exchanges of 2 or 2.5 A a layer, because q, k and v lie side by side in one matrix, whose
                       slices are not whole heads; over the other axis, the gradient of what lies on a device
"""

import json
import math
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec

from benchmarks import RESULTS
from jaxdl import losses, metrics, optim
from jaxdl.models import transformer
from jaxdl.training import collectives, init_train_state, make_mesh, make_train_step
from jaxdl.training.environment import environment
from jaxdl.training.sharding import row_axes, shard_batches, shardings
from jaxdl.tree import is_stacked, named_leaves

FILE = RESULTS / "scaling.json"
DEVICES = (1, 8, 64, 512, 4096)
LENGTH = 1024  # tokens of a sequence, one for each device
_GROUP = 8  # devices of a tensor-parallel group at most
_EXCHANGED = {1: 0.0, 2: 2.0, 4: 2.5, 8: 2.0}  # times A, as the compiler arranges it


def _config(d_model: int, n_layers: int, n_heads: int, vocabulary: int = 50304) -> transformer.Config:
    decoder: dict[str, Any] = {"n_encoder_layers": 0, "n_decoder_layers": n_layers, "dropout": 0.0, "pad": None}
    return transformer.Config(vocabulary, vocabulary, d_model, n_heads, d_hidden=4 * d_model, **decoder)


SIZES = {"125M": _config(768, 12, 8), "1B": _config(2048, 18, 16), "10B": _config(4096, 48, 32)}
STRATEGIES = ("data parallel", "fully sharded", "tensor parallel")


def axes(strategy: str, devices: int) -> dict[str, int]:
    """The mesh of a strategy: its axes and their sizes."""
    group = min(devices, _GROUP)
    return {
        "data parallel": {"data": devices},
        "fully sharded": {"shard": devices},
        "tensor parallel": {"data": devices // group, "model": group},
    }[strategy]


class Leaf(NamedTuple):
    """A parameter: elements in all and on one device, the axes of the mesh that cut it, and whether layers share it."""

    path: str
    size: int
    here: int
    cut: tuple[str, ...]
    rank: int


def leaves(config: transformer.Config, mesh: dict[str, int]) -> list[Leaf]:
    """Every parameter of a model as the rules cut it; nothing is allocated."""
    abstract: Any = AbstractMesh(tuple(mesh.values()), tuple(mesh), axis_types=(AxisType.Auto,) * len(mesh))
    state = jax.eval_shape(lambda key: _state(key, config), jax.random.key(0))
    found = named_leaves(state.params)
    where: dict[str, Any] = named_leaves(shardings(state, abstract).params)
    rows = []
    for path, leaf in found.items():
        cut = tuple(axis for axis in where[path].spec if axis is not None)
        parts = math.prod(mesh[axis] for axis in cut)
        rows.append(Leaf(path, leaf.size, leaf.size // parts, cut, leaf.ndim))
    return rows


def state_bytes(config: transformer.Config, strategy: str, devices: int) -> int:
    """Parameters and Adam's two moments on one device."""
    return 3 * 4 * sum(leaf.here for leaf in leaves(config, axes(strategy, devices)))


def foretold(config: transformer.Config, mesh: dict[str, int], batch: int, length: int = LENGTH) -> dict[str, float]:
    """Kind of collective -> bytes that each device sends in a step of `batch` rows: see the module's formulas."""
    parameters = leaves(config, mesh)
    rows, slices, group = mesh.get("data", 1) * mesh.get("shard", 1), mesh.get("shard", 1), mesh.get("model", 1)
    tokens = batch // rows * length
    a, n_layers = 4 * tokens * config.d_model, config.n_decoder_layers
    gathered = sum(4 * leaf.size * _passes(leaf) for leaf in parameters if "shard" in leaf.cut)
    gradient = sum(4 * _reduced(leaf) for leaf in parameters)
    table = sum(4 * _reduced(leaf) for leaf in parameters if leaf.path.endswith("table"))
    rows_of_the_table = slices * (a + 4 * tokens)
    if slices > 1 and rows_of_the_table < 2 * table:
        gathered += rows_of_the_table
    else:
        gradient += table
    gradient += 8  # the loss, and what it is a mean over
    sums = (4 * n_layers + 2) * a + 3 * 4 * tokens
    found = {
        "all-reduce": 2 * _share(rows) * gradient + 2 * _share(group) * sums,
        "all-gather": _share(slices) * gathered,
        "all-to-all": _share(group) * 6 * a / group * n_layers,
        "collective-permute": _EXCHANGED[group] * a * n_layers,
    }
    return {kind: size for kind, size in found.items() if size}


def _passes(leaf: Leaf) -> int:
    """How often a leaf is gathered: a layer's matrices before each pass."""
    return 2 if is_stacked(leaf.path) and leaf.rank > 2 else 1


def _reduced(leaf: Leaf) -> int:
    """Elements of its gradient that are summed over the devices."""
    return leaf.size if "shard" in leaf.cut else leaf.here


def _share(devices: int) -> float:
    return (devices - 1) / devices


def _state(key: Any, config: transformer.Config) -> Any:
    return init_train_state(key, transformer.init(key, config), optim.adam(1e-3))


def compiled(config: transformer.Config, mesh: dict[str, int], batch: int, length: int = LENGTH) -> Any:
    """The program of a step on the devices that are here, compiled from shapes: nothing is allocated."""

    def loss_fn(params: Any, state: Any, batch: Any, key: Any) -> Any:
        source, target = batch["tokens"][:, :-1], batch["tokens"][:, 1:]
        mask = jnp.broadcast_to(batch["mask"][:, None], target.shape)
        logits = transformer.apply(params, None, source, config)
        loss = metrics.mean(losses.sparse_categorical_cross_entropy(logits, target, where=mask), where=mask)
        return metrics.value(loss), (state, {"loss": loss})

    devices = make_mesh(",".join(f"{axis}={size}" for axis, size in mesh.items()))
    rows = NamedSharding(devices, PartitionSpec(row_axes(devices)[0] or None))
    state = jax.eval_shape(lambda key: _state(key, config), jax.random.key(0))
    state = jax.tree.map(_placed, state, shardings(state, devices))
    data = {
        "tokens": jax.ShapeDtypeStruct((batch, length + 1), jnp.int32),
        "mask": jax.ShapeDtypeStruct((batch,), bool),
    }
    step = shard_batches(make_train_step(loss_fn, optim.adam(1e-3)), devices)
    data = {name: _placed(shape, rows) for name, shape in data.items()}
    return jax.jit(step, donate_argnums=0).lower(state, data).compile()


def _placed(shape: Any, where: Any) -> Any:
    return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=where)


def measure(names: Iterable[str] = SIZES) -> dict[str, Any]:
    """Bytes counted in the compiled programs of 8 devices beside those foretold, and the memory that they ask for."""
    rows = []
    for name in names:
        for strategy in STRATEGIES:
            mesh = axes(strategy, 8)
            program = compiled(SIZES[name], mesh, 8)
            memory = program.memory_analysis()
            rows.append(
                {
                    "model": name,
                    "strategy": strategy,
                    "counted": collectives.sent(program.as_text()),
                    "foretold": foretold(SIZES[name], mesh, 8),
                    "state": memory.argument_size_in_bytes,
                    "temporary": memory.temp_size_in_bytes,
                }
            )
            print(rows[-1], file=sys.stderr, flush=True)
    return {"environment": environment(), "length": LENGTH, "devices": 8, "rows": rows}


def table() -> str:
    """The page's table: for each model, strategy and number of devices, what a device holds and sends."""
    lines = ["| model | strategy | devices | state on each | sent by each in a step |", "|---|---|--:|--:|--:|"]
    for name, config in SIZES.items():
        for strategy in STRATEGIES:
            for devices in DEVICES[strategy != "data parallel" :]:
                sent = sum(foretold(config, axes(strategy, devices), devices).values())
                cells = [name, strategy, f"{devices:,}", _size(state_bytes(config, strategy, devices)), _size(sent)]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def counted() -> str:
    """What was counted in compiled programs, beside the formulas."""
    lines = ["| model | strategy | sent: counted | sent: formula | state | temporary |", "|---|---|--:|--:|--:|--:|"]
    for row in json.loads(FILE.read_text())["rows"] if FILE.is_file() else ():
        sizes = [sum(row["counted"].values()), sum(row["foretold"].values()), row["state"], row["temporary"]]
        lines.append(f"| {row['model']} | {row['strategy']} | {' | '.join(map(_size, sizes))} |")
    return "\n".join(lines) + "\n"


def _size(n: float) -> str:
    return f"{n / 1e9:,.2f} GB" if n else "nothing"


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 8)
    FILE.write_text(json.dumps(measure(sys.argv[1:] or SIZES), indent=1) + "\n")
