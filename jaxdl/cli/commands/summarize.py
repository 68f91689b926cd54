"""`jaxdl summarize`: the sentences of a text file that stand for the whole of it, and its key words."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdl.cli.arguments import UsageError, flags, parse
from jaxdl.cli.compilation import use_compilation_cache

if TYPE_CHECKING:
    from jaxdl.applications.summarization import Summary

HELP = """summarize FILE|- [--sentences N | --ratio R] [--method NAME] [--keywords K] [--json]
                 the sentences that stand for a whole text (English, Korean), and its key words"""

_USAGE = "usage: jaxdl summarize FILE|- [--sentences N | --ratio R] [--method NAME] [--keywords K] [--json]"
_SWITCHES = ("--json", "--no-json", "--stem", "--no-stem", "-h", "--help")


@dataclass(frozen=True)
class Options:
    """How to summarize.

    Attributes:
        sentences: how many sentences to keep (3 if no ratio is given).
        ratio: or which share of them, in (0, 1].
        method: textrank, lexrank, lexrank-lead, bm25, centroid, lead or random.
        ranker: folder of a finished scitldr_ranker run, whose network ranks the sentences instead.
        keywords: how many key words to find.
        json: print JSON.
        stem: reduce English words to their stems first (needs nltk).
        encoding: of the file; UTF-8 (or what its byte-order mark says) by default.
    """

    sentences: int | None = None
    ratio: float | None = None
    method: str = "textrank"
    ranker: Path | None = None
    keywords: int = 0
    json: bool = False
    stem: bool = False
    encoding: str | None = None


def run(argv: list[str]) -> int:
    """Summarize and print; returns the exit code."""
    files, rest = _split(argv)
    options: Options = parse(Options, rest, command="summarize FILE|-", about=HELP)
    if len(files) != 1:
        raise UsageError(f"expected one file, or - for the standard input, got {len(files)}; {_USAGE}")
    from jaxdl.data.text_files import read_text

    text = read_text(files[0], encoding=options.encoding)
    use_compilation_cache()
    from jaxdl.applications.summarization import summarize
    from jaxdl.data.sentences import porter_stemmer

    summary = summarize(
        text,
        sentences=options.sentences,
        ratio=options.ratio,
        method=options.method if options.ranker is None else _trained(options.ranker),
        keywords=options.keywords,
        stem=porter_stemmer() if options.stem else None,
    )
    print(as_json(summary) if options.json else as_text(summary))
    return 0


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


def as_json(summary: "Summary") -> str:
    """{"sentences": [{"index", "score", "text"}], "keywords": [{"keyword", "score"}]}."""
    content = {
        "sentences": [asdict(sentence) for sentence in summary.sentences],
        "keywords": [{"keyword": word, "score": score} for word, score in summary.keywords],
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


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
