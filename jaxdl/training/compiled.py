"""`jax.jit` that is held to one compilation, and names the argument that would have cost a second."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax

from jaxdl.tree import named_leaves


class RetraceError(RuntimeError):
    """A program that must be compiled once was traced a second time."""


class CompiledOnce:
    """`jax.jit` of a function, that raises and names the argument that differed when it is traced a second time.

    >>> import jax.numpy as jnp
    >>> double = CompiledOnce(lambda x: 2 * x)
    >>> double(jnp.zeros(3)).shape, double(jnp.ones(3)).shape, double.traces
    ((3,), (3,), 1)
    >>> try:
    ...     double(jnp.zeros(4))
    ... except RetraceError as error:
    ...     print(error)
    compiled for 0: float32[3], but called again with 0: float32[4]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        donate: tuple[int, ...] = (),
        context: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.traces, self._context = 0, context
        self._first: dict[str, str] = {}

        def traced(*args: Any) -> Any:
            now = _signature(args)
            if self.traces:
                raise RetraceError(_difference(self._first, now))
            self.traces, self._first = 1, now
            return function(*args)

        self._call = jax.jit(traced, donate_argnums=donate)

    def __call__(self, *args: Any) -> Any:
        with self._context():  # in which the first call compiles
            return self._call(*args)

    def text(self, *args: Any) -> str:
        """The compiled program for arguments like the first call's, as XLA writes it (it is compiled again)."""
        with self._context():
            return str(self._call.lower(*args).compile().as_text())


def _signature(args: Any) -> dict[str, str]:
    """Shape, dtype and weak type of every leaf by its path: what makes jax compile anew when it changes."""
    types = {path: jax.typeof(leaf) for path, leaf in named_leaves(args).items()}
    return {path: t.str_short() + (" weak" if getattr(t, "weak_type", False) else "") for path, t in types.items()}


def _difference(first: dict[str, str], now: dict[str, str]) -> str:
    for path in first | now:
        if first.get(path) != now.get(path):
            return f"compiled for {path}: {first.get(path)}, but called again with {path}: {now.get(path)}"
    return "compiled a second time for arguments of equal shape and type: a sharding or a jax setting changed"
