"""The logs of other programs hold every score of every epoch, from a script and from the command line."""

import importlib.util
import time

import pytest
from small_tasks import line

from jaxdl import cli
from jaxdl.training import external_logs, fit, tensorboard, wandb

TINY = ["train", "xor_mlp", "--epochs", "1"]


def test_tensorboard_has_every_score(tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra jaxdl[tensorboard] is not installed")
    fit(line(), epochs=2, batch_size=5, callbacks=[tensorboard(tmp_path)])
    (log,) = tmp_path.glob("events*")
    content = log.read_bytes()
    assert content.count(b"val_loss") == 2
    assert content.count(b"seconds") == 2


@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_has_every_score_without_network(tmp_path, monkeypatch):
    if importlib.util.find_spec("wandb") is None:
        pytest.skip("the extra jaxdl[wandb] is not installed")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    fit(line(), epochs=2, batch_size=5, callbacks=[wandb(tmp_path, {"learning_rate": 0.25})])
    (log,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    start = time.monotonic()  # a process of wandb's writes the file, up to a second after the run's end
    while log.read_bytes().count(b"val_loss") < 2:
        assert time.monotonic() - start < 20
        time.sleep(0.05)
    assert b"learning_rate" in log.read_bytes()


def test_the_command_writes_the_log_into_the_runs_folder(own_caches, tmp_path, capsys):
    pytest.importorskip("tensorboardX", reason="the extra jaxdl[tensorboard] is not installed")
    assert cli.main([*TINY, "--tensorboard", "--run-dir", str(tmp_path / "1")]) == 0
    assert len(list((tmp_path / "1" / "tensorboard").glob("events*"))) == 1


@pytest.mark.parametrize("name", external_logs.NEEDS)
def test_a_log_whose_package_is_missing_is_refused_before_anything_is_written(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(external_logs.importlib.util, "find_spec", lambda name: None)
    assert cli.main([*TINY, f"--{name}", "--run-dir", str(tmp_path / "1")]) == 2
    line = capsys.readouterr().err
    assert line == f"jaxdl: the log {name} needs {external_logs.NEEDS[name]}: pip install 'jaxdl[{name}]'\n"
    assert list(tmp_path.iterdir()) == []
