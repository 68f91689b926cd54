"""What a user installs: nothing at the top of site-packages but `jaxdl`, and a command that says what is left out."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import jaxdl

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout, built without network."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    pytest.importorskip("pip")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_nothing_at_its_top_but_jaxdl(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(archive.read(name).decode() for name in names if name.endswith("/METADATA"))
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"jaxdl"}
    files = [path for path in (ROOT / "jaxdl").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {path.relative_to(ROOT).as_posix() for path in files} == {
        name for name in names if ".dist-info/" not in name
    }
    assert f"\nVersion: {jaxdl.__version__}\n" in metadata


def test_one_version_everywhere():
    """`jaxdl.__version__` is the version; what cannot read it says the same."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [jaxdl.__version__]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == jaxdl.__version__


WITHOUT_CHECKOUTS = """
import os, sys
sys.path = [folder for folder in sys.path if not os.path.isdir(os.path.join(folder, "benchmarks"))]
from jaxdl.cli import main
raise SystemExit(main(sys.argv[1:]))
"""


@pytest.fixture
def run(wheel: Path, tmp_path: Path):
    """`jaxdl ...` from an unpacked wheel, in an empty folder, with no checkout in sight."""
    package, here = tmp_path / "site-packages", tmp_path / "here"
    here.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(package)
    environment = os.environ | {"PYTHONPATH": str(package), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("JAXDL_DATA", None)

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", WITHOUT_CHECKOUTS, *arguments]
        return subprocess.run(line, cwd=here, env=environment, capture_output=True, text=True, check=False)

    return command


def test_bench_says_in_one_line_how_to_get_the_benchmarks(run):
    done = run("bench", "mlp")
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "checkout" in done.stderr


@pytest.mark.slow
def test_train_predict_and_claim_from_the_wheel(run, tmp_path: Path):
    (tmp_path / "here" / "flowers.csv").write_text("5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n")
    for line in ("train iris_mlp", "predict runs/iris_mlp/1 flowers.csv", "claim xor_needs_two_layers --seeds 3"):
        done = run(*line.split())
        assert done.returncode == 0, done.stderr
        assert {"train": "test accuracy", "predict": "setosa", "claim": "HOLDS"}[line.split()[0]] in done.stdout
