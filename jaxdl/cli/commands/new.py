"""`jaxdl new`: a recipe to start from."""

import shlex
from pathlib import Path

from jaxdl.cli.arguments import UsageError, positional

HELP = "new NAME         write NAME.py, a recipe of your own that runs and has all options: jaxdl train ./NAME.py"


def run(argv: list[str]) -> int:
    """Write and say how to go on; returns the exit code."""
    from jaxdl import recipes
    from jaxdl.artifacts import files

    (name,) = positional(argv, "new NAME", least=1, most=1)
    path = Path(name if name.endswith(".py") else f"{name}.py")
    if not path.stem.isidentifier():
        raise UsageError(f"{path.stem!r} cannot name a Python file that is imported: take letters, digits and _")
    if path.exists():
        raise UsageError(f"{path} exists already; nothing was written")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}")
    text = Path(recipes.__path__[0], "_new.py").read_text(encoding="utf-8")
    files.write(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    shown = path if path.is_absolute() or len(path.parts) > 1 else f"./{path}"
    print(f"{path} is written; it runs: jaxdl train {shlex.quote(str(shown))}")
    return 0
