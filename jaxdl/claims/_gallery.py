"""Every claim on one page of HTML that opens from disk: statement, verdict, picture, figures; light or dark."""

import base64
import html
from collections.abc import Sequence

from jaxdl.claims._pages import WORDS, Language, labelled, lesson, statement
from jaxdl.claims._records import Record

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fbfbfa; --card: #fff; --line: #ddd; --soft: #5c5c5c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9e9e6; --paper: #161616; --card: #202020; --line: #3a3a3a; --soft: #a9a9a4; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, "Noto Sans KR", "NanumGothic", sans-serif; }
h1 { font-size: 1.7rem; margin: .5rem 0; } h2 { font-size: 1.12rem; line-height: 1.35; margin: 0 0 .4rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); font-size: .9rem; }
nav ol { columns: 21rem; column-gap: 2.6rem; padding-left: 2rem; }
nav a { color: inherit; } nav li { break-inside: avoid; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.2rem;
  margin: 1.4rem 0; overflow-wrap: anywhere; }
.verdict { display: inline-block; border-radius: 1rem; padding: .05rem .7rem; font-size: .88rem; font-weight: 600;
  border: 1px solid currentColor; }
.holds { color: #1a7f37; } .holds-in-part { color: #9a6700; } .does-not-hold { color: #b3261e; }
@media (prefers-color-scheme: dark) {
  .holds { color: #57c777; } .holds-in-part { color: #dcab3e; } .does-not-hold { color: #ff8a80; }
}
img { display: block; max-width: 100%; height: auto; margin: .8rem auto; background: #fff; border-radius: .3rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
td, th { text-align: left; padding: .15rem .8rem .15rem 0; border-top: 1px solid var(--line); vertical-align: top; }
td:last-child { font-variant-numeric: tabular-nums; } summary { cursor: pointer; margin-top: .6rem; }
"""


def gallery(records: Sequence[Record], pictures: Sequence[bytes], language: Language = "en") -> str:
    """The page, with the PNG of each record's picture inside it."""
    words = WORDS[language]
    cards = "\n".join(card(record, png, language) for record, png in zip(records, pictures, strict=True))
    links = "\n".join(
        f'<li><a href="#{record.name}">{escape(statement(record, language))}</a> '
        f'<span class="{kind(record)}">{words[record.verdict]}</span></li>'
        for record in records
    )
    about = escape(words["about"].replace("`", ""))
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>jaxdl: {words['index']}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{words['index']}</h1>\n<p>{about}</p>\n<nav><ol>\n{links}\n</ol></nav>\n{cards}\n</body>\n</html>\n"
    )


def card(record: Record, png: bytes, language: Language) -> str:
    """One claim."""
    words, mine = WORDS[language], lesson(record.name).get(language, {})
    said = escape(statement(record, language))
    rows = "\n".join(f"<tr><td>{escape(labelled(f.name, mine))}</td><td>{f}</td></tr>" for f in record.figures)
    checks = "\n".join(
        f"<li>{'✓' if met else '✗'} {escape(labelled(check, mine))}</li>" for check, met in record.checks.items()
    )
    remark = f'<p class="soft">{escape(mine.get("remark", record.remark))}</p>' if record.remark else ""
    run = words["seeds"].format(seeds=record.seeds, seconds=record.seconds, **record.environment)
    return (
        f'<article id="{record.name}">\n<h2>{said}</h2>\n'
        f'<p><span class="verdict {kind(record)}">{words[record.verdict]}</span> '
        f'<span class="soft">{escape(record.source)}</span></p>\n'
        f'<img alt="{said}" src="data:image/png;base64,{base64.b64encode(png).decode()}">\n'
        f"<table>\n{rows}\n</table>\n{remark}\n<details><summary>{words['rule']}</summary>\n"
        f"<p>{escape(mine.get('rule', record.rule))}</p>\n<ul>\n{checks}\n</ul>\n</details>\n"
        f'<p class="soft">jaxdl claim {record.name} · {escape(run)}</p>\n</article>'
    )


def kind(record: Record) -> str:
    """The verdict as a class of the style sheet."""
    return record.verdict.replace(" ", "-")


def escape(text: str) -> str:
    """Text as HTML."""
    return html.escape(text)
