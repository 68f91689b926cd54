"""A run from building to the JSON file: the gate, absent libraries, the table, the command line."""

import json
import math
import re
from pathlib import Path
from typing import Any

import jax
import pytest
from refusal import refused

from benchmarks import __main__ as command
from benchmarks import options, peers
from benchmarks.measuring import memory, runs
from benchmarks.measuring.timing import Timing
from benchmarks.reports import records
from benchmarks.studies import losses
from benchmarks.workloads import cases, implementations, ours
from benchmarks.workloads.trainer import Trainer, curve, from_steps, parity

OURS = ["jaxdl-step", "jaxdl", "jaxdl-recipe", "jaxdl-no-jit"]


def small_mlp() -> cases.Case:
    return cases.make("mlp", small=True)


def test_records_hold_what_the_readers_need(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peers, "rows", _absent)
    lines: list[str] = []
    found = runs.run(small_mlp(), ["torch"], 5, say=lines.append)
    assert [r["implementation"] for r in found] == [*OURS, "torch"]
    for record in found[:4]:
        assert record["workload"] == "mlp"
        assert record["precision"] == "f32"
        assert 0 < record["step_ms"]["q1"] <= record["step_ms"]["median"] <= record["step_ms"]["q3"]
        slow = record["implementation"] == "jaxdl-no-jit"
        assert (record["step_ms"]["n"], record["parity_steps"]) == ((runs.SLOW_ROUNDS, 3) if slow else (5, 20))
        assert ("disable_jit" in record["notes"]) == slow
        assert record["flops"] == small_mlp().flops
        assert record["gflops_per_s"] == pytest.approx(record["flops"] / record["step_ms"]["median"] / 1e6, abs=1e-4)
        assert record["peak_share"] == pytest.approx(
            record["gflops_per_s"] / record["matmul_peak_gflops_per_s"], abs=1e-3, rel=0.05
        )
        assert 0 < record["trace_s"] < record["first_step_s"]
        assert 0 < record["compile_s"] < record["first_step_s"]
        assert record["others_before"] is None or record["others_before"] >= 0
        assert (record["matmul_peak_gflops_per_s"], record["copy_gb_per_s"]) == (100.0, 10.0)
        assert record["versions"]["jax"] == jax.__version__
        assert record["parity"] < 1e-3
    records.write(found, tmp_path / "new" / "file.json")
    assert json.loads((tmp_path / "new" / "file.json").read_text()) == found
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.json"]
    assert len(lines) == 4


def test_a_quick_look_is_short_and_says_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    case = cases.make("mlp", small=True)
    (only,) = runs.run(case, [], 2, leave_out=[row for row in OURS if row != "jaxdl"], quick=True, say=print)
    assert (only["implementation"], only["parity_steps"], only["step_ms"]["n"]) == ("jaxdl", runs.QUICK_STEPS, 2)
    everything = options.parse(["--quick"], command.WORKLOADS, "")
    assert set(command.WORKLOADS) - set(everything.workloads) == set(everything.left_out)
    assert everything.against == ["flax", "torch"]
    named = options.parse(["gru", "--quick", "--against", "nnx"], command.WORKLOADS, "")
    assert (named.workloads, named.left_out, named.against) == (["gru"], [], ["nnx"])


def _absent(name: str, case: cases.Case) -> None:
    raise ImportError(f"No module named {name!r}")


def test_an_absent_library_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "rows", _absent)
    rows, absent = implementations.all_rows(small_mlp(), ["torch", "keras"])
    assert set(rows) == set(OURS)
    assert [record["implementation"] for record in absent] == ["torch", "keras"]
    assert "not timed: No module named 'torch'" in records.table(absent, ours.BASE)


def test_an_implementation_that_trains_otherwise_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> Trainer:
        return from_steps(lambda i: 2.0, 1)

    monkeypatch.setattr(peers, "rows", lambda name, case: {name: wrong})
    wrong_record = runs.run(small_mlp(), ["torch"], 2, say=lambda line: None)[-1]
    assert wrong_record["implementation"] == "torch"
    assert "step_ms" not in wrong_record
    assert re.match(r"its loss differs by \d", wrong_record["not_timed"])


def test_parity_sees_any_step_and_nan() -> None:
    assert parity([1.0, 2.0, 3.0], [1.0, 2.5, 3.0]) == 0.5
    assert parity([1.0, 2.0], [math.nan, 2.0]) == math.inf
    with pytest.raises(ValueError, match="argument 2 is longer"):
        parity([1.0], [1.0, 2.0])


def test_the_curve_goes_on_from_the_first_step() -> None:
    seen: list[int] = []
    trainer = from_steps(lambda i: seen.append(i) or float(i), 4)
    assert curve(trainer, 0.0) == [float(i) for i in range(20)]
    assert seen == list(range(1, 20))


def test_an_epoch_makes_every_step_once() -> None:
    seen: list[int] = []
    assert from_steps(lambda i: seen.append(i) or i, 4).epoch() == 3
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize("row", ["jaxdl-step", "jaxdl", "jaxdl-recipe"])
def test_our_epochs_make_as_many_steps_as_they_claim(row: str) -> None:
    """An epoch moves the weights as `steps` calls of `step` do: Adam's moves are about the learning rate each."""
    case = small_mlp()
    trainer = implementations.find(case, row)()
    state = trainer.epoch()
    assert int(state.step) == case.steps
    assert int(trainer.epoch().step) == 2 * case.steps


@pytest.mark.parametrize("row", ["jaxdl", "jaxdl-recipe"])
def test_our_epoch_behind_a_single_step_is_as_long(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    advance = ours.Stepper.advance

    def counted(stepper: ours.Stepper, state: Any, totals: Any, done: int) -> Any:
        result = advance(stepper, state, totals, done)
        made.append(result[2] - done)
        return result

    monkeypatch.setattr(ours.Stepper, "advance", counted)
    case = small_mlp()
    trainer = implementations.find(case, row)()
    trainer.step(0)
    for _ in range(2):
        made.clear()
        trainer.epoch()
        assert sum(made) == case.steps


def test_find_knows_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "rows", lambda name, case: {name: f"build {name}"})
    assert implementations.find(small_mlp(), "torch-compile") == "build torch-compile"
    with pytest.raises(ValueError, match="mlp has no implementation 'caffe'"):
        implementations.find(small_mlp(), "caffe")


def test_table_is_relative_to_the_base() -> None:
    timings = {"jaxdl": Timing(0.02, 0.01, 0.03, 0.01, 5), "flax": Timing(0.03, 0.03, 0.03, 0.03, 5)}
    rows = [{"implementation": n, "step_ms": records.milliseconds(t, 10)} for n, t in timings.items()]
    lines = records.table(rows, "jaxdl").splitlines()
    assert lines[1].split()[:5] == ["jaxdl", "2.000", "1.000", "3.000", "1.00"]
    assert lines[2].split()[:5] == ["flax", "3.000", "3.000", "3.000", "1.50"]


def test_rates() -> None:
    assert records.rates(2_000_000, {"median": 1.0}, 4e9) == {
        "flops": 2_000_000,
        "gflops_per_s": 2.0,
        "peak_share": 0.5,
    }


def test_losses_agree_and_the_sparse_one_makes_no_matrix() -> None:
    found = {r["implementation"]: r for r in losses.run(2, shapes=[(64, 4096)])}
    assert set(found) == {"jaxdl-sparse", "jaxdl-one-hot", "jaxdl-one-hot-given", "optax-sparse"}
    matrix_mb = 64 * 4096 * 4 / 2**20
    assert found["jaxdl-sparse"]["temp_mb"] < 0.1 * matrix_mb
    assert found["jaxdl-one-hot-given"]["argument_mb"] > 1.9 * matrix_mb > found["jaxdl-sparse"]["argument_mb"]


def test_peak_memory_is_this_process_own() -> None:
    before = memory.peak_host_mb()
    block = bytearray(64 * 2**20)
    assert memory.peak_host_mb() > before or before > 64
    del block
    assert memory.peak_host_mb() >= before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cmn"], "no workload 'cmn', did you mean 'cnn'? There are mlp, cnn, resnet, autoencoder, gan, epoch"),
        (["mlp", "--against", "caffe"], "no peer 'caffe'. There are flax, nnx"),
        (["mlp", "--devices", "cpu,gqu"], "no device 'gqu', did you mean 'gpu'? There are cpu, gpu, tpu"),
        (["mlp", "--precision", "bf61"], "no precision 'bf61', did you mean 'bf16'? There are f32, bf16"),
        (["mlp", "--rounds", "1"], "--rounds must be at least 2"),
        (["mlp", "--raunds", "3"], "unrecognized arguments: --raunds 3"),
        (["compare", "a.json"], "give two files of records"),
    ],
)
def test_wrong_options_are_told_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, "bench", *arguments)


def test_the_command_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "losses.json"
    command.main(["Losses", "--rounds", "2", "--json", str(file), "--memory"])  # names in any case
    printed = capsys.readouterr().out
    assert "losses: no --memory, which is for models" in printed
    for record in json.loads(file.read_text()):
        assert f"{record['step_ms']['median']:.3f}" in printed
        assert record["workload"] in printed
