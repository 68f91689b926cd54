"""A page for learners from a stored record: what is said, its equation, the code, the picture, the verdict, a question.

The words that are only for a page, and the Korean ones, stand in `pages/NAME.toml`:

    code = ["train"]                     functions of the claim's module that the page shows
    [[try]]                              command = "jaxdl claim ...", en = "what it changes", ko = "..."
    [en]                                 question, answer
    [ko]                                 statement, explanation, question, answer
    [ko.labels]                          "words of the picture" = "..."
"""

import inspect
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from jaxdl.artifacts import pictures
from jaxdl.claims import __path__ as _folders
from jaxdl.claims import load
from jaxdl.claims._records import Record

Language: TypeAlias = Literal["en", "ko"]

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "why": "Why",
        "code": "The code that matters",
        "picture": "What was measured",
        "rule": "The rule, written before the run",
        "verdict": "Verdict",
        "try": "Try it",
        "question": "A question",
        "answer": "Answer",
        "source": "Source",
        "figure": "figure",
        "value": "mean ± 95 % interval",
        "seeds": "{seeds} seeds, {seconds:.0f} s, {hardware}, jax {jax}",
        "index": "Claims",
        "about": "Statements of the textbooks, each an experiment with a verdict. `jaxdl claim NAME` runs one.",
        "statement": "statement",
        "holds": "holds",
        "holds in part": "holds in part",
        "does not hold": "does not hold",
        "remark": "Conditions",
        "other": "한국어",
    },
    "ko": {
        "why": "이유",
        "code": "핵심 코드",
        "picture": "측정 결과",
        "rule": "실험 전에 적어 둔 판정 규칙",
        "verdict": "판정",
        "try": "직접 해 보기",
        "question": "생각해 볼 문제",
        "answer": "답",
        "source": "출처",
        "figure": "측정값",
        "value": "평균 ± 95 % 신뢰구간",
        "seeds": "시드 {seeds}개, {seconds:.0f}초, {hardware}, jax {jax}",
        "index": "주장과 실험",
        "about": "교과서의 명제를 하나씩 실험으로 확인하고 판정합니다. `jaxdl claim NAME`으로 직접 실행할 수 있습니다.",
        "statement": "명제",
        "holds": "성립",
        "holds in part": "부분적으로 성립",
        "does not hold": "성립하지 않음",
        "remark": "조건",
        "other": "English",
    },
}

OTHER: dict[Language, Language] = {"en": "ko", "ko": "en"}


def lesson(name: str) -> dict[str, Any]:
    """The words of a claim's page; empty where nobody has written them yet."""
    path = Path(_folders[0], "pages", f"{name}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def statement(record: Record, language: Language) -> str:
    """The claim in a language; English where it has not been translated."""
    return lesson(record.name).get(language, {}).get("statement", record.statement)


def translate(figure: Any, labels: Mapping[str, str]) -> None:
    """Put the words of a picture into another language; numbers stay. `pictures.save` finds a font for them."""
    pictures.rewrite(figure, lambda text: labelled(text, {"labels": labels}))


def page(record: Record, language: Language, picture: str) -> str:
    """The page of a claim in Markdown; `picture` is where its picture lies, as seen from the page."""
    words, claim, content = WORDS[language], load(record.name), lesson(record.name)
    mine = content.get(language, {})
    why = mine.get("explanation") or inspect.cleandoc(claim.__doc__)
    lines = [
        f"# {statement(record, language)}",
        f"**{words['verdict']}: {words[record.verdict]}** · "
        f"{words['source']}: {record.source} · [{words['other']}](../{OTHER[language]}/{record.name}.md)",
        f"![{statement(record, language)}]({picture})",
        f"## {words['why']}\n\n{why}",
        f"## {words['rule']}\n\n{mine.get('rule', record.rule)}",
        *(f"- {'✓' if met else '✗'} {labelled(check, mine)}" for check, met in record.checks.items()),
        f"## {words['picture']}\n\n" + table(record, words, mine),
        words["seeds"].format(seeds=record.seeds, seconds=record.seconds, **record.environment),
    ]
    if record.remark:
        lines.append(f"{words['remark']}: {mine.get('remark', record.remark)}")
    code = [inspect.getsource(getattr(claim, function)).rstrip() for function in content.get("code", ["run"])]
    lines.append(f"## {words['code']}\n\n```python\n" + "\n\n\n".join(code) + "\n```")
    tries = content.get("try") or [{"command": f"jaxdl claim {record.name}", "en": "", "ko": ""}]
    lines.append(
        f"## {words['try']}\n\n" + "\n".join(f"- `{t['command']}` {t.get(language, '')}".rstrip() for t in tries)
    )
    if "question" in mine:
        lines.append(
            f"## {words['question']}\n\n{mine['question']}\n\n"
            f"<details><summary>{words['answer']}</summary>\n\n{mine['answer']}\n\n</details>"
        )
    return "\n\n".join(lines).replace("\n\n- ✓", "\n- ✓").replace("\n\n- ✗", "\n- ✗") + "\n"


def labelled(text: str, mine: Mapping[str, Any]) -> str:
    """A check's or a figure's name with the words that the page's language has for it."""
    labels = mine.get("labels", {})
    if text in labels:
        return labels[text]
    for english in sorted(labels, key=len, reverse=True):
        text = text.replace(english, labels[english])
    return text


def table(record: Record, words: Mapping[str, str], mine: Mapping[str, Any]) -> str:
    """The figures of a record as a Markdown table."""
    rows = [f"| {cell(labelled(figure.name, mine))} | {figure} |" for figure in record.figures]
    return "\n".join([f"| {words['figure']} | {words['value']} |", "|---|---|", *rows])


def headline(record: Record, language: Language) -> str:
    """The figures that say most, those of one quantity together: "steps: with 36 ± 3, without 720 ± 90"."""
    content = lesson(record.name)
    mine, wanted = content.get(language, {}), content.get("headline", [record.figures[0].name])
    groups: dict[str, list[str]] = {}
    for figure in (figure for name in wanted for figure in record.figures if figure.name == name):
        quantity, _, case = figure.name.partition(": ")
        groups.setdefault(labelled(quantity, mine), []).append(f"{labelled(case, mine)} {figure}".strip())
    return "; ".join(f"{quantity}: {', '.join(cases)}" for quantity, cases in groups.items())


def index(records: Sequence[Record], language: Language) -> str:
    """The list of all claims with their verdicts and the figures that say most."""
    words = WORDS[language]
    rows = [
        f"| [{cell(statement(record, language))}]({record.name}.md) | {words[record.verdict]} | "
        f"{cell(headline(record, language))} |"
        for record in records
    ]
    return "\n".join(
        [
            f"# {words['index']}\n\n[{words['other']}](../{OTHER[language]}/index.md)\n\n{words['about']}\n",
            f"| {words['statement']} | {words['verdict']} | {words['figure']} |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def cell(text: str) -> str:
    """A text inside a table of Markdown."""
    return text.replace("|", "\\|")
