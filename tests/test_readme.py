"""README and the site's guides keep their word: code runs, names, links and commands exist, figures are records'."""

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest

from benchmarks.reports import readme, sections
from jaxdl import claims, recipes
from jaxdl.cli import commands

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in readme.pages()}
CONCEPTS = tomllib.loads((ROOT / "docs" / "concepts.toml").read_text(encoding="utf-8"))["concept"]


def blocks(text: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def block(word: str) -> str:
    return next(code for code in blocks(TEXT) if word in code)


def test_the_front_page_is_short():
    assert len(TEXT.splitlines()) <= 150


def test_the_research_script_trains(capsys):
    script = block("make_train_step")
    assert sum(bool(line) for line in script.splitlines()) <= 18
    exec(compile(script.replace("epochs=30", "epochs=8"), "README.md", "exec"), {})
    scores = eval(capsys.readouterr().out)
    assert scores["accuracy"] > 0.9


def test_the_gradient_of_ones_own_layer():
    names: dict[str, object] = {}
    exec(compile(block("check_gradients"), "README.md", "exec"), names)
    test = names["test_my_layer"]
    assert callable(test)
    test()


@pytest.mark.parametrize("name", PAGES)
def test_code_is_python_and_commands_exist(name):
    for code in blocks(PAGES[name]):
        ast.parse(code)
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGES[name], flags=re.DOTALL))
    named = [
        word for text in [*quoted, *blocks(PAGES[name], "bash")] for word in re.findall(r"\bjaxdl ([a-z]+)\b", text)
    ]
    assert set(named) <= set(commands.names())
    trained = [word for text in quoted for word in re.findall(r"\bjaxdl train ([a-z]\w+)", text)]
    assert set(trained) <= set(recipes.names())


def test_every_command_is_explained():
    """On the front page or, in both languages, on that of the command line, beside what `jaxdl --help` prints."""
    for language in ("en", "ko"):
        words = re.sub(r"```.*?```", "", PAGES[f"docs/guides/{language}/command_line.md"], flags=re.DOTALL)
        assert set(commands.names()) <= set(re.findall(r"`jaxdl ([a-z]+)", TEXT + words))


def test_links_and_pictures_of_the_front_page_exist():
    found = re.findall(r"\]\(([^)#]+)", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))
    assert len(found) > 15
    assert [target for target in found if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("row", CONCEPTS, ids=lambda row: row["en"])
def test_every_concept_has_its_function_test_and_recipe(row):
    module, _, name = row["function"].rpartition(".")
    assert hasattr(importlib.import_module(module), name) or importlib.import_module(f"{module}.{name}")
    assert (ROOT / row["test"]).exists()
    assert row["ko"]
    named = [word for word in re.findall(r"`(\w+)`", row["use"]) if word in recipes.names() or "_" in word]
    assert all(word in recipes.names() for word in named)


def test_every_claim_stands_beside_its_concept():
    assert {name for row in CONCEPTS for name in row.get("claims", ())} == set(claims.names())


def test_every_recipe_on_embedded_data_has_a_measured_score():
    unmeasured = [line.split("`")[1] for line in sections.scores().splitlines() if "not measured yet" in line]
    assert not [name for name in unmeasured if "embedded" in recipes.describe(name)]


def test_what_is_generated_is_up_to_date_and_stands_somewhere():
    stale = [path.name for path, text in readme.files().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run: python -m benchmarks.reports.readme"
    for language in ("en", "ko"):
        shown = {
            name
            for page, text in PAGES.items()
            if f"/{language}/" in page
            for _, name, _ in readme.SECTION.findall(text)
        }
        assert {name for name in readme.SECTIONS if not name.startswith("front") and name != "output_end"} == shown


def test_a_score_line_replaces_the_old_one_or_goes_behind_the_command():
    source = '"""Digits.\n\njaxdl train digits\n"""\n'
    first = readme.with_score_line(source, "Test accuracy 0.9 (one seed); record of 2026-01-02.")
    assert first.splitlines()[2:5] == ["jaxdl train digits", "", "Test accuracy 0.9 (one seed); record of 2026-01-02."]
    second = readme.with_score_line(first, "Test accuracy 0.8 (one seed); record of 2026-01-03.")
    assert second == first.replace("0.9", "0.8").replace("01-02", "01-03")


def test_an_unknown_section_and_a_lonely_mark_are_named():
    with pytest.raises(ValueError, match=r"README\.md: nobody writes a section 'sped'; there are .*speed"):
        readme.generate("<!-- sped:begin -->\n<!-- sped:end -->", readme.README)
    with pytest.raises(ValueError, match=r"README\.md: speed:begin stands alone"):
        readme.generate("<!-- speed:begin -->\n", readme.README)
