"""The GPU's command without a GPU: rehearsed whole on the CPU; its clock, its crashes and its absences by stand-ins."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import ROOT
from benchmarks.gpu import command, plan, store, worker
from benchmarks.gpu.deadline import Deadline, TimeIsOver
from benchmarks.gpu.plan import Item, Part
from benchmarks.gpu.settings import Setting
from benchmarks.reports import records

BARE = ("tyro", "babel")  # not on the machine that the command is written for


Rehearsal = tuple[Path, subprocess.CompletedProcess[str], dict[str, str]]  # records, what was said, variables


@pytest.fixture(scope="module")
def rehearsal(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str], dict[str, str]]:
    """The whole command on the CPU, in a tree of processes that has no tyro and no babel."""
    out, bare = tmp_path_factory.mktemp("gpu"), tmp_path_factory.mktemp("bare")
    for name in BARE:
        (bare / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name!r}')\n")
    flags = " ".join(f for f in os.environ["XLA_FLAGS"].split() if "device_count" not in f)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(bare), str(ROOT)]), "XLA_FLAGS": flags}
    return out, _run(out, environment), environment


def _run(out: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "benchmarks", "gpu", "--device", "cpu", "--quick", "--out", str(out)]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_every_part_runs_and_writes_its_records(rehearsal):
    out, done, _ = rehearsal
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    items = [item for part in plan.parts(Setting("cpu", out, quick=True)) for item in part.items]
    reasons = {item.name: store.reason(out, item) for item in items}
    assert reasons.pop("truth-fused-attention") == "skipped: fused attention is a GPU's"
    assert set(reasons.values()) == {""}, reasons
    rows = {item.name: json.loads(Path(str(store.path_of(out, item))).read_text()) for item in items}
    assert all(row["ok"] for row in rows["truth-norm"] + rows["gradients-norm"])
    assert {row["precision"] for row in rows["truth-norm"]} == {"f32", "bf16"}
    for name in ("speed-mlp-f32", "speed-mlp-bf16"):
        assert {"jaxdl-step", "jaxdl", "flax"} <= {row["implementation"] for row in rows[name] if "step_ms" in row}
    for name in ("large-language-model", "large-translation"):
        assert all(
            row["mfu"] > 0 and row["tokens_per_s"] > 0 and "a measured bf16" in row["peak"] for row in rows[name]
        )
    assert {"jaxdl-vmap", "jaxdl-one-by-one"} <= {row["implementation"] for row in rows["networks"]}
    assert 0.5 < rows["scores-digits_mlp"][0]["mean"] <= 1


def test_a_second_call_repeats_nothing_but_what_was_skipped(rehearsal):
    out, _, environment = rehearsal
    before = {path: path.stat().st_mtime_ns for path in out.glob("20*.json") if "fused" not in path.name}
    done = _run(out, environment)
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.startswith("==")] == ["== truth: 1 items, 90 s"]
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("20*.json") if "fused" not in path.name}


def test_no_device_is_said_in_a_line_and_ends_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    words = ["truth", "truth-norm", "--device", "gpu", "--out", str(tmp_path), "--seconds", "60"]
    assert worker.main(words) == worker.NO_DEVICE
    assert "no gpu here: JAX computes on cpu" in capfd.readouterr().out
    assert list(tmp_path.iterdir()) == []


# Processes by stand-ins.

A, B, C = (Item(name, "nothing:at_all") for name in "abc")


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[Part]:
    found = [Part("first", "first", [A, B], 60), Part("second", "second", [C], 60)]
    monkeypatch.setattr(plan, "parts", lambda setting: found)
    return found


class Processes:
    """In place of `command._process`: ends each item as `fates` says, and notes who was started with what."""

    def __init__(self, **fates: int | None) -> None:
        self.fates, self.started = fates, []

    def __call__(self, part: Part, items: Sequence[Item], setting: Setting, seconds: float, limit: float) -> int | None:
        self.started.append("".join(item.name for item in items))
        assert 0 < seconds < limit + 0.1
        for item in items:
            (setting.out / "current").write_text(item.name)
            fate = self.fates.get(item.name, 0)
            if fate != 0:
                return fate
            store.write(setting.out, item, [{"workload": item.name, "figure": 1.0}])
        return 0


def _main(out: Path, monkeypatch: pytest.MonkeyPatch, processes: Processes, *more: str) -> int:
    monkeypatch.setattr(command, "_process", processes)
    return command.main(["--device", "cpu", "--quick", "--out", str(out), *more])


@pytest.mark.usefixtures("parts")
def test_a_process_that_dies_costs_the_item_that_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dying = Processes(a=-11)
    assert _main(tmp_path, monkeypatch, dying) == 1
    assert dying.started == ["ab", "b", "c"]
    assert store.reason(tmp_path, A) == "its process ended with exit code -11"
    assert (store.reason(tmp_path, B), store.reason(tmp_path, C)) == ("", "")
    again = Processes()
    assert _main(tmp_path, monkeypatch, again) == 0, "the next call tries it again"
    assert again.started == ["a"]


@pytest.mark.usefixtures("parts")
def test_an_item_that_is_too_long_lets_the_others_run_and_has_one_more_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    slow = Processes(a=None)
    assert _main(tmp_path, monkeypatch, slow) == 0
    assert slow.started == ["ab", "c", "ba"], "stopped within its part's share; at the end, after the others, again"
    assert store.reason(tmp_path, A) == "left for the next call"
    assert not (tmp_path / "current").exists()


@pytest.mark.usefixtures("parts")
def test_minutes_that_are_over_start_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    late = Processes()
    assert _main(tmp_path, monkeypatch, late, "--minutes", "0.01") == 0
    assert late.started == []


@pytest.mark.usefixtures("parts")
def test_only_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    alone = Processes()
    assert _main(tmp_path, monkeypatch, alone, "--only", "second") == 0
    assert alone.started == ["c"]


def test_a_process_is_stopped_at_its_limit(tmp_path: Path, parts, monkeypatch: pytest.MonkeyPatch):
    sleeper = f"{sys.executable} -c 'import time; time.sleep(60)' #"
    monkeypatch.setattr(command.sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text(f"#!/bin/sh\nexec {sleeper}\n")
    (tmp_path / "python").chmod(0o755)
    clock = Deadline(10)
    assert command._process(parts[0], [A], Setting("cpu", tmp_path), 0.1, 0.2) is None
    assert clock.left() > 5


def test_processes_share_memory_and_leave_tf32_out(tmp_path: Path, parts):
    part, setting = parts[0], Setting("gpu", tmp_path)
    variables = command.environment(part, setting)
    assert variables["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert variables["NVIDIA_TF32_OVERRIDE"] == "0"
    assert "JAX_PLATFORMS" not in variables
    assert command.environment(part._replace(on_cpu=True), setting)["JAX_PLATFORMS"] == "cpu"
    assert "JAX_COMPILATION_CACHE_DIR" not in command.environment(part._replace(group="speed"), setting) | os.environ


# One item.


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImportError("No module named 'torch'"), "skipped: No module named 'torch'"),
        (RuntimeError("out of ideas"), "RuntimeError: out of ideas"),
    ],
)
def test_what_is_absent_or_fails_costs_a_line(
    error: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def run(*_: object) -> None:
        raise error

    monkeypatch.setattr(Item, "run", run)
    worker.work(A, Setting("cpu", tmp_path), Deadline(60))
    assert store.reason(tmp_path, A) == reason
    assert f"a: {reason}" in capsys.readouterr().out
    store.forget_failures(tmp_path, [A])
    assert store.path_of(tmp_path, A) is None


def test_what_is_stopped_leaves_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def run(*_: object) -> None:
        Deadline(-1).check()

    monkeypatch.setattr(Item, "run", run)
    worker.work(A, Setting("cpu", tmp_path), Deadline(60))
    assert store.reason(tmp_path, A) == "left for the next call"
    with pytest.raises(TimeIsOver):
        Deadline(0).check()


def test_a_new_record_replaces_an_older_one(tmp_path: Path):
    (tmp_path / "2026-01-01-a.json").write_text('[{"figure": 1}]')
    store.write(tmp_path, A, [{"figure": 2}])
    assert json.loads(Path(str(store.path_of(tmp_path, A))).read_text()) == [{"figure": 2}]
    assert len(list(tmp_path.glob("*-a.json"))) == 1


def test_readme_takes_the_newest_rows_of_each_precision_and_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    (tmp_path / "gpu").mkdir()
    row = {"workload": "mlp", "precision": "f32", "device": "gpu", "step_ms": {"median": 1.0}}
    for name, rows in {
        "2026-11-01-mlp": [row | {"implementation": "old"}],
        "2026-11-02-speed-mlp-f32": [row | {"implementation": "new"}],
        "2026-11-02-speed-mlp-bf16": [row | {"implementation": "half", "precision": "bf16"}],
        "2026-11-03-cpu-mlp-f32": [row | {"implementation": "beside", "device": "cpu"}],
    }.items():
        (tmp_path / "gpu" / f"{name}.json").write_text(json.dumps(rows))
    assert [row["implementation"] for row in records.newest("gpu")["mlp"]] == ["new", "half"]
