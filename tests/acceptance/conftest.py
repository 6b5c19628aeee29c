"""Real processes on a fresh database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.hub import Hub
from tests.acceptance.service import Service
from tests.conftest import fresh_database


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Service]:
    """An API that answers; workers are the test's to start."""
    made = Service(database_url, tmp_path)
    try:
        made.serve()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def hub(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A live API whose Hub endpoint is asked through a wire; shared, as versions never change."""
    with fresh_database(cluster) as url:
        made = Hub(url, tmp_path_factory.mktemp("hub"))
        try:
            yield made
        finally:
            made.close()
