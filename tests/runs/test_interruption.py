"""Signals, a full disk and failing writes: the run says so in one line, and goes on from where it was."""

import errno
import io
import json
import os
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxdl import runs
from jaxdl.artifacts import files, lock, manifest
from jaxdl.models import mlp
from jaxdl.recipes import digits_mlp
from jaxdl.runs import interruption
from jaxdl.runs.interruption import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CONFIG = digits_mlp.Config(model=mlp.Config(n_in=64, n_out=10, widths=(8,)), epochs=2, batch_size=256, seed=5)


@pytest.fixture(autouse=True)
def signals_as_in_a_terminal():
    """A process in the background, or under `nohup`, starts with some of them ignored, and so do its children."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return runs.train("digits_mlp", CONFIG, run_dir=tmp_path_factory.mktemp("runs") / "1")


def raising(number: int, kind: str, step: int):
    def callback(event):
        if (event.kind, event.step) == (kind, step):
            signal.raise_signal(number)

    return callback


@pytest.mark.parametrize(
    ("name", "kind", "step"), [("SIGINT", "step", 5), ("SIGTERM", "epoch", 5), ("SIGHUP", "begin", 0)]
)
def test_a_signal_saves_and_names_the_line_that_resumes(whole, tmp_path, name, kind, step):
    number, before = getattr(signal, name), [signal.getsignal(n) for n in SIGNALS]
    hook = raising(number, kind, step)
    with pytest.raises(Interrupted, match=f"interrupted; go on with: jaxdl train --resume {tmp_path}/run") as error:
        runs.train("digits_mlp", CONFIG, run_dir=tmp_path / "run", more_callbacks=(hook,))
    assert error.value.signal == number
    assert [signal.getsignal(n) for n in SIGNALS] == before
    assert not (tmp_path / "run" / lock.NAME).exists()
    assert any((tmp_path / "run" / "checkpoints").iterdir()), "nothing was saved"
    resumed = runs.train("digits_mlp", CONFIG, run_dir=tmp_path / "run", resume=True)
    for ours, theirs in zip(jax.tree.leaves(resumed.state[:3]), jax.tree.leaves(whole.state[:3]), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert resumed.scores == whole.scores


def test_a_signal_before_the_first_step_leaves_at_once(tmp_path):
    hook = raising(signal.SIGTERM, "compile", 0)
    with pytest.raises(Interrupted, match="go on with"):
        runs.train("digits_mlp", CONFIG, run_dir=tmp_path / "run", more_callbacks=(hook,))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.json"]


SECOND = """
import os, signal, sys, time
from jaxdl.runs.interruption import Interruption
from jaxdl.training import Event, History
with Interruption() as interruption:
    interruption.callback(Event("begin", 1, 0, None, {}, History(), None))
    os.kill(os.getpid(), signal.SIGINT)
    assert interruption.callback(Event("step", 1, 1, None, {}, History(), None)) == "pause"
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
"""


def test_a_second_ctrl_c_leaves_at_once():
    done = subprocess.run([sys.executable, "-c", SECOND], capture_output=True, text=True, timeout=55, check=False)
    said = "jaxdl: interrupted: saving after this step; Ctrl-C again leaves at once\njaxdl: left at once\n"
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, said)


def test_a_terminal_gets_its_cursor_back(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    interruption.say("left at once")
    assert terminal.getvalue() == "\r\x1b[2K\x1b[?25hjaxdl: left at once\n"


def test_a_full_disk_stops_the_run_with_its_checkpoints_whole(whole, tmp_path, monkeypatch):
    seal = manifest.seal

    def full(folder):
        if ".10." in folder.name:  # the second epoch's
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        seal(folder)

    monkeypatch.setattr(manifest, "seal", full)
    with pytest.raises(OSError, match=r"No space left on device \(make room, then go on with: ") as error:
        runs.train("digits_mlp", CONFIG, run_dir=tmp_path / "run")
    assert error.value.errno == errno.ENOSPC
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir()) == ["5"]
    monkeypatch.undo()
    assert runs.train("digits_mlp", CONFIG, run_dir=tmp_path / "run", resume=True).scores == whole.scores


def test_a_disk_that_is_full_indeed(tmp_path):
    """On a file system of 1 MB in memory, by the command: one line, exit code 1, the earlier checkpoints whole."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        subprocess.run(mounting, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a file system")
    try:
        command = [
            sys.executable,
            "-m",
            "jaxdl",
            "train",
            "digits_mlp",
            "--model.widths",
            "64",
            "--run-dir",
            str(disk / "r"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 1, done.stderr
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        assert len(lines) == 1, done.stderr
        assert "No space left on device (make room, then go on with: jaxdl train --resume" in lines[0]
        kept = list((disk / "r" / "checkpoints").glob("[0-9]*"))
        assert kept
        assert all(manifest.damage(path) is None for path in kept)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_notes_of_a_run_are_json_whatever_the_scores(tmp_path):
    files.write_json(tmp_path / "n.json", {"scores": {"test": {"loss": float("nan")}}, "list": [float("inf"), 1.5]})
    assert json.loads((tmp_path / "n.json").read_text()) == {"scores": {"test": {"loss": None}}, "list": [None, 1.5]}
