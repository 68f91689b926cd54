"""A function of trees as a function of one flat float64 vector, with its gradient and its changes along steps."""

import contextlib
import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.checks.differences import LEVELS
from jaxdl.types import Shape

CHUNK_ELEMENTS = 2**21  # perturbed points and outputs held at once (16 MiB in float64)
CHUNK_ROWS = 512
_GROUPED = re.compile(r"feature_group_count=(?!1\b)")  # as many groups more as points: minutes in XLA's loop on a CPU
FAST = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}  # compiling is most of the time
WRAP = (
    "The function computes in NumPy, which JAX cannot differentiate. Wrap it with a backward rule, and check that:"
    " a jax.custom_vjp whose forward rule is jax.pure_callback(f, jax.ShapeDtypeStruct(shape, x.dtype), x,"
    ' vmap_method="sequential"), and whose backward rule calls yours in the same way.'
)


class Leaf(NamedTuple):
    """Where one differentiated leaf lies in the flat vector."""

    path: str
    shape: Shape
    start: int
    size: int


class Problem(NamedTuple):
    """g(x) = sum over all floating outputs of cotangent * f, for the flat vector x [N] of all differentiated leaves.

    Attributes:
        leaves: the layout of x.
        point: x itself, float64 [N].
        gradient: x -> the reverse-mode gradient of g, [N].
        changes: (x, points [M, N]) -> (g(point) - g(x) [M], magnitude of the terms that changed [M]).
        bend: (x, a, b) -> sum over the outputs of |cotangent (f(a) + f(b) - 2 f(x))|.
        changed_by_tracing: () -> whether f, traced once more, is another function.
        narrow: the narrower floating types that f computes in, "float32", or "" if all of f is in float64.
    """

    leaves: tuple[Leaf, ...]
    point: np.ndarray
    gradient: Callable[[np.ndarray], np.ndarray]
    changes: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    bend: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    changed_by_tracing: Callable[[], bool]
    narrow: str


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic)


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, float) or (_is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating))


def active_leaves(args: Sequence[Any], argnums: Sequence[int]) -> list[tuple[str, np.ndarray]]:
    """The leaves to differentiate, by path, in float64; anything that is not a real number is refused by name."""
    leaves = []
    for i in argnums:
        if not -len(args) <= i < len(args):
            raise ValueError(f"argnums names argument {i}, but only {len(args)} arguments were given")
        for path, leaf in jax.tree_util.tree_flatten_with_path(args[i])[0]:
            name = f"args[{i % len(args)}]{jax.tree_util.keystr(path)}"
            if not _is_floating(leaf):
                kind = leaf.dtype if _is_array(leaf) else type(leaf).__name__
                raise TypeError(
                    f"{name} is {kind}: only real floating leaves have gradients to check. Leave its argument out of"
                    " argnums, or pass the leaf as an argument of its own"
                )
            leaves.append((name, np.asarray(leaf, np.float64)))
    if not leaves:
        raise ValueError("there is nothing to check: the arguments in argnums have no leaves")
    return leaves


def layout(active: Sequence[tuple[str, np.ndarray]]) -> tuple[Leaf, ...]:
    starts = np.cumsum([0, *(value.size for _, value in active)])
    return tuple(
        Leaf(name, value.shape, int(start), value.size)
        for (name, value), start in zip(active, starts[:-1], strict=True)
    )


def _widen(leaf: Any) -> Any:
    return jnp.asarray(leaf, jnp.float64) if _is_array(leaf) and _is_floating(leaf) else leaf


def flat_function(
    f: Callable[..., Any], args: tuple[Any, ...], argnums: Sequence[int], leaves: Sequence[Leaf]
) -> tuple[Callable[[jax.Array, list[Any]], jax.Array], list[Any]]:
    """f as (x [N], other arrays) -> all floating outputs [O] in float64, and those other arrays.

    Arrays go in as arguments, so that XLA does not fold them as constants; Python values stay as they are.
    """
    argnums = [i % len(args) for i in argnums]
    structures = [jax.tree.structure(args[i]) for i in argnums]
    rest, rest_structure = jax.tree.flatten([None if i in argnums else a for i, a in enumerate(args)])
    arrays = [_widen(leaf) for leaf in rest if _is_array(leaf)]

    def flat(x: jax.Array, arrays: list[Any]) -> jax.Array:
        values = iter([x[leaf.start : leaf.start + leaf.size].reshape(leaf.shape) for leaf in leaves])
        others = iter(arrays)
        filled = [next(others) if _is_array(leaf) else leaf for leaf in rest]
        full = list(jax.tree.unflatten(rest_structure, filled))
        for i, structure in zip(argnums, structures, strict=True):
            full[i] = jax.tree.unflatten(structure, [next(values) for _ in range(structure.num_leaves)])
        outputs = [jnp.asarray(y) for y in jax.tree.leaves(f(*full))]
        if any(jnp.issubdtype(y.dtype, jnp.complexfloating) for y in outputs):
            raise TypeError("the function returns complex values: check their real and imaginary parts instead")
        floating = [y.astype(jnp.float64).ravel() for y in outputs if jnp.issubdtype(y.dtype, jnp.floating)]
        if not floating:
            raise TypeError(f"the function returns no floating values to differentiate (it returns {outputs})")
        return jnp.concatenate(floating)

    return flat, arrays


def make_problem(f: Callable[..., Any], args: tuple[Any, ...], argnums: Sequence[int], seed: int) -> Problem:
    """Flatten, widen and compile; call it with 64-bit types enabled.

    Raises:
        TypeError: a leaf to differentiate is not real and floating, or f returns no real floating values.
        ValueError: argnums names no argument or no leaf; f fails in float64.
    """
    active = active_leaves(args, argnums)
    leaves = layout(active)
    point = np.concatenate([value.ravel() for _, value in active])
    flat, arrays = flat_function(f, args, argnums, leaves)
    try:
        jaxpr = jax.make_jaxpr(flat)(point, arrays)
    except ValueError as error:
        if "dtype promotion" in str(error):
            error.add_note("Gradients are checked in float64; arrays that f closes over or makes keep their own dtype.")
        raise
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        error.add_note(WRAP)
        raise
    rng = np.random.default_rng(seed)
    n_out = jaxpr.out_avals[0].shape[0]
    cotangent = rng.uniform(0.5, 1.5, n_out) * rng.choice([-1.0, 1.0], n_out)  # no output has a small weight

    @functools.partial(jax.jit, compiler_options=FAST)
    def gradient(x: jax.Array, cotangent: jax.Array, arrays: list[Any]) -> jax.Array:
        return jax.vjp(lambda x: flat(x, arrays), x)[1](cotangent)[0]

    @functools.partial(jax.jit, compiler_options=FAST)
    def bend(points: jax.Array, arrays: list[Any]) -> jax.Array:
        at_x, a, b = jax.lax.map(lambda x: flat(x, arrays), points)
        return a + b - 2 * at_x

    return Problem(
        leaves,
        point,
        lambda x: np.asarray(gradient(x, cotangent, arrays)),
        _changes(flat, cotangent, arrays, point.size, in_turn=_GROUPED.search(str(jaxpr)) is not None),
        lambda x, a, b: float(np.abs(cotangent) @ np.abs(bend(np.stack([x, a, b]), arrays))),
        lambda: _program(jaxpr) != _program(jax.make_jaxpr(lambda x, arrays: flat(x, arrays))(point, arrays)),
        _narrow(str(jaxpr)),
    )


def _program(jaxpr: Any) -> tuple[str, list[bytes]]:
    """A traced function in letters and bytes, without the addresses of its functions."""
    arrays = [c for c in jaxpr.consts if _is_array(c)]
    plain = [jax.random.key_data(c) if jnp.issubdtype(c.dtype, jax.dtypes.prng_key) else c for c in arrays]
    return re.sub(r"0x[0-9a-f]+", "", str(jaxpr)), [np.asarray(c).tobytes() for c in plain]


def _narrow(program: str) -> str:
    names = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
    dtypes = set(re.findall(r"\b(f32|f16|bf16)\[", program))
    return ", ".join(full for short, full in names.items() if short in dtypes)


def _changes(
    flat: Callable[..., jax.Array], cotangent: np.ndarray, arrays: list[Any], n: int, *, in_turn: bool
) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The compiled map from perturbed points to the changes of g, vectorized over a chunk of points or `in_turn`."""

    def values(points: jax.Array, arrays: list[Any]) -> jax.Array:  # [M, O]
        if not in_turn:
            with contextlib.suppress(NotImplementedError):  # a primitive without a batching rule
                return jax.vmap(flat, in_axes=(0, None))(points, arrays)
        return jax.lax.map(lambda x: flat(x, arrays), points)

    @functools.partial(jax.jit, compiler_options=FAST)
    def compiled(points: jax.Array, cotangent: jax.Array, arrays: list[Any]) -> tuple[jax.Array, jax.Array]:
        outputs = values(points, arrays)
        change = outputs - outputs[:1]  # row 0 is the point itself: what did not change cancels exactly
        size = jnp.where(change != 0, jnp.abs(outputs) + jnp.abs(outputs[:1]), 0.0)
        return change @ cotangent, size @ jnp.abs(cotangent)

    rows = int(np.clip(CHUNK_ELEMENTS // (n + cotangent.size + 1), 2, min(CHUNK_ROWS, 2 * LEVELS * n + 2)))

    def changes(x: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        results = []
        for begin in range(0, len(points), rows - 1):
            part = points[begin : begin + rows - 1]
            chunk = np.concatenate([x[None], part, np.tile(x, (rows - 1 - len(part), 1))])  # one shape: one program
            change, size = compiled(chunk, cotangent, arrays)
            results.append((np.asarray(change)[1 : 1 + len(part)], np.asarray(size)[1 : 1 + len(part)]))
        return np.concatenate([c for c, _ in results]), np.concatenate([s for _, s in results])

    return changes
