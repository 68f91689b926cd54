"""`--device cpu|gpu` of every command: where JAX computes."""

import os

from jaxdl.cli.arguments import UsageError
from jaxdl.cli.compilation import use_compilation_cache

NAMES = ("cpu", "gpu")


def choose(name: str) -> None:
    """Compute on the host, or on a GPU or say that there is none.

    JAX reads its variables when it is imported, so this comes before anything that imports it.

    Raises: UsageError for another name, a device that JAX does not see, and one that comes too late.
    """
    if name not in NAMES:
        raise UsageError(f"--device needs one of {', '.join(NAMES)}, got {name!r}")
    use_compilation_cache()
    if name == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    if name == "cpu":
        jax.config.update("jax_platforms", "cpu")  # it may have been imported before
    try:
        chosen = jax.default_backend()
    except RuntimeError as error:
        raise UsageError(f"--device {name}: {error}") from None
    if chosen != name:
        fix = "install JAX for one: pip install 'jaxdl[cuda]'" if name == "gpu" else "JAX has begun on another"
        raise UsageError(f"--device {name}: JAX sees none here, it would compute on the {chosen}; {fix}")
