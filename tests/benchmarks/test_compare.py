"""Two files of records beside each other: verdicts that know the noise, exit codes, and files that are none."""

import json

import pytest

from benchmarks.reports import compare


def record(implementation: str, median: float, spread: float = 0.02, **more) -> dict:
    times = {"median": median, "q1": median * (1 - spread), "q3": median * (1 + spread), "n": 15}
    base = {"workload": "mlp", "implementation": implementation, "device": "cpu", "precision": "f32", "hardware": "x"}
    return base | {"step_ms": times} | more


@pytest.fixture
def stored(tmp_path):
    def write(name, *records):
        (tmp_path / name).write_text(json.dumps(records))
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    ("median", "spread", "expected", "code"),
    [(11.0, 0.02, "slower", 1), (9.0, 0.02, "faster", 0), (10.1, 0.0, "noise", 0), (11.0, 0.2, "noise", 0)],
)
def test_verdicts(stored, capsys, median, spread, expected, code):
    a, b = stored("a.json", record("jaxdl", 10.0, spread)), stored("b.json", record("jaxdl", median, spread))
    assert compare.main([a, b]) == code
    assert capsys.readouterr().out.splitlines()[-1].split() == [
        *("mlp", "jaxdl", "10.000", f"{median:.3f}", f"{median / 10:.3f}", expected)
    ]


def test_only_common_timed_rows_are_compared(stored, capsys):
    a = stored(
        "a.json", record("jaxdl", 10.0), record("flax", 12.0), {"implementation": "keras", "not_timed": "absent"}
    )
    b = stored("b.json", record("flax", 12.0, hardware="y"), record("torch", 5.0, hardware="y"))
    assert compare.main([a, b]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "other hardware: x against y"
    assert [line.split()[1] for line in lines[2:]] == ["flax"]


@pytest.mark.parametrize("content", ["{", "3", "[3]", "[]", None])
def test_files_without_records_are_refused(tmp_path, stored, content):
    if content is not None:
        (tmp_path / "bad.json").write_text(content)
    with pytest.raises(ValueError, match=r"bad\.json|no timed row"):
        compare.main([stored("a.json", record("jaxdl", 1.0)), str(tmp_path / "bad.json")])
