"""What a user installs: nothing at the top of site-packages but `jaxdl`, and a command that says what is left out."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"jaxdl"}
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "jaxdl").rglob("*.py")}
    assert sources <= set(names), "a file of the package is not in its wheel"


WITHOUT_CHECKOUTS = """
import os, sys
sys.path = [folder for folder in sys.path if not os.path.isdir(os.path.join(folder, "benchmarks"))]
from jaxdl.cli import main
raise SystemExit(main(["bench", "mlp"]))
"""


def test_bench_says_in_one_line_how_to_get_the_benchmarks(wheel: Path, tmp_path: Path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", WITHOUT_CHECKOUTS]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "checkout" in done.stderr
