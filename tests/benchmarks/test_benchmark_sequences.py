"""The workloads on sequences: sizes, data, and every implementation's losses or tokens against ours."""

import functools
import importlib.util
import warnings
from typing import Any

import jax
import numpy as np
import pytest
from without_inductor import without_inductor

from benchmarks import peers
from benchmarks.workloads import cases, ours, sequence_cases
from benchmarks.workloads.trainer import PARITY, Trainer, build, curve, parity
from jaxdl.data.text import BOS, EOS, N_SPECIAL

pytestmark = pytest.mark.usefixtures("compiled_lightly")

REFERENCE = [("lstm", 16.34), ("gru", 12.32), ("transformer", 69.65), ("transformer-8k", 94.62)]
NAMES = tuple(sequence_cases.BUILDERS)
LIBRARIES = {"flax": "flax", "nnx": "flax", "torch": "torch", "torch-compile": "torch"}


@pytest.fixture
def _their_conventions():
    """Peers promote types and broadcast silently, and warn about themselves."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@functools.cache
def expected(name: str) -> list[float]:
    """The losses of our first row, by our own strict settings; of decoding the checksums."""
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        return _curve(next(iter(ours.rows(cases.make(name, small=True)).values())))


def _curve(make: Any) -> list[float]:
    trainer, _, _, first = build(make)
    return curve(trainer, first)


@pytest.mark.parametrize(("name", "gflop"), REFERENCE)
def test_flops_are_those_of_the_reference_figures(name: str, gflop: float) -> None:
    assert cases.make(name).flops / 1e9 == pytest.approx(gflop, rel=1e-3)


@pytest.mark.parametrize("name", ["lstm", "gru", "transformer"])
def test_flops_agree_with_the_compiler(name: str) -> None:
    """Of a forward pass; XLA counts a loop's body once, so that the length is 1 and the layers are one a side."""
    case = cases.make(name)
    length = 1 if name != "transformer" else 32
    one = {"n_encoder_layers": 1, "n_decoder_layers": 1} if name == "transformer" else {}
    config = type(case.config)(**vars(case.config) | one)
    count = sequence_cases.counts.transformer if name == "transformer" else sequence_cases.counts.seq2seq
    tokens = jax.ShapeDtypeStruct((case.batch, length), np.int32)
    params = jax.eval_shape(lambda key: case.model.init(key, config), jax.random.key(0))
    forward = jax.jit(case.model.apply, static_argnums=3).lower(params, tokens, tokens, config)
    cost = forward.compile().cost_analysis() or {}
    assert case.batch * sum(count(config, length)) == pytest.approx(cost["flops"], rel=0.06)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("small", [True, False])
def test_targets_are_the_sources_in_reverse(name: str, small: bool) -> None:
    case = cases.make(name, small=small)
    data, again = case.data(), case.data()
    source, target = data["source"], data["target"]
    assert source.shape == (case.n_examples, *case.shape)
    assert target.shape == (case.n_examples, case.shape[0] + 1)
    assert {source.dtype, target.dtype} == {np.dtype(np.int32)}
    np.testing.assert_array_equal(source[:, :-1], target[:, -2:0:-1])
    assert (target[:, 0] == BOS).all() and (target[:, -1] == EOS).all() and (source[:, -1] == EOS).all()  # noqa: PT018
    assert source[:, :-1].min() >= N_SPECIAL and source.max() < case.config.n_source  # noqa: PT018
    np.testing.assert_array_equal(source, again["source"])
    assert case.tokens == case.batch * case.shape[0]


def _check(name: str, make: Any) -> None:
    trainer: Trainer
    trainer, _, _, first = build(make)
    assert parity(expected(name), curve(trainer, first)) < (0.5 if name == "decoding" else PARITY)
    jax.block_until_ready(trainer.epoch())
    assert np.isfinite(float(trainer.step(0)))


# Compilation takes the time: by default a form of each kind.
FAST = {
    ("lstm", "ours"),
    ("lstm", "torch"),
    ("transformer", "flax"),
    ("decoding", "torch"),
    ("decoding", "torch-compile"),
}


def _pairs(*names_of_peers: str) -> list[Any]:
    pairs = [(name, peer) for name in NAMES for peer in names_of_peers]
    return [pytest.param(*pair, marks=() if pair in FAST else pytest.mark.slow) for pair in pairs]


@pytest.mark.parametrize(("name", "peer"), _pairs("ours"))
def test_our_rows_agree(name: str, peer: str) -> None:
    del peer
    for row, make in list(ours.rows(cases.make(name, small=True)).items())[1:]:
        if row != "jaxdl-no-jit":  # minutes, operation by operation
            _check(name, make)


@pytest.mark.usefixtures("_their_conventions")
@pytest.mark.parametrize(("name", "peer"), _pairs(*LIBRARIES))
def test_peer_agrees(name: str, peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(LIBRARIES[peer]) is None:
        pytest.skip(f"{LIBRARIES[peer]} is not installed")
    if LIBRARIES[peer] == "torch":  # one thread: several would spin on a busy machine
        monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)
    if peer == "torch-compile":
        without_inductor(monkeypatch)
    if (name, peer) == ("decoding", "torch-compile"):
        with pytest.raises(peers.NotWritten, match="every length is compiled anew"):
            peers.rows(peer, cases.make(name, small=True))
        return
    rows = peers.rows(peer, cases.make(name, small=True))
    assert rows
    for make in rows.values():
        _check(name, make)


def test_what_keras_leaves_out_is_told() -> None:
    pytest.importorskip("keras", reason="keras is not installed")
    with pytest.raises(ImportError, match="not written for sequences"):
        peers.rows("keras", cases.make("lstm", small=True))


def test_the_checksum_sees_one_token_and_its_place() -> None:
    tokens = np.arange(12).reshape(3, 4)
    assert sequence_cases.checksum(tokens) == sum(i * (i + 1) for i in range(12))
    for i in range(12):
        other = tokens.copy()
        other.flat[i] += 1
        assert sequence_cases.checksum(other) != sequence_cases.checksum(tokens)
    assert sequence_cases.checksum(tokens[::-1]) != sequence_cases.checksum(tokens)


def test_the_tokens_depend_on_the_weights() -> None:
    """The gate of decoding can fail."""
    case = cases.make("decoding", small=True)
    object.__setattr__(case, "weights", lambda: jax.tree.map(lambda w: -w, cases.Case.weights(case)))
    assert parity(expected("decoding"), _curve(ours.rows(case)["jaxdl"])) > PARITY
