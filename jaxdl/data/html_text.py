"""The text of an HTML page: its paragraphs, without scripts, menus and the other parts that are not read.

Tags and entities are read by Python's own parser, which also takes pages that are not well formed.
"""

import re
from html.parser import HTMLParser

_UNREAD = frozenset(
    ("script", "style", "head", "noscript", "template", "svg", "nav", "header", "footer", "aside", "form")
)
_BLOCKS = frozenset(
    "p div section article main h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table tr td th blockquote pre br hr figure "  # noqa: SIM905
    "figcaption body html title".split()
)
_PAGE = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b", re.I | re.S)
_TAG = re.compile(r"</?(?:p|div|br|li|h[1-6]|span|a|table|td)\b[^>]*>", re.I)


def is_html(text: str) -> bool:
    """Whether a text is a page of HTML, or a part of one.

    >>> is_html("<!DOCTYPE html><p>Yes.</p>"), is_html("The tag <p> begins a paragraph.")
    (True, False)
    """
    return bool(_PAGE.match(text)) or len(_TAG.findall(text[:100_000])) >= 4


def html_text(page: str) -> str:
    """The paragraphs that a reader of a page sees, with blank lines between them.

    >>> html_text("<h1>Tea</h1><p>Tea is <b>hot</b>.<script>a()</script></p><p>It cools &amp; waits.</p>")
    'Tea\\n\\nTea is hot.\\n\\nIt cools & waits.'
    """
    reader = _Reader()
    reader.feed(page)
    reader.close()
    paragraphs = (" ".join(paragraph.split()) for paragraph in "".join(reader.parts).split("\0"))
    return "\n\n".join(filter(None, paragraphs))


class _Reader(HTMLParser):
    """Collects text; the mark "\\0" stands where a block begins or ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.unread: list[str] = []  # open elements that are not read

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _UNREAD:
            self.unread.append(tag)
        self.parts.append("\0" if tag in _BLOCKS else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.unread:
            del self.unread[self.unread.index(tag) :]
        self.parts.append("\0" if tag in _BLOCKS else "")

    def handle_data(self, data: str) -> None:
        if not self.unread:
            self.parts.append(data.replace("\0", " "))
