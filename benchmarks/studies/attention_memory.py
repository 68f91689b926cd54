"""Memory of attention against length, plain and chunked: `python -m benchmarks.studies.attention_memory`.

Forward and backward of `nn.dot_product_attention` for one sequence of 4 heads of 64 features, causal, float32. Every
length and form runs in a process of its own, so that its peak is its own:

    peak_host_mb    the largest resident size of the process, less that before the arrays were made
    temp_mb         what the compiled program allocates beside its arguments and results, by the compiler

It writes benchmarks/results/<device>/attention-memory.json and .png.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.measuring import child, memory
from benchmarks.reports import records
from benchmarks.reports.records import Record
from benchmarks.studies import growth
from jaxdl.artifacts import files, pictures
from jaxdl.nn.attention import dot_product_attention

LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
FORMS = ("plain", "chunked")
HEADS, FEATURES = 4, 64


def measure(length: int, form: str) -> Record:
    """A record of one length and form, from a process of its own."""
    return child.run("benchmarks.studies.attention_memory", "--child", str(length), form)


def measured_here(length: int, form: str) -> Record:
    """What `measure` reads: the record of this process."""
    jax.block_until_ready(jax.jit(jnp.sin)(1.0))  # the compiler is loaded
    before = memory.peak_host_mb()
    keys = jax.random.split(jax.random.key(0), 3)
    q, k, v = (jax.random.normal(key, (1, length, HEADS, FEATURES)) for key in keys)

    def loss(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
        return dot_product_attention(q, k, v, causal=True, method=form).sum()

    compiled = jax.jit(jax.grad(loss, argnums=(0, 1, 2))).lower(q, k, v).compile()
    for _ in range(2):
        jax.block_until_ready(compiled(q, k, v))
    sizes: Any = compiled.memory_analysis()
    return {
        "workload": "attention-memory",
        "implementation": f"jaxdl-{form}",
        "length": length,
        "temp_mb": round(sizes.temp_size_in_bytes / 2**20, 3),
        "peak_host_mb": round(memory.peak_host_mb() - before, 1),
    }


def exponent(found: Sequence[Record], form: str, column: str = "temp_mb") -> float:
    """p of memory ~ length^p, between the two longest sequences.

    >>> rows = [{"implementation": "jaxdl-plain", "length": n, "temp_mb": n * n} for n in (1, 2, 4)]
    >>> exponent(rows, "plain")
    2.0
    """
    rows = sorted((r["length"], r[column]) for r in found if r["implementation"] == f"jaxdl-{form}")
    lengths, values = zip(*rows[-2:], strict=True)
    return growth.exponent(lengths, values)


def table(found: Sequence[Record]) -> str:
    """Both forms side by side, a line a length."""
    lines = [
        f"{'length':>7}" + "".join(f"{form + ' ' + what:>18}" for form in FORMS for what in ("temp MB", "peak MB"))
    ]
    for length in sorted({record["length"] for record in found}):
        rows = {r["implementation"]: r for r in found if r["length"] == length}
        cells = [rows[f"jaxdl-{form}"][column] for form in FORMS for column in ("temp_mb", "peak_host_mb")]
        lines.append(f"{length:>7}" + "".join(f"{cell:>18.1f}" for cell in cells))
    return "\n".join(lines)


def picture(found: Sequence[Record]) -> Any:
    """Both measures of both forms against the length, on logarithmic axes."""
    figure, (axes,) = pictures.subplots(1, 1, width=6, height=4)
    for form, color in zip(FORMS, ("C3", "C0"), strict=True):
        rows = sorted((r for r in found if r["implementation"] == f"jaxdl-{form}"), key=lambda r: r["length"])
        for column, style, what in (("temp_mb", "o-", "temporaries"), ("peak_host_mb", "o--", "peak of the process")):
            values = [max(r[column], 0.1) for r in rows]
            label = f"{form}, {what}"
            axes.loglog([r["length"] for r in rows], values, style, color=color, label=label, markersize=4)
    lengths = sorted({record["length"] for record in found})
    axes.set_xticks(lengths, [str(n) for n in lengths])
    axes.minorticks_off()
    axes.set_xlabel("length of the sequence")
    axes.set_ylabel("MB")
    axes.set_title(f"Attention, forward and backward ({HEADS} heads of {FEATURES}, batch 1)")
    axes.legend()
    axes.grid(alpha=0.3)
    return figure


def main(arguments: Sequence[str]) -> None:
    """Measure all lengths, print the table, write record and picture."""
    parser = argparse.ArgumentParser("python -m benchmarks.studies.attention_memory", description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    parser.add_argument("--json", type=Path, help="the record's file; the picture lies beside it")
    parser.add_argument("--child", nargs=2, metavar=("LENGTH", "FORM"), help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.child:
        print(json.dumps(measured_here(int(chosen.child[0]), chosen.child[1])))
        return
    shared = records.environment()
    found = [shared | measure(length, form) for length in chosen.lengths for form in FORMS]
    after = {"load_after": [round(load, 2) for load in os.getloadavg()]}
    path = chosen.json or records.default_path("").with_name("attention-memory.json")
    records.write([record | after for record in found], path)
    files.write(path.with_suffix(".png"), lambda temporary: picture(found).savefig(temporary, dpi=120))
    print(table(found))
    for form in FORMS:
        print(f"{form}: memory grows as length^{exponent(found, form):.2f}")
    print(f"written to {path} and {path.with_suffix('.png').name}")


if __name__ == "__main__":
    main(sys.argv[1:])
