"""Most runs here are of the same small programs: compile each of them once."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def always_shared_programs(shared_programs):
    pass
