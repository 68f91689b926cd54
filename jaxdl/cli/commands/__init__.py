"""Commands of the command line: a module each, with `HELP`, its lines in `jaxdl --help`, and `run(argv) -> exit code`.

Found by their file names, no registry. No module imports jax at its top, so that `jaxdl --help` answers at once.
"""

import importlib
import pkgutil
from types import ModuleType


def names() -> list[str]:
    """Every command's name: `train` first, the others by the alphabet.

    >>> names()[0]
    'train'
    """
    found = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return sorted(found, key=lambda name: (name != "train", name))


def load(name: str) -> ModuleType:
    """The module of a command.

    >>> load("list").HELP
    'list             the recipes'
    """
    return importlib.import_module(f"{__name__}.{name}")
