"""No clock without waiting: JAX and GPUs run asynchronously, and a time taken too early is a lie."""

import ast
from pathlib import Path

import pytest

CLOCKS = {"perf_counter", "perf_counter_ns", "time", "monotonic", "monotonic_ns", "process_time", "timeit"}
MODULES = {"time", "timeit"}
WAITS = {"block_until_ready", "synchronize"}
ROOT = Path(__file__).parents[2] / "benchmarks"
FILES = sorted(path for path in ROOT.rglob("*.py") if path.name != "deadline.py")  # a budget is no measurement


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def unwaited(source: str) -> list[str]:
    """Functions (or "<module>") that read a clock and never wait for a result.

    Renamed clocks are found too: `from time import perf_counter as now` counts `now` as a clock.
    """
    tree = ast.parse(source)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module in MODULES]
    direct = {alias.asname or alias.name for node in imports for alias in node.names if alias.name in CLOCKS}

    def reads_clock(call: ast.Call) -> bool:
        f = call.func
        if isinstance(f, ast.Attribute):
            return f.attr in CLOCKS and isinstance(f.value, ast.Name) and f.value.id in MODULES
        return isinstance(f, ast.Name) and f.id in direct

    def calls(scope: ast.AST) -> list[ast.Call]:
        """The calls of a function with those of functions inside it, which it may hand its clock to."""
        return [node for node in ast.walk(scope) if isinstance(node, ast.Call)]

    found, covered = [], set()
    for scope in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]:
        inside = calls(scope)
        covered |= {id(call) for call in inside}
        waits = any(_last_name(call.func) in WAITS for call in inside)
        if any(reads_clock(call) for call in inside) and not waits:
            found.append(scope.name)
    if any(reads_clock(call) for call in calls(tree) if id(call) not in covered):
        found.append("<module>")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_benchmark_reads_a_clock_without_waiting(file: Path) -> None:
    assert unwaited(file.read_text()) == []


def test_all_files_are_looked_at() -> None:
    assert {"timing.py", "trainer.py", "torch_eager.py", "__main__.py"} <= {file.name for file in FILES}


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    start = time.perf_counter()\n    g()\n    return time.perf_counter() - start",
        "from time import perf_counter as now\ndef f():\n    return now()",
        "def f():\n    jax.block_until_ready(g())\ndef h():\n    return time.monotonic()",
        "start = time.time()",
        "def f():\n    return timeit.timeit(g)",
    ],
)
def test_a_lying_clock_is_found(source: str) -> None:
    assert unwaited(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    start = time.perf_counter()\n    jax.block_until_ready(g())\n    return time.perf_counter()",
        "def f():\n    start = time.perf_counter()\n    g().block_until_ready()\n    return time.perf_counter()",
        "def f():\n    start = time.perf_counter()\n    torch.cuda.synchronize()\n    return time.perf_counter()",
        "def f():\n    time.sleep(1)\n    return datetime.time()",
    ],
)
def test_an_honest_clock_passes(source: str) -> None:
    assert unwaited(source) == []
