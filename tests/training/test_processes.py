"""Real processes on this machine: several do what one does; one that dies ends the others; a run goes on on fewer."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxdl.cli import main
from jaxdl.training import agreement, processes

TRAIN = ["train", "digits_mlp", "--model.widths", "16", "--batch-size", "128", "--schedule", "constant"]


@pytest.fixture
def port():
    with socket.create_server(("", 0)) as free:
        return free.getsockname()[1]


def start(folder: Path, port: int, n: int, *words: str) -> list[subprocess.Popen]:
    """n processes of one command line, {i} the number of each; what it says lies in said_<i>."""
    one_device = {"XLA_FLAGS": "", "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder / "cache")}
    coordinator = ["--coordinator", f"127.0.0.1:{port}", "--num-processes", str(n)]
    started = []
    for i in range(n):
        own = [word.replace("{i}", str(i)) for word in words]
        words_of_one = [sys.executable, "-m", "jaxdl", *own, *coordinator, "--process-id", str(i)]
        with (folder / f"said_{i}").open("w") as said:
            started.append(
                subprocess.Popen(words_of_one, cwd=folder, env=os.environ | one_device, stdout=said, stderr=said)
            )
    return started


def ended(started: list[subprocess.Popen], seconds: float = 300) -> list[int]:
    """The exit codes; every process is gone afterwards."""
    try:
        until = time.monotonic() + seconds
        return [process.wait(max(until - time.monotonic(), 0.1)) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()


def said(folder: Path, i: int) -> str:
    return (folder / f"said_{i}").read_text()


def epochs(run: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def assert_equal_runs(a: Path, b: Path) -> None:
    for one, other in zip(epochs(a), epochs(b), strict=True):
        assert one.keys() == other.keys()
        np.testing.assert_allclose(list(other.values()), list(one.values()), rtol=1e-5)
    first, second = load_file(a / "params.safetensors"), load_file(b / "params.safetensors")
    for name in first:
        np.testing.assert_allclose(second[name], first[name], rtol=1e-4, atol=1e-5)


def alone(folder: Path, run: str, *words: str) -> Path:
    assert main([*TRAIN, *words, "--mesh", "data=1", "--run-dir", str(folder / run)]) == 0
    return folder / run


@pytest.mark.parametrize(
    ("n", "mesh"),
    [(2, "data=2"), *(pytest.param(4, mesh, marks=pytest.mark.slow) for mesh in ("data=4", "data=2,shard=2"))],
)
def test_several_processes_do_what_one_does(n, mesh, tmp_path, port, own_caches):
    assert ended(start(tmp_path, port, n, *TRAIN, "--epochs", "2", "--mesh", mesh, "--run-dir", "run")) == [0] * n
    assert_equal_runs(alone(tmp_path, "one", "--epochs", "2"), tmp_path / "run")
    assert "test accuracy" in said(tmp_path, 0)
    assert all("accuracy" not in said(tmp_path, i) for i in range(1, n))
    scores = [json.loads((tmp_path / run / "environment.json").read_text())["scores"]["test"] for run in ("one", "run")]
    np.testing.assert_allclose(list(scores[1].values()), list(scores[0].values()), rtol=1e-5)
    newest = max((tmp_path / "run/checkpoints").iterdir(), key=lambda path: int(path.name))
    assert {f"ocdbt.process_{i}" for i in range(n)} <= {path.name for path in (newest / "state").iterdir()}
    assert (tmp_path / "run/curves.png").is_file()


@pytest.mark.slow
def test_several_processes_stream_what_one_does(tmp_path, port, own_caches):
    """Each reads the rows of its own devices; a batch of nine rows is not cut, so that each reads all of them."""
    small = ["--channels", "4", "--widths", "8", "--epochs", "2", "--dropout", "0", "--stream", "--batch-size"]
    for b in ("64", "9"):
        words = ["train", "images", *small, b]
        assert ended(start(tmp_path, port, 2, *words, "--run-dir", f"two_{b}")) == [0, 0]
        assert main([*words, "--run-dir", str(tmp_path / f"one_{b}")]) == 0
        rows = [[epoch["val_loss"] for epoch in epochs(tmp_path / f"{run}_{b}")] for run in ("one", "two")]
        np.testing.assert_allclose(rows[1], rows[0], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_one_that_is_killed_ends_the_others_and_the_run_goes_on_alone(victim, tmp_path, port, own_caches):
    started = start(tmp_path, port, 2, *TRAIN, "--epochs", "5000", "--save-every", "2", "--run-dir", "run")
    checkpoints, until = tmp_path / "run/checkpoints", time.monotonic() + 200
    while len(list(checkpoints.glob("[0-9]*"))) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    started[victim].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    codes = ended(started, 100)
    assert time.monotonic() - killed < 60
    assert codes == ([-9, 1] if victim == 0 else [1, -9])
    lines = said(tmp_path, 1 - victim).strip().splitlines()
    assert f"another process of this run is gone (process {victim} on 127.0.0.1)" in lines[-1]
    assert "jaxdl train --resume run" in lines[-1]
    done = len(epochs(tmp_path / "run"))
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", str(done + 1)]) == 0
    assert_equal_runs(alone(tmp_path, "one", "--epochs", str(done + 1)), tmp_path / "run")


@pytest.mark.slow
def test_a_signal_to_one_pauses_all_and_saves(tmp_path, port, own_caches):
    started = start(tmp_path, port, 2, *TRAIN, "--epochs", "5000", "--run-dir", "run")
    checkpoints, until = tmp_path / "run/checkpoints", time.monotonic() + 200
    while not list(checkpoints.glob("[0-9]*")) and time.monotonic() < until:
        time.sleep(0.2)
    started[1].send_signal(signal.SIGTERM)
    assert ended(started, 100) == [128, 128 + signal.SIGTERM]
    assert all("interrupted; go on with: jaxdl train --resume run" in said(tmp_path, i) for i in range(2))


@pytest.mark.slow
def test_what_differs_between_them_is_refused_by_all(tmp_path, port):
    started = start(tmp_path, port, 2, *TRAIN, "--epochs", "2", "--mesh", "data=1", "--run-dir", "run")
    assert ended(started, 100) == [2, 2]
    assert "mesh data=1 has no device of process 1" in said(tmp_path, 0)
    started = start(tmp_path, port, 2, *TRAIN, "--seed", "{i}", "--run-dir", "run")
    assert ended(started, 100) == [2, 2]
    assert "process 1 is not about the same run as process 0: seed is 1 here, 0 there" in said(tmp_path, 1)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--coordinator", "localhost:1234", "--num-processes", "2", "--process-id", "2"], "from 0 to 1"),
        (["--coordinator", "localhost:1234", "--num-processes", "2", "--process-id", "-1"], "whole number, at least 0"),
        (["--coordinator", "localhost:1234", "--num-processes", "0", "--process-id", "0"], "at least 1, got 0"),
        (["--coordinator", "localhost", "--num-processes", "2", "--process-id", "0"], '"HOST:PORT" of process 0'),
        (["--coordinator", "localhost:99999", "--num-processes", "2", "--process-id", "0"], '"HOST:PORT"'),
        (["--coordinator", "localhost:1234", "--process-id", "0"], "--num-processes is missing"),
        (["--num-processes", "2", "--process-id", "0"], "--coordinator is missing"),
        (["--coordinator", "localhost:1234", "--seeds", "2"], "leave out --mesh and --coordinator"),
        (["--coordinator", "auto"], "says nothing of processes"),
    ],
)
def test_impossible_processes_are_one_line(words, message, capsys, own_caches):
    assert main(["train", "xor_mlp", *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_coordinator_that_is_not_there_is_told_in_time(port):
    start = time.monotonic()
    with pytest.raises(ValueError, match=f"no coordinator at 127.0.0.1:{port} within 0.5 seconds"):
        processes.join(f"127.0.0.1:{port}", 2, 1, timeout=0.5)
    assert time.monotonic() - start < 5


def test_process_0_says_who_did_not_come(port):
    with pytest.raises(ValueError, match="1 of 3 processes came in time; missing: process 1, 2"):
        processes.join(f"127.0.0.1:{port}", 3, 0, timeout=1.0)


def test_a_port_that_is_taken_is_told():
    with (
        socket.create_server(("", 0)) as taken,
        pytest.raises(ValueError, match=r"process 0 cannot listen on port \d+: Address already in use"),
    ):
        processes.join(f"127.0.0.1:{taken.getsockname()[1]}", 2, 0, timeout=1.0)


def test_alone_everything_agrees_with_itself():
    assert not agreement.several()
    assert agreement.is_first()
    assert agreement.from_first(lambda: [1]) == [1]
    assert agreement.gathered(True, 3).tolist() == [[1, 3]]
    agreement.require_agreement({"seed": 0})
    tree = {"w": np.ones(2)}
    assert agreement.whole(tree) is agreement.same(tree) is tree
