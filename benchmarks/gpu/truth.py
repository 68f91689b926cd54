"""Are the device's numbers right? The rows of the table of cases, on the device against the CPU in float64.

    values      every case's value and gradient in f32 (TF32 off) and bf16; what the arguments were rounded to is what
                the CPU reads, so that only the arithmetic differs
    gradients   every case's gradient against finite differences, both in float64 on the device
    fused       cuDNN's attention against the plain form, both against float32

On a CPU the float64 values are held against independent libraries by the tests: so the device's are held against them
too. The table lies in `tests/`; a tree without it skips these items.
"""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import ROOT
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.settings import Setting
from benchmarks.gpu.speed import precise
from benchmarks.reports import records
from benchmarks.reports.records import Record
from jaxdl.checks import gradient_report
from jaxdl.nn.attention import dot_product_attention

TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2}  # of the largest number of each array
WORKERS = min(8, os.cpu_count() or 1)  # compilation takes most of the time, and releases Python's lock
QUICK_CASES = 2
PRECISION = {"float32": "f32", "bfloat16": "bf16"}


def table_of(group: str) -> tuple[Any, Sequence[Any]]:
    """The module `tests/cases.py`, and the rows of one file of the table.

    Raises: ImportError in a tree without tests.
    """
    tests = str(ROOT / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    return importlib.import_module("cases"), importlib.import_module(f"case_rows.{group}").CASES


def values(setting: Setting, deadline: Deadline, group: str) -> list[Record]:
    """A record for each case and dtype: the largest differences of value and gradient from the CPU's float64."""
    table, cases = table_of(group)

    def one(case: Any) -> list[Record]:
        dtypes = [dtype for dtype in TOLERANCE if dtype in case.dtypes or dtype == "float32"]
        return [value_record(table, case, dtype) for dtype in dtypes]

    return _all(setting, deadline, group, one, cases)


def gradients(setting: Setting, deadline: Deadline, group: str) -> list[Record]:
    """A record for each case with a gradient: whether finite differences in float64 on the device agree."""
    table, cases = table_of(group)

    def one(case: Any) -> list[Record]:
        report = gradient_report(case.function, *table.arguments(case), argnums=case.wrt)
        row = {"implementation": case.name, "kind": "gradient", "precision": "f64", "ok": bool(report.ok)}
        return [row if report.ok else row | {"message": report.message()}]

    return _all(setting, deadline, group, one, [case for case in cases if case.wrt])


def _all(
    setting: Setting, deadline: Deadline, group: str, one: Callable[[Any], list[Record]], cases: Sequence[Any]
) -> list[Record]:
    shared = records.environment() | {"workload": f"truth-{group}"}

    def guarded(case: Any) -> list[Record]:
        deadline.check()
        try:
            with precise("f32"):
                return one(case)
        except Exception as error:  # a case that the device cannot run is a finding
            return [{"implementation": case.name, "ok": False, "message": f"{type(error).__name__}: {error}"[:500]}]

    with ThreadPoolExecutor(WORKERS) as pool:
        found = [
            shared | row for rows in pool.map(guarded, cases[: QUICK_CASES if setting.quick else None]) for row in rows
        ]
    wrong = [row for row in found if not row["ok"]]
    print(f"{group}: {len(found) - len(wrong)} of {len(found)} rows agree", flush=True)
    for row in wrong:
        print(
            f"  {row['implementation']} {row.get('precision', '')}: {row.get('message', row.get('error'))}", flush=True
        )
    return found


def value_record(table: Any, case: Any, dtype: str) -> Record:
    """Value and gradient of a case on the device in one dtype, against the CPU.

    Where rounding itself is large (bf16), or a random draw depends on the dtype, the CPU in the same dtype is asked:
    the device must agree with it, or leave float64 no farther than four times as the CPU does.
    """
    rounded = table.cast(table.arguments(case), jnp.dtype(dtype))
    here = evaluated(case, rounded)
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        rounded = jax.device_put(rounded, jax.local_devices(backend="cpu")[0])
        with jax.enable_x64(True):
            exact = evaluated(case, table.cast(rounded, jnp.dtype("float64")))
        error, limit = difference(here, exact), TOLERANCE[dtype]
        row = {"implementation": case.name, "kind": "value", "precision": PRECISION[dtype]}
        row |= {"error": error, "limit": limit, "against": "cpu f64", "ok": error <= limit}
        if not row["ok"]:
            there = evaluated(case, rounded)
            same, of_cpu = difference(here, there), difference(there, exact)
            row |= {"error_of_cpu": of_cpu, "error_to_cpu": same, "against": "cpu in the same dtype"}
            row["ok"] = same <= limit or error <= min(4 * of_cpu, 0.5)
    return row


def evaluated(case: Any, args: Any) -> list[np.ndarray]:
    """The leaves of a case's value and of its gradient for a fixed cotangent, in float64 or as integers."""

    def both(*args: Any) -> Any:
        def of(*chosen: Any) -> Any:
            whole = list(args)
            for position, value in zip(case.wrt, chosen, strict=True):
                whole[position] = value
            return case.function(*whole)

        if not case.wrt:
            return of()
        value, pull_back = jax.vjp(of, *(args[position] for position in case.wrt))
        return value, pull_back(jax.tree.map(_cotangent, value))

    leaves = jax.tree.leaves(jax.jit(both)(*args))
    numbers = [leaf for leaf in leaves if leaf.dtype != jax.dtypes.float0 and not _is_key(leaf)]
    return [
        np.asarray(leaf.astype(jnp.float32) if leaf.dtype == jnp.bfloat16 else leaf, np.float64) for leaf in numbers
    ]


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.extended)


def _cotangent(leaf: Any) -> Any:
    """Numbers of both signs that no sum cancels; float0 for integers."""
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return np.zeros(leaf.shape, jax.dtypes.float0)
    return jnp.cos(jnp.arange(leaf.size, dtype=jnp.float32)).reshape(leaf.shape).astype(leaf.dtype)


def difference(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """The largest difference, each array's in units of its largest number in `b` (of 1e-3 at least); NaN is infinite.

    >>> difference([np.array([1.0, 4.0])], [np.array([1.0, 2.0])]), difference([np.array([np.nan])], [np.ones(1)])
    (1.0, inf)
    """
    worst = 0.0
    for x, y in zip(a, b, strict=True):
        if x.shape != y.shape:
            return float("inf")
        same = (x == y) | (np.isnan(x) & np.isnan(y))  # infinities and NaN that both have
        gap = np.abs(np.subtract(x, y, where=~same, out=np.zeros_like(y)))
        scale = max(1e-3, float(np.abs(y, where=np.isfinite(y), out=np.zeros_like(y)).max(initial=0.0)))
        worst = max(worst, float(gap.max(initial=0.0)) / scale) if not np.isnan(gap).any() else float("inf")
    return worst


MASKS = ("none", "causal", "padding")
SHAPES = ((128, 128, 64), (256, 128, 64), (64, 64, 128))  # queries, keys, features of a head


def fused_attention(setting: Setting, deadline: Deadline) -> list[Record]:
    """Fused and plain attention in bf16, value and gradient, each against the plain form in f32.

    Raises: ImportError where there is no GPU for the fused form.
    """
    if jax.default_backend() not in ("gpu", "cuda"):
        raise ImportError("fused attention is a GPU's")
    shared = records.environment() | {"workload": "truth-fused-attention", "precision": "bf16"}
    found = []
    for n_queries, n_keys, features in SHAPES[: 1 if setting.quick else None]:
        for mask in MASKS:
            deadline.check()
            if mask == "causal" and n_queries != n_keys:
                continue
            name = f"fused/{n_queries}x{n_keys}x{features}/{mask}"
            found.append(shared | {"implementation": name, **fused_errors(n_queries, n_keys, features, mask)})
            print(f"{name}: {'ok' if found[-1]['ok'] else found[-1]}", flush=True)
    return found


def fused_errors(n_queries: int, n_keys: int, features: int, mask: str) -> Record:
    """{"error", "error_of_plain", "ok"}: fused may leave float32 twice as far as plain does, and 1 % more."""
    keys = jax.random.split(jax.random.key(0), 3)
    shapes = [(2, n, 4, features) for n in (n_queries, n_keys, n_keys)]
    q, k, v = (jax.random.normal(key, shape, jnp.bfloat16) for key, shape in zip(keys, shapes, strict=True))
    allowed = None
    if mask == "padding":
        allowed = (jnp.arange(n_keys)[None, :] < jnp.array([[n_keys], [n_keys // 2]]))[:, None, None, :]

    def both(method: str, *arrays: jax.Array) -> list[np.ndarray]:
        def of(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
            return dot_product_attention(q, k, v, mask=allowed, causal=mask == "causal", method=method)

        value, pull_back = jax.vjp(jax.jit(of), *arrays)
        return [np.asarray(leaf, np.float64) for leaf in (value, *pull_back(_cotangent(value)))]

    with precise("f32"):
        exact = both("plain", *(x.astype(jnp.float32) for x in (q, k, v)))
    plain, fused = difference(both("plain", q, k, v), exact), difference(both("fused", q, k, v), exact)
    return {"error": fused, "error_of_plain": plain, "ok": fused <= 2 * plain + 1e-2}
