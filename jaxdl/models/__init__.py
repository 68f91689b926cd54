"""Models: a module each, with `Config`, `init(key, config) -> params`, `apply(params, x, config, *, key=None) -> y`.

Each also has `example(key) -> (loss, params)`: a small loss of its parameters, which `jaxdl check` differentiates.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxdl.checks import GradientReport


def names() -> list[str]:
    """Every model's name.

    >>> "mlp" in names()
    True
    """
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def gradient_reports(name: str | None = None) -> dict[str, "GradientReport"]:
    """Compare the gradient of one model's (or every model's) example loss with finite differences, in float64.

    Raises: ValueError for an unknown name, with the nearest right one.

    >>> gradient_reports("linear")["linear"].ok
    True
    """
    import jax

    from jaxdl.checks import gradient_report
    from jaxdl.validation import require_name

    if name is not None:
        require_name("check", "model", name, names())
    reports = {}
    for model in names() if name is None else [name]:
        loss, params = importlib.import_module(f"{__name__}.{model}").example(jax.random.key(0))
        reports[model] = gradient_report(loss, params)
    return reports


def __getattr__(name: str) -> ModuleType:
    """`jaxdl.models.mlp` works after `import jaxdl`, and imports only what is asked for."""
    if name.startswith("_") or name not in names():
        raise AttributeError(f"module 'jaxdl.models' has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
