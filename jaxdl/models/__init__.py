"""Models: a module each, with `Config`, `init(key, config) -> params`, `apply(params, x, config, *, key=None) -> y`.

With running statistics `init_state(config)` and `apply(params, state, x, config, *, train, key=None) -> (y, state)`; a
sequence model takes (source, target_in) for x. `bind(module, config)` gives all of them one form. Of other kinds are
`gan` (two players, see `jaxdl.tasks.adversarial`), `ddpm` (diffusion, which takes any network that guesses noise),
`recommender` (neighbors, nothing is trained) and `textrank` (a ranking of sentences by their graph).

Each also has `example(key) -> (loss, params)`: a small loss of its parameters, which `jaxdl check` differentiates.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING, Any

from jaxdl.models._binding import Model as Model
from jaxdl.models._binding import bind as bind

if TYPE_CHECKING:
    from jaxdl.checks import DerivativeReport, GradientReport


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
    from jaxdl.checks import gradient_report

    return {model: gradient_report(loss, params) for model, (loss, params) in _examples(name).items()}


def derivative_reports(name: str | None = None) -> dict[str, "DerivativeReport | None"]:
    """Forward mode and Hessian-vector products of one model's (or every model's) example loss, in float64.

    None stands for a model that has no forward mode.

    Raises: ValueError for an unknown name, with the nearest right one.

    >>> derivative_reports("linear")["linear"].ok
    True
    """
    from jaxdl.checks import derivative_report

    reports: dict[str, DerivativeReport | None] = {}
    for model, (loss, params) in _examples(name).items():
        try:
            reports[model] = derivative_report(loss, params)
        except TypeError as error:
            if "custom_vjp" not in str(error):
                raise
            reports[model] = None
    return reports


def _examples(name: str | None) -> dict[str, Any]:
    import jax

    from jaxdl.validation import require_name

    if name is not None:
        require_name("check", "model", name, names())
    chosen = names() if name is None else [name]
    return {model: importlib.import_module(f"{__name__}.{model}").example(jax.random.key(0)) for model in chosen}


def __getattr__(name: str) -> ModuleType:
    """`jaxdl.models.mlp` works after `import jaxdl`, and imports only what is asked for."""
    if name.startswith("_") or name not in names():
        raise AttributeError(f"module 'jaxdl.models' has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
