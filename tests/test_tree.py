"""Leaves by path, and the table of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import mlp
from jaxdl.training import TrainState
from jaxdl.tree import from_named_leaves, named_leaves, parameter_count, summary

TREE = {"layer_1": {"w": jnp.ones((2, 3)), "b": jnp.zeros(3)}, "items": [jnp.zeros(()), (jnp.ones(1, jnp.int32),)]}


def test_names_are_paths_in_the_order_of_the_tree():
    named = named_leaves(TREE)
    assert list(named) == ["items/0", "items/1/0", "layer_1/b", "layer_1/w"]
    assert all(a is b for a, b in zip(named.values(), jax.tree.leaves(TREE), strict=True))


def test_round_trip():
    named = named_leaves(TREE)
    back = from_named_leaves(TREE, dict(reversed(named.items())))
    assert jax.tree.structure(back) == jax.tree.structure(TREE)
    assert all(a is b for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(TREE), strict=True))


def test_named_tuples_have_field_names():
    state = TrainState({"w": jnp.ones(1)}, {}, (), jax.random.key(0), jnp.asarray(3))
    assert list(named_leaves(state)) == ["params/w", "key", "step"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda leaves: leaves.pop("layer_1/w"), r"no leaf named 'layer_1/w' \(1 missing in all\)"),
        (lambda leaves: leaves.update(extra=1), r"leaf 'extra' has no place in the tree \(1 such leaves\)"),
        (
            lambda leaves: leaves.update({"layer_1/b": np.zeros(4)}),
            r"leaf 'layer_1/b': expected shape \(3,\), got \(4,\)",
        ),
    ],
)
def test_wrong_leaves_are_named(change, message):
    leaves = dict(named_leaves(TREE))
    change(leaves)
    with pytest.raises(ValueError, match=message):
        from_named_leaves(TREE, leaves)


def test_summary_counts_what_the_model_has():
    params = mlp.init(jax.random.key(0), mlp.Config(n_in=784, n_out=10, widths=(512,)))
    header, *rows, total = summary(params).splitlines()
    assert header.split() == ["path", "rank", "shape", "dtype", "parameters", "bytes"]
    assert [row.split()[0] for row in rows] == ["layer_0/b", "layer_0/w", "layer_1/b", "layer_1/w"]
    assert total.split() == ["total", "407,050", "1,628,200"]
    assert parameter_count(params) == 784 * 512 + 512 + 512 * 10 + 10


@pytest.mark.parametrize("tree", [{}, [], None, 3.0, {"a": 1}, TREE, jnp.zeros((2, 0))])
def test_summary_of_any_tree(tree):
    lines = summary(tree).splitlines()
    assert len(lines) == 2 + len(jax.tree.leaves(tree))


def test_summary_knows_bytes_of_every_dtype():
    tree = {"half": jnp.zeros(10, jnp.bfloat16), "byte": jnp.zeros(10, jnp.uint8), "word": np.zeros(10, np.float64)}
    assert summary(tree).splitlines()[-1].split() == ["total", "30", "110"]
