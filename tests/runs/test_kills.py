"""Killed at random moments, a run goes on as if nothing had been: parameters and logs bit for bit."""

import csv
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("kill_worker.py")
KINDS = ("dense", "conv", "gan", "sequence", "warm")
KILLS = 6  # of each kind: thirty in all


def start(kind: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKER), kind, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(kind: str, folder: Path) -> None:
    process = start(kind, folder)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err


def outcome(folder: Path) -> tuple[bytes, list[dict[str, object]], list[dict[str, str]]]:
    """Parameters, metrics.jsonl and history.csv, without the seconds."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    with (folder / "history.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for row in (*rows, *table):
        del row["seconds"]
    return (folder / "params.safetensors").read_bytes(), rows, table


@pytest.mark.slow
@pytest.mark.usefixtures("own_caches")
@pytest.mark.parametrize("kind", KINDS)
def test_killed_runs_go_on_bit_for_bit(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    finish(kind, tmp_path / "compiled")  # fills the compilation cache, so that the next one's time is a run's
    began = time.monotonic()
    finish(kind, tmp_path / "whole")
    seconds = time.monotonic() - began
    moments = random.Random(kind)
    for _ in range(KILLS):
        process = start(kind, tmp_path / "killed")
        time.sleep(moments.uniform(0.2, 1.0) * seconds)
        process.kill()
        _, err = process.communicate()
        assert process.returncode in (0, -9), err
        if process.returncode == 0:  # it was quicker than its killer: from the start again
            assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")
            shutil.rmtree(tmp_path / "killed")
    finish(kind, tmp_path / "killed")
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")
