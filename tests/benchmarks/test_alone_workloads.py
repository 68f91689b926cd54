"""Workloads that are no training of one model: networks at once, update rules, TextRank; growth; pictures."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from benchmarks.measuring import contest
from benchmarks.measuring.contest import Entry, Work
from benchmarks.reports import pictures, records, tables
from benchmarks.studies import growth, many_networks, sentence_ranks, update_rules
from jaxdl.models import mlp

PEERS = ("flax", "torch")


@pytest.fixture(autouse=True)
def _their_conventions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)  # threads would spin
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def _absent():
    raise ImportError("No module named 'caffe'")


def test_a_contest_times_what_agrees_and_says_what_does_not() -> None:
    entries = {
        "wrong": Entry(lambda: lambda: np.array([1.0, 2.1])),
        "right": Entry(lambda: lambda: np.array([1.0, 2.0]), notes="by hand"),
        "absent": Entry(_absent),
        "other shape": Entry(lambda: lambda: np.ones(3)),
        "not wanted": Entry(_absent, peer="torch"),
    }
    work = Work("sums", "right", calls=10, flops=1000, facts={"n": 2})
    found = {record["implementation"]: record for record in contest.run(work, entries, 3, ["flax"])}
    assert list(found) == ["right", "wrong", "absent", "other shape"]
    assert found["right"]["step_ms"]["n"] == 3
    assert found["right"]["flops"] == 1000
    assert found["right"]["notes"] == "by hand"
    assert all(record["n"] == 2 and record["workload"] == "sums" for record in found.values())
    assert "differs from right's by 5.0e-02" in found["wrong"]["not_timed"]
    assert found["absent"]["not_timed"] == "No module named 'caffe'"
    assert "differs from right's by inf" in found["other shape"]["not_timed"]


@pytest.mark.slow
def test_every_way_to_train_many_networks_gives_the_same_losses() -> None:
    size = many_networks.Size(3, 8, mlp.Config(12, 4, (6,)))
    found = many_networks.run(2, PEERS, size)
    assert [r["implementation"] for r in found][:2] == ["jaxdl-vmap", "jaxdl-one-by-one"]
    assert {r["implementation"] for r in found} >= {"flax-vmap", "torch-bmm", "torch-one-by-one"}
    for record in found:
        assert "step_ms" in record or "No module" in record["not_timed"], record
        assert record["networks"] == 3
    losses = many_networks.entries(size)["jaxdl-one-by-one"].make()()
    values = np.array([[float(loss) for loss in step] for step in losses])
    assert values.shape == (many_networks.STEPS, 3)
    assert len(np.unique(values)) == values.size  # networks of their own, and they move


@pytest.mark.parametrize("rule", ["nesterov", "rmsprop", "adagrad", "adamw"])
def test_every_library_moves_the_parameters_alike(rule: str) -> None:
    found = update_rules.run(2, PEERS, names=[rule], small=True)
    assert [r["implementation"] for r in found][:2] == ["jaxdl", "optax"]
    for record in found:
        assert record["workload"] == f"optimizers-{rule}"
        assert "step_ms" in record or "No module" in record["not_timed"], record
        assert record.get("gb_per_s", 1) >= 0


def test_every_rule_of_ours_is_there() -> None:
    assert set(update_rules.rules()) == {"sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"}


def test_scipy_and_networkx_rank_sentences_as_we_do() -> None:
    pytest.importorskip("networkx", reason="networkx is not installed")
    found = sentence_ranks.run(2, n=120)
    assert {record["workload"] for record in found} == {"textrank", "textrank-pagerank"}
    for record in found:
        assert record["parity"] < 1e-3
        assert record["step_ms"]["median"] > 0


@pytest.mark.slow
def test_growth_fits_every_axis() -> None:
    chosen = {name: axis for name, axis in growth.axes(small=True).items() if name in ("examples", "layers")}
    found = growth.run(2, chosen)
    for name, axis in chosen.items():
        rows = [record for record in found if record["axis"] == name]
        assert [record["size"] for record in rows] == list(axis.sizes)
        assert len({record["exponent"] for record in rows}) == 1
        assert len({record["implementation"] for record in rows}) == len(rows)
        text = growth.table(rows)
        assert f"time grows with {name}^" in text
        assert ("compilation with layers^" in text) == (name == "layers")
    of_epochs = [record for record in found if record["axis"] == "examples"]
    assert of_epochs[1]["flops"] == 2 * of_epochs[0]["flops"]  # an epoch, not a step


def test_sizes_of_growth_are_what_they_say() -> None:
    axes = growth.axes()
    assert axes["batch"].case(64).batch == 64
    assert axes["width"].case(256).config.widths == (256, 256)
    assert axes["examples"].case(2560).n_examples == 2560
    assert axes["layers"].case(4).config.widths == (128,) * 4
    assert axes["depth"].case(8).config.n_encoder_layers == axes["depth"].case(8).config.n_decoder_layers == 8
    assert axes["length"].case(64).shape == (64,)
    assert axes["batch"].case(128).flops == 2 * axes["batch"].case(64).flops


def test_curves_that_do_not_cross_have_no_crossing() -> None:
    assert growth.crossing({1: 1.0, 2: 2.0}, {1: 3.0, 2: 4.0}) is None
    assert growth.crossing({1: 1.0, 4: 4.0}, {1: 2.0, 4: 2.0}) == 2.0


def _record(workload: str, implementation: str, ms: float, **more) -> dict:
    times = {"median": ms, "q1": 0.9 * ms, "q3": 1.1 * ms, "n": 3}
    base = {"workload": workload, "implementation": implementation, "hardware": "x", "precision": "f32"}
    return base | {"versions": {"jax": "0"}, "date": "2026-01-01", "step_ms": times} | more


def test_pictures_are_drawn_from_the_newest_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    fitted = {"axis": "batch", "exponent": 1.0, "exponent_last": 1.0, "compile_s": 0.5, "compile_exponent": 0.0}
    for device, slope in (("cpu", 1.0), ("gpu", 0.1)):
        (tmp_path / device).mkdir()
        rows = [_record("growth-batch", f"jaxdl {n}", 1 + slope * n, size=n, **fitted) for n in (4, 16, 64)]
        (tmp_path / device / "2026-01-02-growth.json").write_text(json.dumps(rows))
    for day, ms in (("2026-01-01", 9.0), ("2026-01-02", 3.0)):
        rows = [_record("mlp", name, time, date=day) for name, time in (("jaxdl", ms), ("torch", 90.0))]
        rows.append({"workload": "mlp", "not_timed": "absent"})
        (tmp_path / "cpu" / f"{day}-mlp.json").write_text(json.dumps(rows))
    (tmp_path / "cpu" / "2026-01-02-neighbors.json").write_text("{}")  # of an older form: no list
    assert [r["step_ms"]["median"] for r in records.newest("cpu")["mlp"]] == [3.0, 90.0]
    files = pictures.draw(tmp_path / "pictures")
    assert [file.name for file in files] == ["speed.png", "growth.png", "crossing.png"]
    assert all(file.stat().st_size > 5000 for file in files)
    section = tables.section(tmp_path / "pictures")
    assert "| mlp | 3.00 | torch | 90.0 | 0.03 |" in section
    assert "| batch | 4 | 64 | 1.00 | 1.00 |" in section
    assert [section.count(f"pictures/{name}.png") for name in ("speed", "growth", "crossing")] == [1, 1, 1]
    assert "CPU, jax 0:" in (changes := tables.changes())
    assert "| mlp | 9.00 | 3.00 | 0.10 | 0.03 |  |  |  |  |" in changes
    text = tables.full()
    assert [line.split(" | ")[1] for line in text.splitlines() if line.startswith("| torch ")] == ["90.0"]
    assert "## growth-batch, f32, gpu" in text


def test_summary_of_starts_cold_and_cached() -> None:
    def started(cold: float, warm: float) -> dict[str, dict[str, float]]:
        return {"cold": {"first_epoch_s": cold}, "warm": {"first_epoch_s": warm}}

    rows = [_record("mlp", "jaxdl", 3.0, start_s=started(3.2, 1.9)), _record("mlp", "keras", 4.0)]
    rows += [
        _record("mlp", "torch", 5.0, start_s=started(2.6, 2.9)),
        _record("mlp", "flax", 6.0, start_s=started(2.9, 1.4)),
    ]
    line = tables.summary({"mlp": rows}).splitlines()[-1]
    assert line == "| mlp | 3.00 | keras | 4.00 | 0.75 |  | 3.20 | 2.60 | 1.90 | 1.40 |"
