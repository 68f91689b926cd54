"""Commands run in a folder of their own, with caches of their own."""

import pytest


@pytest.fixture(autouse=True)
def always_own_caches(own_caches):
    pass


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path
