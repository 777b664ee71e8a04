"""Settings of all tests: property tests are the same on every run and never timed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Indices of the tests' genomes do not stay."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPLICE_ERRORS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take minutes where cores are shared."""
    with threadpool_limits(1):
        yield
