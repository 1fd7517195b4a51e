"""A service that runs, shared by the tests of this folder."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from serving import Service, running  # noqa: E402


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with the shipped model, on a port of its own."""
    with running(tmp_path_factory.mktemp("service"), {"max_upload_mb": 16, "max_decoded_mb": 256}) as started:
        yield started
