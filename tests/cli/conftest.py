"""Commands run in a folder of their own, with caches of their own."""

import pytest


@pytest.fixture(autouse=True)
def always_own_caches(own_caches):
    pass
