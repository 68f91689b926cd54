"""What others use of the machine, JAX's own stages, precisions, devices: the parts that records are made of."""

import json
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from benchmarks import __main__ as command
from benchmarks import peers
from benchmarks.measuring import allocators, devices, machine, memory, profile, runs, start, timing
from benchmarks.reports import records
from benchmarks.workloads import cases, implementations, precision
from benchmarks.workloads.trainer import Trainer, curve
from jaxdl.artifacts import stages


def _stat(monkeypatch: pytest.MonkeyPatch, folder: Path, *busy_seconds: float) -> None:
    """/proc/stat at each reading: two processors, of which the second field, user, grows."""
    readings = iter(busy_seconds)

    class Stat:
        def is_file(self) -> bool:
            return True

        def read_text(self) -> str:
            return f"cpu  {int(100 * next(readings))} 0 0 900 0 0 0 0 0 0\n"

    monkeypatch.setattr(machine, "STAT", Stat())
    monkeypatch.setattr("os.sysconf", lambda name: 100)


def test_others_are_what_is_busy_and_not_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clocks = iter([(10.0, 100.0), (11.5, 102.0)])  # own seconds, the wall's

    def times():
        own, wall = next(clocks)
        return type("Times", (), dict(user=own, system=0.0, children_user=0.0, children_system=0.0, elapsed=wall))

    monkeypatch.setattr("os.times", times)
    _stat(monkeypatch, tmp_path, 50.0, 53.0)
    assert machine.Watch().others() == 0.75  # 3 busy seconds, 1.5 of them ours, within 2


def test_the_warning_needs_more_than_noise() -> None:
    assert machine.remark(0.09, None) == ""
    assert "1.2 cores" in machine.remark(0.0, 1.2)


def test_a_system_without_the_file_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "STAT", tmp_path / "stat")
    assert machine.others(0.0) is None
    assert machine.remark(None, None) == ""


def test_stages_are_those_of_the_block_and_of_jax_alone() -> None:
    with stages.watch() as nothing:
        time.sleep(0.01)
    assert nothing.seconds() == {}
    with stages.watch() as watched:
        jax.jit(lambda x: x * 5 - 2)(jnp.ones(7))
        before = watched.seconds()
        watched.clear()
        assert watched.seconds() == {}
    jax.jit(lambda x: x * 6 - 2)(jnp.ones(7))
    assert watched.seconds() == {}
    assert set(before) == {"trace_s", "compile_s"}


def test_bf16_rounds_inputs_and_gives_float32_back() -> None:
    def loss_fn(params, state, batch, key):
        assert params.dtype == batch["x"].dtype == jnp.bfloat16
        loss = (params * batch["x"]).sum()
        return loss, (state, {"loss": loss})

    rounded = precision.in_precision(loss_fn, "bf16")
    grad, (_, scores) = jax.grad(rounded, has_aux=True)(jnp.ones(3), {}, {"x": jnp.ones(3)}, None)
    assert grad.dtype == scores["loss"].dtype == jnp.float32


@pytest.mark.parametrize(
    "row", ["torch", *(pytest.param(row, marks=pytest.mark.slow) for row in ("jaxdl-step", "flax"))]
)
def test_bf16_rows_train_nearly_as_float32(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the stated tolerance, and not as float32 itself does."""
    pytest.importorskip(row if row != "jaxdl-step" else "jax")
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)
    curves = []
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        for name in precision.PRECISIONS:
            case = cases.dataclasses.replace(cases.make("mlp", small=True), precision=name)
            trainer: Trainer = implementations.find(case, row)()
            curves.append(curve(trainer, float(trainer.step(0))))
    worst = max(abs(a - b) for a, b in zip(*curves, strict=True))
    assert 1e-5 < worst < precision.tolerance("bf16", curves[0])


def test_what_has_no_bf16_row_says_so() -> None:
    case = cases.dataclasses.replace(cases.make("gan", small=True), precision="bf16")
    (only,) = runs.run(case, [], 2, say=lambda line: None)
    assert (only["precision"], only["not_timed"]) == ("bf16", "no rows of gan in bf16")
    with pytest.raises(peers.NotWritten, match="nnx has no row in bf16"):
        peers.rows("nnx", cases.dataclasses.replace(cases.make("mlp", small=True), precision="bf16"))


def test_an_absent_device_is_told_and_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gpu.json"
    assert command.main(["mlp", "cnn", "--devices", "tpu", "--json", str(file)]) == 0
    assert "no tpu here: JAX computes on" in capsys.readouterr().out
    found = json.loads(file.read_text())
    assert [(r["workload"], r["device"]) for r in found] == [("mlp", "tpu"), ("cnn", "tpu")]
    assert all("no tpu here" in r["not_timed"] for r in found)


def test_several_devices_run_apart_and_are_joined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = []

    def fake(command, env, check):
        ran.append((command[3:], "JAX_PLATFORMS" in env))
        device = command[command.index("--devices") + 1]
        Path(command[command.index("--part") + 1]).write_text(json.dumps([{"device": device, "workload": "mlp"}]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("subprocess.run", fake)
    file = tmp_path / "both.json"
    assert command.main(["mlp", "--devices=cpu,gpu", "--quick", "--json", str(file)]) == 0
    assert [record["device"] for record in json.loads(file.read_text())] == ["cpu", "gpu"]
    assert [(words[:4], platforms) for words, platforms in ran] == [
        (["mlp", "--quick", "--devices", name], False) for name in ("cpu", "gpu")
    ]


def test_default_paths_are_by_device() -> None:
    assert records.default_path("mlp", "gpu").parent.name == "gpu"
    assert devices.use(jax.default_backend()) == ""


def test_variants_of_the_allocator_are_labeled_and_the_absent_one_told(monkeypatch: pytest.MonkeyPatch) -> None:
    environments = []

    def fake(command, cwd, env, capture_output, text, check):
        environments.append(env)
        return subprocess.CompletedProcess(command, 0, stdout="noise\n[0.002, 0.004]\n")

    monkeypatch.setattr("subprocess.run", fake)
    monkeypatch.setattr(records, "commit", lambda: None)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    monkeypatch.setattr(sys, "platform", "linux")
    found = {r["implementation"]: r for r in allocators.run("mlp", "jaxdl", 2, steps=2)}
    assert set(found) == {"jaxdl+default", "jaxdl+huge-pages", "jaxdl+jemalloc"}
    assert "jemalloc is not on this machine" in found["jaxdl+jemalloc"]["not_timed"]
    assert found["jaxdl+huge-pages"]["flags"]["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
    assert "GLIBC_TUNABLES" not in found["jaxdl+default"]["flags"]
    assert found["jaxdl+default"]["step_ms"] == {"median": 1.5, "q1": 1.0, "q3": 2.0, "n": 4}
    assert [env.get("GLIBC_TUNABLES") for env in environments] == [None, "glibc.malloc.hugetlb=1"] * allocators.TURNS


def test_an_allocator_row_times_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    allocators.main("mlp", "jaxdl-step", "2", "small")
    assert len(json.loads(capsys.readouterr().out)) == 2


@pytest.mark.slow
def test_from_the_start_of_a_process_cold_and_warm() -> None:
    """End to end: two real processes, the second with the first one's compilation cache."""
    found = start.measure("mlp", "jaxdl-step", small=True)
    for state in ("cold", "warm"):
        marks = [found[state][mark] for mark in start.MARKS]
        assert 0 < marks[0] < marks[1] <= marks[2]
    assert 0 < found["warm"]["compile_s"] < found["cold"]["compile_s"]
    assert "jaxdl-step" in start.table({"jaxdl-step": found})


def test_memory_of_the_device_is_recorded_where_it_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counting = [type("Device", (), {"memory_stats": staticmethod(lambda: {"peak_bytes_in_use": 3 * 2**20})})]
    monkeypatch.setattr(jax, "local_devices", lambda: counting)
    monkeypatch.setattr(implementations, "find", lambda case, row: lambda: Trainer(float, lambda: 0.0, str))
    memory.main("mlp", "jaxdl")
    found = json.loads(capsys.readouterr().out)
    assert found["peak_device_mb"] == 3.0
    assert found["peak_host_mb"] > 0


def test_a_copy_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert 1e7 < timing.copy_bandwidth(2**20, rounds=2) < 1e14


def test_a_profile_names_the_operations_of_both_passes(tmp_path: Path) -> None:
    found, steps = profile.trace(cases.make("mlp", small=True), tmp_path)
    assert steps >= profile.STEPS_AT_LEAST
    named = {operation.what for operation in found if operation.what}
    assert any("transpose(jvp" in what for what in named)
    assert any("jvp" in what and "transpose" not in what for what in named)
    assert all(operation.ms > 0 for operation in found)
