"""What the GPU's command measures, by stand-ins for the GPU: truth, large models, runs that are stopped and go on."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.gpu import large, peaks, plan, published, speed, truth
from benchmarks.gpu.deadline import Deadline, TimeIsOver
from benchmarks.gpu.settings import RECIPES, WORKLOADS, Setting
from benchmarks.measuring import runs
from benchmarks.workloads import cases, flops, ours
from benchmarks.workloads.trainer import PARITY, build, curve, parity
from jaxdl.nn import attention

QUICK = Setting("cpu", Path("nowhere"), quick=True)


def test_the_whole_plan_names_functions_that_are_there():
    import importlib

    parts = plan.parts(Setting("gpu", Path("nowhere")))
    assert [part.group for part in parts] == ["truth", "speed", "speed", "large", "networks", "scores"]
    names = [item.name for part in parts for item in part.items]
    assert len(names) == len(set(names))
    assert {f"speed-{name}-{way}" for name in WORKLOADS for way in ("f32", "bf16")} <= set(names)
    assert [name for name in names if name.startswith("scores-")] == [f"scores-{name}" for name in RECIPES]
    for item in (item for part in parts for item in part.items):
        module, function = item.function.split(":")
        assert callable(getattr(importlib.import_module(f"benchmarks.gpu.{module}"), function))
    assert sum(part.seconds for part in parts) == 8 * 60


# Truth


def case_of(function: Any, **more: Any) -> Any:
    table, _ = truth.table_of("norm")
    return table.Case("a case", function, lambda key: (jax.random.normal(key, (5,)),), **more)


def test_a_device_that_computes_something_else_is_found():
    table, _ = truth.table_of("norm")
    assert truth.value_record(table, case_of(jnp.sin), "float32")["ok"]

    def wrong(x: jax.Array) -> jax.Array:
        here = jax.config.jax_default_device is None  # pyright: ignore[reportAttributeAccessIssue]
        return jnp.sin(x) * (1.01 if here else 1.0)

    row = truth.value_record(table, case_of(wrong), "float32")
    assert not row["ok"]
    assert row["error"] == pytest.approx(0.01, rel=0.5)


def test_rounding_that_the_cpu_has_as_well_is_no_fault_of_the_device():
    table, _ = truth.table_of("norm")
    row = truth.value_record(table, case_of(lambda x: (100 + x) - 100), "bfloat16")
    assert row["ok"]
    assert row["error"] > row["limit"]
    assert row["error_to_cpu"] == 0.0


def test_a_gradient_that_is_wrong_on_the_device_is_found(monkeypatch: pytest.MonkeyPatch):
    @jax.custom_jvp
    def square(x: jax.Array) -> jax.Array:
        return x * x

    square.defjvp(lambda primals, tangents: (square(primals[0]), 1.9 * primals[0] * tangents[0]))
    table = SimpleNamespace(arguments=lambda case: case.make(jax.random.key(0)))
    cases_ = [case_of(square), case_of(jnp.sin)]
    monkeypatch.setattr(truth, "table_of", lambda group: (table, cases_))
    assert [row["ok"] for row in truth.gradients(QUICK, Deadline(60), "norm")] == [False, True]


@pytest.fixture
def standing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU whose fused attention is the plain one."""

    def fused(q: Any, k: Any, v: Any, *, mask: Any, is_causal: bool, implementation: str) -> Any:
        assert implementation == "cudnn"
        return attention.dot_product_attention(q, k, v, mask=mask, causal=is_causal, method="plain")

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax.nn, "dot_product_attention", fused)


@pytest.mark.usefixtures("standing_in")
def test_fused_attention_is_held_against_the_plain_form(monkeypatch: pytest.MonkeyPatch):
    rows = truth.fused_attention(QUICK, Deadline(60))
    assert [row["implementation"].split("/")[-1] for row in rows] == list(truth.MASKS)
    assert all(row["ok"] for row in rows)
    right = jax.nn.dot_product_attention
    monkeypatch.setattr(jax.nn, "dot_product_attention", lambda *a, **b: right(*a, **b) * 1.1)
    assert not any(row["ok"] for row in truth.fused_attention(QUICK, Deadline(60)))


def test_differences():
    assert truth.difference([np.array([1.0])], [np.ones(2)]) == float("inf")
    assert truth.difference([np.array([np.inf, 1.0])], [np.array([np.inf, 1.0])]) == 0.0
    assert truth.difference([np.zeros(0)], [np.zeros(0)]) == 0.0


# Speed


def test_products_in_f32_take_no_tf32():
    def text(precision: str) -> str:
        with speed.precise(precision):
            return jax.jit(jnp.dot).lower(jnp.ones((2, 2)), jnp.ones((2, 2))).as_text()

    assert "HIGHEST" in text("f32")
    assert "HIGHEST" not in text("bf16")


# Large models


@pytest.mark.parametrize("name", ["language-model", "translation"])
def test_torch_trains_the_same_large_model(name: str):
    pytest.importorskip("torch")
    from benchmarks.peers import torch_eager

    case: Any = dataclasses.replace(large.case(name, batch=4, small=True), precision="f32")
    ours_, _, _, first = build(ours.rows(case)["jaxdl-step"])
    theirs, _, _, same = build(torch_eager.rows(case)["torch"])
    assert parity(curve(ours_, first, 10), curve(theirs, same, 10)) < PARITY


@pytest.mark.parametrize("name", ["language-model", "translation"])
def test_flops_are_six_a_parameter_and_token_and_those_of_attention(name: str):
    case = large.case(name)
    c, length = case.config, case.shape[0]
    dense = jax.eval_shape(lambda: case.model.init(jax.random.key(0), c))
    matrices = sum(leaf.size for leaf in jax.tree.leaves(dense) if leaf.ndim >= 2 and leaf.shape[-1] == leaf.shape[-1])
    layers = c.n_decoder_layers if c.n_encoder_layers == 0 else c.n_encoder_layers + 2 * c.n_decoder_layers
    attention = 3 * 2 * 2 * length * c.d_model * layers
    assert case.flops / case.tokens == pytest.approx(6 * matrices + attention, rel=0.01)
    assert flops.step(flops.transformer(c, length), 1) * case.batch == case.flops


def test_a_batch_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch):
    tried = []

    def measure(setting: Setting, case: Any) -> list[dict[str, Any]]:
        tried.append(case.batch)
        if case.batch > 4:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")
        return [{"batch": case.batch}]

    monkeypatch.setattr(large, "_measure", measure)
    assert large.measure(Setting("gpu", Path("nowhere")), Deadline(60), "translation") == [{"batch": 4}]
    assert tried == [16, 8, 4]
    with pytest.raises(TimeIsOver):
        large.measure(Setting("gpu", Path("nowhere")), Deadline(0), "translation")


def test_an_error_of_another_kind_is_not_taken_for_memory(monkeypatch: pytest.MonkeyPatch):
    def measure(*_: object) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(large, "_measure", measure)
    with pytest.raises(RuntimeError, match="shapes"):
        large.measure(Setting("gpu", Path("nowhere")), Deadline(60), "translation")


def test_peaks_are_named():
    assert peaks.peak_of("NVIDIA H100 PCIe").flops_per_s == 756e12
    assert peaks.peak_of("NVIDIA H200").flops_per_s == 989.4e12
    unknown = peaks.peak_of("a GPU of tomorrow", side=16)
    assert "measured" in unknown.name


def test_the_limit_of_bf16_is_measured_in_bf16_on_a_gpu(monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(runs.timing, "ceilings", lambda dtype: asked.append(dtype) or runs.timing.Ceilings(1e11, 1e10))
    case: Any = dataclasses.replace(cases.make("mlp", small=True), precision="bf16")
    monkeypatch.setattr(runs, "compute_dtype", lambda precision: jnp.bfloat16)
    runs.run(case, (), 2, quick=True, say=lambda text: None)
    assert asked == [jnp.bfloat16]


# Published scores


def test_a_run_that_is_stopped_goes_on_where_it_was(tmp_path: Path):
    setting = Setting("cpu", tmp_path / "stopped", quick=True)
    with pytest.raises(TimeIsOver):
        published.score(setting, Deadline(0), "digits_mlp")
    assert any((setting.out / "runs" / "digits_mlp" / "checkpoints").iterdir())
    stopped = published.score(setting, Deadline(0), "digits_mlp")  # the last epoch ends the run whatever the time
    whole = published.score(Setting("cpu", tmp_path / "whole", quick=True), Deadline(60), "digits_mlp")
    assert stopped[0]["mean"] == whole[0]["mean"]
    assert stopped[0]["runs"][0]["scores"] == whole[0]["runs"][0]["scores"]


def test_a_run_without_a_checkpoint_begins_anew(tmp_path: Path):
    folder = tmp_path / "runs" / "digits_mlp"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert published.score(Setting("cpu", tmp_path, quick=True), Deadline(60), "digits_mlp")[0]["mean"] > 0.5


def test_what_a_recipe_needs_is_asked_before_it_trains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(published.NEEDS, "digits_mlp", ("a_package_that_is_not_there",))
    with pytest.raises(ImportError, match="a_package_that_is_not_there"):
        published.score(Setting("cpu", tmp_path, quick=True), Deadline(60), "digits_mlp")
    assert list(tmp_path.iterdir()) == []


def test_goals():
    assert published.against(published.GOALS["g2p_transformer"], {"word_error_rate": 0.2})["reached"]
    assert not published.against(published.GOALS["mnist_cgan"], {"parzen": 131.0})["reached"]
    assert published.against(None, {}) == {}
