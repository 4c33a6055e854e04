import os
import subprocess

import postgres
import pytest
from console import UNLEAK


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory, monkeypatch):
    """No test sees, or touches, the state and the git configuration of whoever runs it."""
    for name in [name for name in os.environ if name.startswith(("UNLEAK_", "GIT_"))]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. U. Thor")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "author@example.com")


@pytest.fixture(scope="session")
def postgresql():
    with postgres.server() as fresh:
        yield fresh


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """Where the ledger is: None for a file, or the URL of an empty schema on a real PostgreSQL."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgresql")()


@pytest.fixture
def unleak(tmp_path):
    """Runs the command as its user does: the console script, in a process of its own."""

    def run(*argv, cwd=tmp_path, stdin=b"", env=None, timeout=120):
        return subprocess.run(
            [UNLEAK, *argv],
            cwd=cwd,
            input=stdin,
            env={**os.environ, **(env or {})},
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    return run
