"""Models: one module each, with `Config`, `init(key, config) -> params` and `apply(params, x, config, *, key=None) -> y`."""

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """`jaxdl.models.mlp` works after `import jaxdl`, and imports only what is asked for."""
    try:
        return importlib.import_module(f"jaxdl.models.{name}")
    except ModuleNotFoundError:
        raise AttributeError(f"module 'jaxdl.models' has no attribute {name!r}") from None
