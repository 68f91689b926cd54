"""The one table that every cross-cutting test runs over: gradients, parity, properties, mutations.

A row is a `Case`; the rows of a floor of the house lie in `tests/case_rows/<floor>.py` as a list named `CASES`.

References are other people's code: they run with JAX's standard promotion and with warnings silenced. A reference
under a name that begins with "torch" gets torch tensors (and may return them); "numpy", "scipy" and "sklearn" get numpy
arrays; any other name gets JAX arrays. All may return JAX arrays, numpy arrays, tensors or numbers, in a tree whose
leaves come in the order of our function's leaves.
"""

import functools
import importlib
import importlib.util
import pkgutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import case_rows  # type: ignore[import-not-found]
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.types import DType, Key


@dataclass(frozen=True, eq=False)  # hashed by identity: the tests cache what they compute per case
class Case:
    """One public function at one set of arguments.

    Attributes:
        name: "losses.huber" or "nn.dense/no-bias"; unique.
        function: called as `function(*args)`; options and keys are bound with a lambda or functools.partial.
        make: key -> float32 (or integer) arguments, arrays or trees of arrays. Cast to other dtypes by the tests.
        wrt: the arguments that the gradient check differentiates; () where the function has no gradient.
        batched: the arguments whose leading axis is the batch (row i of the output depends on row i only); () skips.
        dtypes: the dtypes in which the output keeps the dtype of the first floating argument.
        references: library name ("jax.nn", "optax", "flax", "torch") -> function of the same arguments.
        tolerance: relative and absolute, in float32; 1e-12 in float64 unless `tolerance64` says otherwise (None: the
            references cannot compute in float64).
        why: the reason beside any tolerance that is looser than the defaults.
    """

    name: str
    function: Callable[..., Any]
    make: Callable[[Key], tuple[Any, ...]]
    wrt: tuple[int, ...] = (0,)
    batched: tuple[int, ...] = ()
    dtypes: tuple[str, ...] = ("float16", "bfloat16", "float32", "float64")
    references: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    tolerance: float = 1e-6
    tolerance64: float | None = 1e-12
    why: str = ""


@functools.cache
def all_cases() -> tuple[Case, ...]:
    """Every row of every module in `tests/case_rows`."""
    modules = sorted(m.name for m in pkgutil.iter_modules(case_rows.__path__))
    return tuple(case for name in modules for case in importlib.import_module(f"case_rows.{name}").CASES)


def is_floating(x: Any) -> bool:
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating)


def cast(tree: Any, dtype: DType) -> Any:
    """The tree with its floating leaves in another dtype."""
    return jax.tree.map(lambda x: jnp.asarray(x, dtype) if is_floating(x) else x, tree)


@functools.cache
def arguments(case: Case, seed: int = 0) -> tuple[Any, ...]:
    """The case's float32 arguments; cast them up inside `jax.enable_x64`, so that both hold the same values."""
    return case.make(jax.random.key(seed))


def as_numpy(x: Any) -> Any:
    """One leaf (JAX array, tensor, number) as a numpy array; keys and the rest stay as they are."""
    if type(x).__module__.startswith("torch"):
        return x.detach().numpy()
    if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        return x
    return np.asarray(x) if hasattr(x, "dtype") or isinstance(x, bool | int | float) else x


def _as_tensor(x: Any) -> Any:
    import torch

    x = as_numpy(x) if hasattr(x, "dtype") else x
    if not isinstance(x, np.ndarray):
        return x
    tensor = torch.from_numpy(x.copy())  # torch refuses to share read-only memory
    return tensor if tensor.is_floating_point() or tensor.dtype == torch.bool else tensor.long()


def missing_library(name: str) -> str | None:
    """The library that a reference name needs, if it is not installed: "torch/lstm" needs torch."""
    library = name.replace("/", ".").split(".")[0]
    optional = ("torch", "flax", "sklearn", "scipy", "optax")
    return library if library in optional and importlib.util.find_spec(library) is None else None


def run_reference(name: str, reference: Callable[..., Any], args: tuple[Any, ...]) -> list[np.ndarray]:
    """The leaves of what the reference returns, as numpy arrays; what it receives is said at the top of this file."""
    library = name.replace("/", ".").split(".")[0]
    if library == "torch":
        args = jax.tree.map(_as_tensor, args)
    elif library in ("numpy", "scipy", "sklearn"):
        args = jax.tree.map(as_numpy, args)
    with warnings.catch_warnings(), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        warnings.simplefilter("ignore")
        return [as_numpy(leaf) for leaf in jax.tree.leaves(reference(*args))]


def assert_close(ours: Any, theirs: list[np.ndarray], tolerance: float) -> None:
    """Equal leaves in number and shape; values within tolerance, relative and absolute; integers and bools equal."""
    leaves = [as_numpy(leaf) for leaf in jax.tree.leaves(ours)]
    assert [leaf.shape for leaf in leaves] == [leaf.shape for leaf in theirs], "shapes differ"
    for a, b in zip(leaves, theirs, strict=True):
        limit = tolerance if jnp.issubdtype(a.dtype, jnp.floating) else 0.0
        a, b = (x.astype(np.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x for x in (a, b))
        np.testing.assert_allclose(a, b, rtol=limit, atol=limit)
