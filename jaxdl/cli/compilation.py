"""JAX's persistent compilation cache, on for every command: the second run of a program starts faster."""

import os


def use_compilation_cache() -> None:
    """Keep compiled programs in the user's cache folder, the small ones too.

    jax reads these variables when it is imported, so this comes before anything that imports it.
    """
    from jaxdl.data.sources import cache_folder

    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder() / "xla"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
