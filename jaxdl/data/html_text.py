"""The text of an HTML page: its paragraphs, without scripts, menus, hidden and other parts that are not read.

Tags and entities are read by Python's own parser, which also takes pages that are not well formed. A menu is also known
by what it is: a block of links alone, without a full stop.
"""

import re
from html.parser import HTMLParser

_UNREAD = frozenset(
    "script style head noscript template svg nav footer aside button select textarea label datalist".split()  # noqa: SIM905
)
_BLOCKS = frozenset(
    "p div section article main h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table tr td th blockquote pre br hr figure "  # noqa: SIM905
    "figcaption body html title header form option".split()
)
_EMPTY = frozenset("area base br col embed hr img input link meta source track wbr".split())  # noqa: SIM905
_UNCLOSED = frozenset(("p", "li", "option", "dt", "dd", "tr", "td"))  # the next block ends them
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
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
    reader.end_block()
    return "\n\n".join(reader.paragraphs)


class _Reader(HTMLParser):
    """Collects the paragraphs, block by block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[str] = []
        self.block: list[str] = []
        self.beside_links = ""  # what of the block stands in no link
        self.in_link = False
        self.in_article = 0
        self.unread: list[str] = []  # open elements that are not read, one in the other

    def end_block(self) -> None:
        paragraph = " ".join("".join(self.block).split())
        if paragraph and (self.beside_links.strip(" |/·•>»\n\t") or re.search(r"[.!?。]", paragraph)):
            self.paragraphs.append(paragraph)
        self.block, self.beside_links = [], ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.unread and self.unread[-1] in _UNCLOSED and tag in _BLOCKS:
            self.unread.pop()
        if tag in _BLOCKS:
            self.end_block()
        self.in_link = self.in_link or tag == "a"
        self.in_article += tag in ("article", "main")
        given = dict(attrs)
        hidden = "hidden" in given or bool(_HIDDEN.search(given.get("style") or ""))
        of_page = tag == "header" and not self.in_article  # that of an article has its title
        if tag not in _EMPTY and (tag in _UNREAD or hidden or of_page or tag in self.unread[-1:]):
            self.unread.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.unread:
            while self.unread.pop() != tag:
                pass
        if tag in _BLOCKS:
            self.end_block()
        self.in_link = self.in_link and tag != "a"
        self.in_article -= tag in ("article", "main") and self.in_article > 0

    def handle_data(self, data: str) -> None:
        if not self.unread:
            self.block.append(data)
            self.beside_links += "" if self.in_link else data
