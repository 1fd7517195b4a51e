"""A service that runs, shared by the tests of this folder."""

from collections.abc import Iterator

import pytest

from benchmarks.service.serving import Service, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with the shipped model, on a port of its own."""
    with running(tmp_path_factory.mktemp("service"), {"max_upload_mb": 16, "max_decoded_mb": 256}) as started:
        yield started
