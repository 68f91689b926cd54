"""The code of the guide on other libraries runs, and is the same in both languages."""

import re
from pathlib import Path

import pytest

GUIDES = Path(__file__).parent.parent.parent / "docs/guides"
CODE = [
    re.findall(r"```python\n(.*?)```", (GUIDES / f"{lang}/interop.md").read_text("utf-8"), re.S)
    for lang in ("en", "ko")
]


def test_both_languages_show_the_same_code():
    assert CODE[0] == CODE[1]
    assert len(CODE[0]) == 3


@pytest.mark.parametrize("code", CODE[0], ids=["from torch", "to torch", "from flax"])
def test_the_code_of_the_guide_runs(code):
    for library in ("torch", "flax"):
        if f"{library} import" in code or f"import {library}" in code:
            pytest.importorskip(library)
    exec(compile(code, "interop.md", "exec"), {})
