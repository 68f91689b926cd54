"""The site's sources: their links exist, both languages hold the same pages and code, docstrings become valid pages."""

import ast
import doctest
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"_build", "api"} & {*path.parts})
sys.path.append(str(DOCS / "_ext"))


def targets(text: str) -> list[str]:
    """What a page links to or shows, but for the addresses of other sites."""
    found = re.findall(r"\]\(([^)\s#]+)[^)]*\)", re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL))
    return [target for target in found if "://" not in target]


def missing(page: Path) -> list[str]:
    """Links of a page that lead nowhere; `api/` is written when the site is built."""
    links = [target for target in targets(page.read_text(encoding="utf-8")) if "api/" not in target]
    return [target for target in links if not (page.parent / target).exists()]


def test_links_and_pictures_exist():
    assert {page.relative_to(DOCS).as_posix(): found for page in PAGES if (found := missing(page))} == {}


def test_a_dead_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[here](page.md) [gone](gone.md#part) ![no](no.png) [far](https://example.org) `[code](x.md)`")
    assert missing(page) == ["gone.md", "no.png"]


def test_dead_links_of_a_built_site_are_found(tmp_path):
    from dead_links import dead  # type: ignore[import-not-found]

    (tmp_path / "a.html").write_text('<p id="x"><a href="b.html#y"></a><a href="#x"></a><a href="#z"></a>')
    (tmp_path / "b.html").write_text('<a href="c.html"></a><a href="https://b.org"></a><img src="https://b.org/x.png">')
    assert dead(tmp_path) == [
        "a.html: #z",
        "a.html: b.html#y",
        "b.html: c.html",
        "b.html: https://b.org/x.png is fetched",
    ]


@pytest.mark.parametrize("name", ["docstrings", "experiments", "languages", "links", "reference"])
def test_the_examples_of_the_extensions_run(name):
    if name == "links":
        pytest.importorskip("docutils", reason="the site needs docutils: pip install jaxdl[docs]")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_docstring_of_a_package_becomes_valid_text():
    core = pytest.importorskip("docutils.core", reason="the site needs docutils: pip install jaxdl[docs]")
    from docstrings import convert  # type: ignore[import-not-found]

    from jaxdl import nn

    docs = [thing.__doc__ for thing in vars(nn).values() if callable(thing) and thing.__doc__]
    for doc in docs:
        lines = [line for line in convert(doc.replace("\n    ", "\n").splitlines()) if ".. code-block::" not in line]
        core.publish_doctree("\n".join(lines), settings_overrides={"halt_level": 2, "report_level": 2})


def test_badges_say_what_the_table_of_cases_proves():
    from reference import badges  # type: ignore[import-not-found]

    from jaxdl import nn

    assert badges(nn.dense)[0].startswith(":bdg-success:`gradient checked` :bdg-primary:`agrees with ")
    assert badges(print) == []


def test_every_public_part_of_the_house_has_its_page():
    from reference import PACKAGES  # type: ignore[import-not-found]
    from test_house import FLOORS

    inside = {"cli", "claims", "recipes", "artifacts", "types"}  # commands, pages of their own, what nobody calls
    assert set(PACKAGES) == {name for floor in FLOORS for name in floor} - inside


def test_badges_of_claims_link_to_both_languages():
    import experiments  # type: ignore[import-not-found]

    from jaxdl import losses, optim

    line, _ = experiments.badges(losses.regularizers.kl_sparsity)
    targets = re.findall(r"</(claims/\w+/\w+)>", line)
    assert targets == ["claims/en/features_of_autoencoders", "claims/ko/features_of_autoencoders"]
    assert all((DOCS / f"{target}.md").exists() for target in targets)
    assert experiments.badges(optim.adam)[0].startswith(".. dropdown:: Used in ")
    assert experiments.badges(print) == []


NOTEBOOKS = [page for page in PAGES if "file_format: mystnb" in page.read_text(encoding="utf-8")[:60]]


def cells(page: Path) -> list[str]:
    """The code cells of a notebook in text, without their options."""
    pattern = r"^```\{code-cell\}[^\n]*\n(?:---\n.*?\n---\n)?(.*?)^```$"
    return re.findall(pattern, page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def options(page: Path) -> list[str]:
    """The options of the code cells, such as that one is hidden."""
    return re.findall(r"^```\{code-cell\}[^\n]*\n(---\n.*?\n---\n)?", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def twin(page: Path) -> Path:
    """The same page in the other language."""
    other = {"en": "ko", "ko": "en"}[page.parent.name]
    return page.parent.parent / other / page.name


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: "/".join(page.parts[-2:]))
def test_both_languages_show_the_same_code_and_link_to_each_other(page):
    assert cells(page)
    assert cells(page) == cells(twin(page))
    assert options(page) == options(twin(page))  # else each would be run: the cache of runs compares them as well
    assert f"../{twin(page).parent.name}/{page.name}" in targets(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [page for page in NOTEBOOKS if page.parent.name == "en"], ids=lambda page: page.stem)
def test_what_a_lesson_imports_exists_and_its_code_is_python(page):
    code = compile("\n".join(cells(page)), page.name, "exec", ast.PyCF_ONLY_AST)
    imports = [node for node in ast.walk(code) if isinstance(node, ast.Import | ast.ImportFrom)]
    namespace: dict[str, object] = {}
    for node in imports:
        if not {name.split(".")[0] for name in modules(node)} & {"torch", "keras", "flax"}:
            exec(ast.unparse(node), namespace)
    assert imports


def modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in NOTEBOOKS if page.parent.name == "en"], ids=lambda page: page.stem)
def test_a_lesson_runs_and_its_exercise_passes_its_test(page):
    """In a process of its own: a reader has neither strict promotion nor warnings as errors."""
    script = "import matplotlib; matplotlib.use('Agg')\n" + "\n".join(cells(page))
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, cwd=DOCS.parent)
    assert found.returncode == 0, found.stderr
    assert ("passed" in found.stdout) == (page.parent.parent.name == "lessons")


FRAMEWORKS = re.findall(r"```python\n(.*?)```", (DOCS / "guides/en/coming_from.md").read_text(), re.DOTALL)


def test_the_networks_side_by_side_are_the_same_in_both_languages_and_python():
    korean = (DOCS / "guides/ko/coming_from.md").read_text(encoding="utf-8")
    assert re.findall(r"```python\n(.*?)```", korean, re.DOTALL) == FRAMEWORKS
    assert [len(ast.parse(code).body) > 5 for code in FRAMEWORKS] == [True] * 4


@pytest.mark.slow
@pytest.mark.parametrize("code", FRAMEWORKS, ids=["jaxdl", "torch", "keras", "flax"])
def test_the_networks_side_by_side_learn_equally_well(code, request):
    name = request.node.callspec.id
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    variables = os.environ | {"KERAS_BACKEND": "jax"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=variables)
    assert found.returncode == 0, found.stderr
    assert 0.92 < float(re.findall(r"0\.\d+", found.stdout)[-1]) < 0.98
