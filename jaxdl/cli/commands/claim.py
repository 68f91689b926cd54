"""`jaxdl claim`: a statement of the textbooks as an experiment with a verdict."""

import ast
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdl.cli.arguments import UsageError, pop_options
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import print_table, stages

if TYPE_CHECKING:
    from jaxdl.claims._pages import Language
    from jaxdl.claims._records import Record

USAGE = "claim [NAME | --all] [--budget 5m] [--seeds N] [--set CONSTANT=VALUE] [--lang en|ko] [--out DIR] [--docs]"
HELP = """claim [NAME | --all] [--budget 5m] [--lang ko]
                 the textbooks' statements: list them, or run the experiment of one (or all) and judge it"""
ABOUT = f"""usage: jaxdl {USAGE}

Without a name: the list of all claims. With a name (or --all): run the experiment over several seeds, draw its picture
and judge it by a rule that was written before.

  --budget TIME          90s, 5m, 1h: scales the number of seeds, never the rule
  --seeds N              repetitions (at least 3)
  --set CONSTANT=VALUE   change a constant of the experiment and see what depends on it (may be given several times)
  --lang en|ko           the language of what is printed and drawn
  --out DIR              where the records, pictures and the gallery go; claims/ by default
  --docs                 in a checkout: renew the stored results of what was run, write docs/claims"""


def run(argv: list[str]) -> int:
    """List or run claims; returns the exit code. A claim that does not hold is a finding, not a failure."""
    if "-h" in argv or "--help" in argv:
        print(ABOUT)
        return 0
    settings, argv = _settings(argv)
    options, words = pop_options(argv, "--budget", "--seeds", "--lang", "--out")
    every, docs = "--all" in words, "--docs" in words
    names = [word for word in words if word not in ("--all", "--docs")]
    if unknown := next((word for word in names if word.startswith("-")), None):
        raise UsageError(f"unknown option {unknown}; usage: jaxdl {USAGE}")
    language = options.get("--lang", "en")
    if language not in ("en", "ko"):
        raise UsageError(f"--lang: unknown language {language!r}; one of: en, ko")
    if every and (names or settings):
        raise UsageError("--all runs every claim as it stands: neither a NAME nor --set goes with it")
    if settings and (len(names) != 1 or docs):
        raise UsageError(
            "--set goes with one NAME, and not with --docs: stored results are those of the claim as it is"
        )
    from jaxdl import claims

    if not names and not every and not docs:
        print_table(["claim", "statement"], [[name, claims.statement(name)] for name in claims.names()])
        return 0
    for name in names:
        claims.load(name)
    use_compilation_cache()
    from jaxdl.claims import _shelf

    root = _shelf.repository() if docs else None
    folder = _shelf.results(root) if root else Path(options.get("--out") or "claims")
    wanted = claims.names() if every else names
    languages = ("en", "ko") if docs else (language,)
    for name, seeds in _seeds(wanted, options).items():
        _prove(name, seeds, settings, folder, languages, language)
    if every:
        print(f"gallery: {_shelf.write_gallery(folder, language)}")
    if root:
        print(f"{_shelf.write_pages(root)} pages under {root / 'docs' / 'claims'}")
    return 0


def _settings(argv: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The constants of every `--set NAME=VALUE`, and the other words."""
    settings, rest = {}, []
    words = iter(argv)
    for word in words:
        if word != "--set":
            rest.append(word)
            continue
        name, equals, value = next(words, "").partition("=")
        if not (name and equals):
            raise UsageError("--set needs CONSTANT=VALUE, such as --set DEPTH=8")
        try:
            settings[name] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            settings[name] = value
    return settings, rest


def _seeds(wanted: Sequence[str], options: dict[str, str]) -> dict[str, int | None]:
    """How many repetitions each claim gets; None is its own number."""
    from jaxdl.claims import _shelf

    if "--budget" in options and wanted:
        return dict(_shelf.seeds_within(wanted, _shelf.seconds(options["--budget"])))
    seeds = options.get("--seeds")
    if seeds is None:
        return dict.fromkeys(wanted)
    if not seeds.isdecimal() or int(seeds) < 3:
        raise UsageError(f"--seeds needs a whole number from 3 on, got {seeds!r}: fewer have no interval")
    return dict.fromkeys(wanted, int(seeds))


def _prove(
    name: str,
    seeds: int | None,
    settings: dict[str, Any],
    folder: Path,
    languages: Sequence["Language"],
    language: "Language",
) -> None:
    """Run one claim, keep and print what came out."""
    from jaxdl.claims._records import measure
    from jaxdl.claims._shelf import store

    with stages(name) as stage:
        record, result = measure(name, seeds=seeds, settings=settings, stage=stage)
        picture = store(record, result, folder, languages=languages)
    _print(record, picture, language)


def _print(record: "Record", picture: Path, language: "Language") -> None:
    """The statement, its figures and the verdict."""
    from jaxdl.claims._pages import WORDS, labelled, lesson, statement

    words, mine = WORDS[language], lesson(record.name).get(language, {})
    print(textwrap.fill(statement(record, language), 100))
    print(f"{words['source']}: {record.source}\n")
    print_table([words["figure"], words["value"]], [[labelled(f.name, mine), str(f)] for f in record.figures])
    print("\n" + textwrap.fill(f"{words['rule']}: {mine.get('rule', record.rule)}", 100))
    for check, met in record.checks.items():
        print(f"  {'✓' if met else '✗'} {labelled(check, mine)}")
    if record.remark:
        print(textwrap.fill(mine.get("remark", record.remark), 100))
    print(
        f"{words['verdict']}: {words[record.verdict].upper()}  ({words['seeds']}) {picture}\n".format(
            seeds=record.seeds, seconds=record.seconds, **record.environment
        )
    )
