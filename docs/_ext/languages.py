"""English and Korean pages side by side: pages under a folder `en` or `ko` say their language, and are listed."""

from base64 import b64encode
from importlib.metadata import files
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from fontTools import subset


def language_of(name: str) -> str:
    """`ko` for pages in a folder of that name and the first page, else `en`.

    >>> language_of("claims/ko/index"), language_of("index_ko"), language_of("index")
    ('ko', 'ko', 'en')
    """
    return "ko" if "ko" in PurePosixPath(name).parts or name.endswith("_ko") else "en"


def list_pages(app: Any, name: str, text: list[str]) -> None:
    """The index of the claims is written by `jaxdl claim --docs` as a table; the site's menu needs a list as well."""
    if PurePosixPath(name).match("claims/*/index"):
        text[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"


def say_language(app: Any, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    context["language"] = language_of(name)
    if context["language"] == "ko":
        context["theme_toc_title"] = "차례"


PROMPTS = {"A solution": "풀이", "The test": "테스트"}
"""Of hidden cells. Pages of both languages have the English ones, so that their cells are equal and run only once."""


def translate_prompts(app: Any, doctree: Any) -> None:
    if language_of(app.env.docname) == "ko":
        for cell in doctree.findall(lambda node: "prompt_show" in getattr(node, "attributes", ())):
            for prompt in ("prompt_show", "prompt_hide"):
                cell[prompt] = PROMPTS[cell[prompt]]


FACE = """@font-face {{
  font-family: Korean;
  unicode-range: U+1100-11FF, U+3130-318F, U+AC00-D7AF;
  src: local("Noto Sans KR"), local("Noto Sans CJK KR"), local("Apple SD Gothic Neo"), local("Malgun Gothic"),
       url(data:font/woff;base64,{data});
}}
"""


def write_font(docs: Path) -> Path:
    """A style sheet with a Korean font, for machines that have none: the letters that the pages use.

    Inside the sheet, since Chromium draws some words before a font of its own file is here, and keeps them.
    """
    pages = [path for path in docs.rglob("*.md") if "_build" not in path.parts]
    letters = "".join({letter for path in pages for letter in path.read_text(encoding="utf-8") if letter > "\u1100"})
    source = next(file for file in files("koreanize-matplotlib") or () if file.name == "NanumGothic.ttf").locate()
    options = subset.Options(flavor="woff")
    options.drop_tables += ["TSI0", "TSI1", "TSI2", "TSI3", "TSI5"]  # of the tool that drew it
    font = subset.load_font(str(source), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=letters)
    subsetter.subset(font)
    file = BytesIO()
    subset.save_font(font, file, options)
    sheet = docs / "_build" / "korean.css"
    sheet.parent.mkdir(exist_ok=True)
    sheet.write_text(FACE.format(data=b64encode(file.getvalue()).decode()))
    return sheet


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", list_pages)
    app.connect("doctree-read", translate_prompts)
    app.connect("html-page-context", say_language)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
