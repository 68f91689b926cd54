"""`jaxdl summarize`: the sentences of a text file that stand for the whole of it, and its key words."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdl.cli.arguments import UsageError, flags, parse
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import plain

if TYPE_CHECKING:
    from jaxdl.applications.summarization import Summary

HELP = """summarize FILE|- [FILE ...] [--sentences N | --ratio R] [--method NAME] [--keywords K] [--html]
                 the sentences that stand for a whole text (English, Korean), and its key words"""

_USAGE = f"usage: jaxdl {HELP.splitlines()[0]}"
_SWITCHES = (
    "--json",
    "--no-json",
    "--stem",
    "--no-stem",
    "--morphemes",
    "--no-morphemes",
    "--html",
    "--no-html",
    "-h",
    "--help",
)


@dataclass(frozen=True)
class Options:
    """How to summarize.

    Attributes:
        sentences: how many sentences to keep (3 if no ratio is given).
        ratio: or which share of them, in (0, 1].
        method: textrank, lexrank, lexrank-lead, bm25, centroid, lead or random.
        ranker: folder of a finished scitldr_ranker run, whose network ranks the sentences instead.
        keywords: how many key words to find.
        html: the files are pages of HTML: their text is read, without menus and scripts.
        json: print JSON.
        out: write into this file instead of printing.
        stop_words: file with more words that do not count, separated by white space.
        stem: reduce English words to their stems first (needs nltk).
        morphemes: find the stems of Korean words by the dictionary of kiwipiepy (extra: korean), not by rules.
        encoding: of the file; UTF-8 (or what its byte-order mark says) by default.
    """

    sentences: int | None = None
    ratio: float | None = None
    method: str = "textrank"
    ranker: Path | None = None
    keywords: int = 0
    html: bool = False
    json: bool = False
    out: Path | None = None
    stop_words: Path | None = None
    stem: bool = False
    morphemes: bool = False
    encoding: str | None = None


def run(argv: list[str]) -> int:
    """Summarize and print; returns the exit code."""
    files, rest = _split(argv)
    options: Options = parse(Options, rest, command="summarize FILE|-", about=HELP)
    if not files:
        raise UsageError(f"expected a file, or - for the standard input; {_USAGE}")
    texts = [_text(name, options) for name in files]  # before anything slow: a file that cannot be read is said at once
    summaries = _summaries(texts, options)
    if options.json:
        each = [as_dict(summary) for summary in summaries]
        named = [{"file": name, **one} for name, one in zip(files, each, strict=True)]
        printed = json.dumps(each[0] if len(files) == 1 else named, ensure_ascii=False, indent=1)
    else:
        parts = [as_text(summary) for summary in summaries]
        titled = (f"{name}\n{part}" for name, part in zip(files, parts, strict=True))
        printed = parts[0] if len(files) == 1 else "\n\n".join(titled)
    if options.out is None:
        print(printed if options.json else plain(printed))
    else:
        from jaxdl.artifacts.files import write

        write(options.out, lambda path: path.write_text(printed + "\n", encoding="utf-8"))
    return 0


def _text(name: str, options: Options) -> str:
    """The text of a file; of a page only where the user says that it is one."""
    from jaxdl.data.html_text import html_text, is_html
    from jaxdl.data.text_files import read_text

    text = read_text(name, encoding=options.encoding)
    if options.html:
        return html_text(text)
    if is_html(text):
        raise UsageError(f"{name} is a page of HTML: --html summarizes its text")
    return text


def _summaries(texts: list[str], options: Options) -> "list[Summary]":
    use_compilation_cache()
    from jaxdl.applications.summarization import summarize
    from jaxdl.data.morphemes import kiwi_stemmer
    from jaxdl.data.text_files import read_text
    from jaxdl.data.words import porter_stemmer

    stop = read_text(options.stop_words, encoding=options.encoding).split() if options.stop_words else ()
    method = options.method if options.ranker is None else _trained(options.ranker)
    return [
        summarize(
            text,
            sentences=options.sentences,
            ratio=options.ratio,
            method=method,
            keywords=options.keywords,
            stem=porter_stemmer() if options.stem else None,
            stop=stop,
            korean=kiwi_stemmer() if options.morphemes else None,
        )
        for text in texts
    ]


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """The file names of a command line, wherever they stand, and its options with their values."""
    files, rest = [], []
    words = iter(argv)
    for word in words:
        if word == "-" or not word.startswith("-"):
            files.append(word)
            continue
        rest.append(word)
        if word in flags(Options) and word not in _SWITCHES:
            rest += [value for value in [next(words, None)] if value is not None]
    return files, rest


def as_text(summary: "Summary") -> str:
    """A line a sentence: its number in the text (from 0), its score, its words; then the key words."""
    lines = [f"{each.index:>4}  {each.score:.4f}  {each.text}" for each in summary.sentences]
    if summary.keywords:
        lines += ["", "keywords: " + ", ".join(f"{word} ({score:.4f})" for word, score in summary.keywords)]
    return "\n".join(lines)


def as_dict(summary: "Summary") -> dict[str, Any]:
    """{"sentences": [{"index", "score", "text"}], "keywords": [{"keyword", "score"}]}."""
    return {
        "sentences": [asdict(sentence) for sentence in summary.sentences],
        "keywords": [{"keyword": word, "score": score} for word, score in summary.keywords],
    }


def _trained(folder: Path) -> Callable[[Any], Any]:
    """The ranking by the network of a run folder."""
    import jax

    from jaxdl import runs
    from jaxdl.models import ranker
    from jaxdl.training import TrainState
    from jaxdl.training.parameters import read_params

    recipe, config = runs.configuration(folder)
    if recipe != "scitldr_ranker":
        raise UsageError(f"--ranker needs a run of scitldr_ranker; {folder} is one of {recipe}")
    key = jax.random.key(0)
    shapes = jax.eval_shape(lambda key: ranker.init(key, config.model), key)
    params = read_params(folder, TrainState(shapes, {}, (), key, jax.numpy.zeros((), int))).params
    return lambda sentences: ranker.rank(params, sentences, config.model)
