"""Real processes on a fresh database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.service import Service


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Service]:
    """An API that answers; workers are the test's to start."""
    made = Service(database_url, tmp_path)
    try:
        made.serve()
        yield made
    finally:
        made.close()
