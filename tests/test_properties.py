"""What every public function keeps: shapes, jit, rows of a batch, dtypes, finite gradients, export, shards, numpy.

All of it under strict dtype promotion and with rank promotion refused (conftest).
"""

import functools
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from cases import Case, all_cases, arguments, as_numpy, cast, is_floating

CASES = all_cases()
# Without jit each operation of a whole model is compiled by itself: seconds a model.
EAGER_CASES = [pytest.param(c, marks=pytest.mark.slow) if c.name.startswith("models.") else c for c in CASES]


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda c: c.name)


def shapes(tree: Any) -> list[Any]:
    return [(jnp.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(tree)]


def assert_same(a: Any, b: Any, rtol: float) -> None:
    """Equal up to rounding, relative to the largest entry of each leaf."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        x, y = as_numpy(x), as_numpy(y)
        scale = np.max(np.abs(x[np.isfinite(x)]), initial=1e-30) if is_floating(x) else 0.0
        np.testing.assert_allclose(x, y, rtol=0.0, atol=rtol * float(scale))


@functools.cache
def eager(case: Case) -> Any:
    return case.function(*arguments(case))


@each(EAGER_CASES)
def test_shapes_and_dtypes_are_known_without_running(case: Case):
    assert shapes(jax.eval_shape(case.function, *arguments(case))) == shapes(eager(case))


@each(EAGER_CASES)
def test_jit_equals_eager(case: Case):
    assert_same(jax.jit(case.function)(*arguments(case)), eager(case), rtol=2e-6)


@each(EAGER_CASES)
def test_numpy_input(case: Case):
    args = jax.tree.map(as_numpy, arguments(case))
    assert_same(case.function(*args), eager(case), rtol=2e-6)


@each([c for c in CASES if c.batched])
def test_row_of_batch_equals_single_example(case: Case):
    args = arguments(case)
    n = jnp.shape(jax.tree.leaves(args[case.batched[0]])[0])[0]
    assert n > 1, "a batch of one row proves nothing"
    for i in {0, n - 1}:
        row = functools.partial(jax.tree.map, lambda x, i=i: x[i : i + 1])
        single = [row(arg) if j in case.batched else arg for j, arg in enumerate(args)]
        assert_same(jax.jit(case.function)(*single), row(eager(case)), rtol=1e-5)


@pytest.mark.parametrize(
    ("case", "dtype"),
    [(c, d) for c in CASES for d in c.dtypes],
    ids=lambda v: v.name if isinstance(v, Case) else v,
)
def test_dtype_is_kept(case: Case, dtype: str):
    args = arguments(case)
    with jax.enable_x64(dtype == "float64"):
        output = jax.eval_shape(case.function, *cast(args, jnp.dtype(dtype)))
    floating = [leaf.dtype for leaf in jax.tree.leaves(output) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    assert all(found == jnp.dtype(dtype) for found in floating), floating


def total(case: Case, *args: Any) -> Any:
    """The sum of all floating outputs."""
    leaves = [leaf for leaf in jax.tree.leaves(case.function(*args)) if is_floating(leaf)]
    return functools.reduce(jnp.add, [jnp.sum(leaf) for leaf in leaves])


@each([c for c in CASES if c.wrt and c.batched])
def test_gradients_may_be_taken_where_the_batch_is_cut_over_devices(case: Case):
    """`jax.shard_map` with its check: the types say what differs between devices, and so which gradients to add up."""
    args = arguments(case)
    cut = tuple(jax.sharding.PartitionSpec("rows" if i in case.batched else None) for i in range(len(args)))
    n = len(jax.tree.leaves(args[case.batched[0]])[0]) // 2 * 2
    args = [jax.tree.map(lambda x: x[:n], arg) if i in case.batched else arg for i, arg in enumerate(args)]
    mesh = jax.make_mesh((2,), ("rows",), devices=jax.devices()[:2], axis_types=(jax.sharding.AxisType.Auto,))

    def loss(*args):
        return jax.lax.psum(total(case, *args), "rows")

    specs: dict[str, Any] = {"in_specs": cut, "out_specs": tuple(cut[i] for i in case.wrt)}
    gradient = jax.shard_map(jax.grad(loss, argnums=case.wrt), mesh=mesh, **specs)
    assert shapes(jax.eval_shape(gradient, *args)) == shapes(tuple(args[i] for i in case.wrt))


@each([c for c in CASES if c.wrt])
def test_gradients_are_finite_and_exported(case: Case):
    """`jax.export` lowers value and gradient for platforms that are not here, with the fast forms of each."""
    gradient = jax.jit(jax.grad(functools.partial(total, case), argnums=case.wrt))
    gradients = gradient(*arguments(case))
    for path, leaf in jax.tree_util.tree_flatten_with_path(gradients)[0]:
        assert np.isfinite(leaf).all(), f"argument {case.wrt[path[0].idx]}{jax.tree_util.keystr(path[1:])}"
    exported = jax.export.export(gradient, platforms=("cpu", "cuda"))(*arguments(case))
    assert [(aval.shape, aval.dtype) for aval in exported.out_avals] == shapes(gradients)
