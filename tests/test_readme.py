"""README keeps its word: its script runs, its names exist, its numbers come from the records."""

import importlib
import re
from pathlib import Path

import pytest

from benchmarks.reports import readme
from jaxdl import claims, recipes

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()


def rows_of_concepts() -> list[list[str]]:
    table = TEXT.split("| concept | function | test | recipe or command | claim: verdict |")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[1:]]


def test_the_research_script_trains(capsys):
    script = next(b for b in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "make_train_step" in b)
    assert sum(bool(line) for line in script.splitlines()) <= 21
    exec(compile(script.replace("epochs=30", "epochs=8"), "README.md", "exec"), {})
    scores = eval(capsys.readouterr().out)
    assert scores["accuracy"] > 0.9


@pytest.mark.parametrize("row", rows_of_concepts(), ids=lambda row: row[0])
def test_every_concept_has_its_function_test_and_recipe(row):
    _, function, test, recipe, _ = row
    module, _, name = function.strip("`").rpartition(".")
    assert hasattr(importlib.import_module(module), name) or importlib.import_module(f"{module}.{name}")
    assert (ROOT / test.strip("`")).exists()
    named = [word for word in re.findall(r"`(\w+)`", recipe) if word in recipes.names() or "_" in word]
    assert all(word in recipes.names() for word in named)


def test_every_claim_stands_beside_its_concept():
    linked = {name for row in rows_of_concepts() for name in re.findall(r"docs/claims/en/(\w+)\.md", row[4])}
    assert linked == set(claims.names())


def test_every_recipe_on_embedded_data_has_a_measured_score():
    unmeasured = [line.split("`")[1] for line in readme.scores().splitlines() if "not measured yet" in line]
    assert not [name for name in unmeasured if "embedded" in recipes.describe(name)]


def test_what_is_generated_is_up_to_date():
    stale = [path.name for path, text in readme.files().items() if path.read_text() != text]
    assert not stale, "run: python -m benchmarks.reports.readme"


def test_a_score_line_replaces_the_old_one_or_goes_behind_the_command():
    source = '"""Digits.\n\njaxdl train digits\n"""\n'
    first = readme.with_score_line(source, "Test accuracy 0.9 (one seed); record of 2026-01-02.")
    assert first.splitlines()[2:5] == ["jaxdl train digits", "", "Test accuracy 0.9 (one seed); record of 2026-01-02."]
    second = readme.with_score_line(first, "Test accuracy 0.8 (one seed); record of 2026-01-03.")
    assert second == first.replace("0.9", "0.8").replace("01-02", "01-03")


def test_a_missing_section_is_named():
    with pytest.raises(ValueError, match="no section 'speed'"):
        readme.section("text", "speed", "table")
