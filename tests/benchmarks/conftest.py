"""PyTorch's peers flush denormal numbers to zero in the whole process: undo it behind each test."""

import sys

import pytest


@pytest.fixture(autouse=True)
def keep_denormals():
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
