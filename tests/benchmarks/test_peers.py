"""Every implementation of every workload trains like ours: the same losses over 20 steps, on reduced sizes."""

import importlib
import importlib.util
import warnings
from typing import Any

import jax
import numpy as np
import pytest
from without_inductor import without_inductor

from benchmarks import peers
from benchmarks.workloads import cases, ours
from benchmarks.workloads.trainer import PARITY, PARITY_STEPS, Trainer, build, curve, parity

pytestmark = pytest.mark.usefixtures("compiled_lightly")

QUICK = ("mlp", "autoencoder", "cnn")  # the largest networks compile for long: with the slow tests
LIBRARIES = {"flax": "flax", "nnx": "flax", "torch": "torch", "torch-compile": "torch", "keras": "keras"}


@pytest.fixture(autouse=True)
def _their_conventions():
    """Peers promote types and broadcast silently, and warn about themselves; our own rows keep the strict settings."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _Curves(dict[str, list[float]]):
    """Our loss curve of each workload, computed when it is asked for."""

    def __missing__(self, name: str) -> list[float]:
        trainer, _, _, first = build(ours.rows(cases.make(name, small=True))[ours.REFERENCE])
        self[name] = curve(trainer, first)
        return self[name]


@pytest.fixture(scope="module")
def expected() -> _Curves:
    return _Curves()


def _check(trainer: Trainer, first: float, expected: list[float]) -> None:
    losses = curve(trainer, first)
    assert len(losses) == PARITY_STEPS
    assert parity(expected, losses) < PARITY
    jax.block_until_ready(trainer.epoch())
    assert np.isfinite(float(trainer.step(0)))  # the epoch left a state to go on from


def _ours() -> list[Any]:
    pairs = [(name, row) for name in cases.BUILDERS for row in ("jaxdl", "jaxdl-recipe")]
    return [pytest.param(*pair, marks=() if pair[0] in QUICK else pytest.mark.slow) for pair in pairs]


@pytest.mark.parametrize(("name", "row"), _ours())
def test_our_rows_agree(name: str, row: str, expected: _Curves) -> None:
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        trainer, _, _, first = build(ours.rows(cases.make(name, small=True))[row])
        _check(trainer, first, expected[name])


def _unless_slow(name: str, peer: str) -> Any:
    """torch.compile takes many seconds each, and the largest networks compile for long."""
    slow = peer == "torch-compile" or name not in QUICK
    return pytest.param(name, peer, marks=pytest.mark.slow if slow else ())


@pytest.mark.parametrize(("name", "peer"), [_unless_slow(n, p) for n in cases.BUILDERS for p in peers.MODULES])
def test_peer_agrees(name: str, peer: str, expected: _Curves, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(LIBRARIES[peer]) is None:
        pytest.skip(f"{LIBRARIES[peer]} is not installed")
    if LIBRARIES[peer] == "torch":  # one thread: several would spin on a busy machine
        monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)
    if peer == "torch-compile" and name != "mlp":
        without_inductor(monkeypatch)
    rows = peers.rows(peer, cases.make(name, small=True))
    assert rows
    for make in rows.values():
        trainer, _, _, first = build(make)
        _check(trainer, first, expected[name])


def test_the_curve_depends_on_the_weights(expected: _Curves) -> None:
    """The gate can fail: other weights, another curve."""
    pytest.importorskip("flax", reason="flax is not installed")
    case = cases.make("mlp", small=True)
    object.__setattr__(case, "weights", lambda: jax.tree.map(lambda w: 1.05 * w, cases.Case.weights(case)))
    trainer, _, _, first = build(peers.rows("flax", case)["flax"])
    assert parity(expected["mlp"], curve(trainer, first)) > PARITY


def test_an_unknown_peer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no peer 'tensorflow'; there are flax, nnx, torch, torch-compile, keras"):
        peers.rows("tensorflow", cases.make("mlp", small=True))


@pytest.mark.parametrize("peer", ["flax", "nnx"])
def test_a_parameter_of_another_shape_is_refused(peer: str) -> None:
    """A peer whose layers differ from ours cannot take our weights."""
    pytest.importorskip("flax", reason="flax is not installed")
    case = cases.make("mlp", small=True)
    weights = case.weights()
    weights["layer_0"]["w"] = weights["layer_0"]["w"][:-1]
    object.__setattr__(case, "weights", lambda: weights)
    with pytest.raises(Exception, match="shape"):
        build(next(iter(peers.rows(peer, case).values())))
