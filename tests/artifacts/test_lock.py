"""The lock of a folder: one process at a time, and what a dead one leaves behind binds nobody."""

import os
import socket
import subprocess
import sys

import pytest

from jaxdl.artifacts import lock

HOLD = """
import sys, time
from pathlib import Path
from jaxdl.artifacts import lock
with lock.owned(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_says_who_and_goes_away(tmp_path):
    with lock.owned(tmp_path):
        assert (tmp_path / lock.NAME).read_text() == f"{os.getpid()} {socket.gethostname()}\n"
        with lock.owned(tmp_path):
            pass
        assert (tmp_path / lock.NAME).exists(), "the inner block gave it back"
    assert list(tmp_path.iterdir()) == []


def test_a_living_process_is_respected_and_a_dead_one_is_not(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refusal = f"in use by process {holder.pid} of this machine"
        with pytest.raises(ValueError, match=refusal), lock.owned(tmp_path):
            pass
        assert (tmp_path / lock.NAME).read_text() == f"{holder.pid} {socket.gethostname()}\n"
    finally:
        holder.kill()
        holder.communicate()
    assert (tmp_path / lock.NAME).exists(), "nobody was left to remove it"
    with lock.owned(tmp_path):
        assert (tmp_path / lock.NAME).read_text() == f"{os.getpid()} {socket.gethostname()}\n"


def test_of_another_machine_nothing_is_known(tmp_path):
    (tmp_path / lock.NAME).write_text("7 elsewhere\n")
    with (
        pytest.raises(ValueError, match="in use by process 7 on elsewhere; if that has ended, remove"),
        lock.owned(tmp_path),
    ):
        pass
    assert (tmp_path / lock.NAME).read_text() == "7 elsewhere\n"
