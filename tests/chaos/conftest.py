import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def memory():
    """A directory in memory, where there is one: a killed process loses nothing there, and nothing waits for a disk."""
    place = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="unleak-chaos-", dir=place if place.is_dir() else None) as directory:
        yield Path(directory)
