"""Every claim's experiment in a small form, judged by its own rule; its picture; what it says of itself."""

import ast
import dataclasses
import inspect
import json
import re
from typing import Any

import numpy as np
import pytest

from jaxdl import claims
from jaxdl.claims import _pages, _shelf
from jaxdl.claims._evidence import Figure
from jaxdl.claims._records import constants, measure

FINDINGS = {
    "relu_faster_than_sigmoid": "holds in part",  # against tanh the gain is small here
    "rare_class_in_small_batches": "holds in part",  # at equal epochs small batches make more updates
    "depth_against_width": "holds in part",  # 8 x 8 digits have nothing that depth could fold
}


def in_its_suite(name: str) -> Any:
    """The quick ones run by default, the others with the slow tests."""
    return pytest.param(name, marks=[pytest.mark.slow] if claims.load(name).SECONDS > 5 else [])


@pytest.fixture(scope="module", params=[in_its_suite(name) for name in claims.names()])
def outcome(request: pytest.FixtureRequest):
    return measure(request.param, small=True)


def test_verdict(outcome):
    record, _ = outcome
    expected = FINDINGS.get(record.name, "holds")
    assert record.verdict == expected, (record.checks, [f"{f.name}: {f}" for f in record.figures])


def test_figures_are_finite_and_checks_are_named(outcome):
    record, _ = outcome
    assert record.figures
    assert all(np.isfinite(figure.values).all() for figure in record.figures), record.figures
    assert len({figure.name for figure in record.figures}) == len(record.figures)
    assert all(record.checks)


def test_picture_and_pages(outcome, tmp_path):
    """Every axis has a name, and a record comes back from its file as it was."""
    record, result = outcome
    path = _shelf.store(record, result, tmp_path, languages=("en", "ko"))
    assert path.stat().st_size > 5_000
    assert _shelf.records(tmp_path) == [
        record._replace(checks=dict(record.checks), environment=dict(record.environment))
    ]
    figure = claims.load(record.name).picture(result)
    for ax in figure.axes:
        named = (ax.get_xlabel() or not ax.axison or not len(ax.get_xticks())) and ax.get_title() + ax.get_xlabel()
        assert named or ax.get_label() == "<colorbar>", (record.name, ax.get_title())
    for language in ("en", "ko"):
        text = _pages.page(record, language, "picture.png")
        assert _pages.statement(record, language) in text
        assert all(str(f) in text for f in record.figures)
    html = _shelf.write_gallery(tmp_path).read_text()
    assert f'id="{record.name}"' in html
    assert "data:image/png;base64," in html


@pytest.mark.parametrize("name", claims.names())
def test_a_claim_says_what_it_is(name):
    claim = claims.load(name)
    assert claims.statement(name) == claim.STATEMENT
    assert all(len(text) > 20 for text in (claim.SOURCE, claim.RULE, claim.__doc__))
    assert claim.SEEDS >= 3
    assert claim.SECONDS <= 180
    lesson = _pages.lesson(name)
    if lesson:
        assert all(callable(getattr(claim, function)) for function in lesson["code"])
        assert len(lesson["try"]) >= 2
        assert {"question", "answer"} <= set(lesson["en"])
        assert {"statement", "explanation", "question", "answer", "labels"} <= set(lesson["ko"])
        assert lesson["try"][0]["command"].startswith(f"jaxdl claim {name}")
        assert all(attempt["command"].startswith("jaxdl ") for attempt in lesson["try"])
        settings = re.findall(rf"jaxdl claim {name} --set \"?(\w+)=", " ".join(a["command"] for a in lesson["try"]))
        assert set(settings) <= set(constants(claim)), "no such constant"
        assert set(settings) <= read_by_functions(claim), "read at import only: --set would change nothing"


def read_by_functions(module) -> set[str]:
    """The names that the module's functions read when they run (and not only once, at import)."""
    functions = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.FunctionDef)]
    bodies = [statement for function in functions for statement in function.body]
    return {node.id for body in bodies for node in ast.walk(body) if isinstance(node, ast.Name)}


def test_figures_as_text():
    assert str(Figure("accuracy", (0.9, 0.92, 0.94))) == "0.92 ± 0.05"
    assert str(Figure("share", (0.5,), "%")) == "0.5 %"
    assert json.dumps(Figure("a", (1.0,))._asdict())
    assert dataclasses.is_dataclass(Figure) is False
