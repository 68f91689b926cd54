"""What a mistyped word was meant to be: names that others use, abbreviations, parts of dotted names, near misses."""

from collections.abc import Iterable

from jaxdl.validation import did_you_mean

_ELSEWHERE = {  # what other programs call it -> what it may be called here, the first that there is
    "tune": ("search", "train"),
    "fit": ("train",),
    "eval": ("evaluate",),
    "test": ("evaluate",),
    "score": ("evaluate",),
    "infer": ("predict",),
    "generate": ("sample",),
    "datasets": ("data",),
    "ls": ("list",),
    "recipes": ("list",),
    "gradcheck": ("check",),
    "checkpoint": ("resume",),
    "output": ("run-dir", "out"),
    "output-dir": ("run-dir",),
    "logdir": ("run-dir",),
    "dir": ("run-dir",),
    "steps": ("epochs",),
    "n-critic": ("discriminator-steps",),
    "num-epochs": ("epochs",),
    "hidden": ("model.widths",),
}


def meant(word: str, names: Iterable[str]) -> str:
    """ ", did you mean 'x'?" for the likeliest name, or "." where none is likely.

    >>> options = ["--l2", "--learning-rate", "--batch-size", "--model.widths", "--resume"]
    >>> [meant(word, options).split("'")[1] for word in ("--lr", "--batch", "--widths", "--checkpoint")]
    ['--learning-rate', '--batch-size', '--model.widths', '--resume']
    >>> meant("tune", ["train", "translate"])
    ", did you mean 'train'?"
    """
    bare = {name.lstrip("-"): name for name in names}
    asked = word.lstrip("-").replace("_", "-").lower()
    likely = [name for name in _ELSEWHERE.get(asked, ()) if name in bare]
    likely += [name for name in bare if len(asked) > 1 and asked == _initials(name)]
    likely += [name for name in bare if asked == name.rpartition(".")[2]]
    likely += [name for name in bare if len(asked) > 2 and name.rpartition(".")[2].startswith(asked)]
    return f", did you mean {bare[likely[0]]!r}?" if likely else did_you_mean(word, bare.values())


def _initials(name: str) -> str:
    return "".join(part[:1] for part in name.rpartition(".")[2].split("-"))
