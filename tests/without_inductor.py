"""torch.compile up to its last stage."""

import functools

import pytest


def without_inductor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs are captured and differentiated, and run operation by operation: no C++ is compiled, for a minute each.

    A benchmark itself times no row whose losses are not ours; of the tests the MLP's alone goes the whole way.
    """
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
