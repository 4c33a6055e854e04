"""The two databases that a ledger can be: how each is opened, and how writers and dispatchers take turns in it."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool, StaticPool

from scanner.errors import LedgerError, UsageError
from scanner.secret import redact
from scanner.state import Busy, locked, open_private

_PRAGMAS: Final = (
    # A write-ahead log kept 18,855 of 20,000 wiped secrets while one reader was open.
    "PRAGMA journal_mode = DELETE",
    "PRAGMA secure_delete = ON",
    # EXTRA syncs the directory after the journal is gone: else a power cut could undo an intent that was acted upon.
    "PRAGMA synchronous = EXTRA",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)
# The advisory locks of a database: any two numbers that nothing else in it uses. "unleak" in ASCII, and a digit.
_WRITERS: Final = 0x756E6C65616B0001
_DISPATCHER: Final = 0x756E6C65616B0002


class Store(Protocol):
    """A database.

    Attributes:
        engine: What connects to it.
        name: What it is called in an error.
    """

    engine: Engine
    name: str

    def lock(self, *, shared: bool) -> AbstractContextManager[None]:
        """What is held around a transaction."""

    def begin(self, connection: Connection, *, writing: bool) -> None:
        """What a transaction begins with."""

    def dispatching(self) -> AbstractContextManager[None]:
        """Be the one dispatcher.

        Raises:
            Busy: Another process is.
        """


class Sqlite:
    """A file in the state directory."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory
        self.name = str(directory)
        path = directory / "ledger.sqlite3"
        os.close(open_private(path))  # SQLite gives its journals the mode of this file
        self.engine = create_engine(
            URL.create("sqlite", database=str(path)), poolclass=StaticPool, hide_parameters=True
        )

        @event.listens_for(self.engine, "connect")
        def _configure(raw: Any, _record: object) -> None:
            raw.isolation_level = None  # the driver would begin transactions late, and none for reading
            for pragma in _PRAGMAS:
                raw.execute(pragma)

        @event.listens_for(self.engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN")

    def lock(self, *, shared: bool) -> AbstractContextManager[None]:
        """Without it, writers would poll SQLite's own, and wait up to 5 s while others overtake."""
        return locked(self._directory / "ledger.lock", shared=shared)

    def begin(self, connection: Connection, *, writing: bool) -> None:
        """Nothing more: the lock is held."""

    def dispatching(self) -> AbstractContextManager[None]:
        """A lock on a file."""
        return locked(self._directory / "dispatch.lock", wait=False)


class Postgresql:
    """A server that a team shares. Its locks end with the connection that took them, however that ends.

    Raises:
        UsageError: The URL is none, or holds a password.
        LedgerError: The driver is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            url = make_url(address)
        except ArgumentError:
            raise UsageError("--ledger: it is no URL", "It looks like postgresql://user@host/database") from None
        if url.drivername not in {"postgresql", "postgresql+psycopg"}:
            raise UsageError(f"--ledger: {redact(url.drivername)}: only postgresql:// is known")
        if url.password is not None or any("password" in name for name in url.query):
            raise UsageError("--ledger: it holds a password", "Put it into ~/.pgpass, or into PGPASSWORD.")
        self.name = redact(url.render_as_string())
        try:
            self.engine = create_engine(
                url.set(drivername="postgresql+psycopg"),
                poolclass=NullPool,
                hide_parameters=True,
            )
        except ModuleNotFoundError:
            raise LedgerError(f"{self.name}: needs psycopg", "pip install 'unleak[postgres]'") from None

    def lock(self, *, shared: bool) -> AbstractContextManager[None]:
        """None: a reader sees one state of things, and waits for nobody."""
        del shared
        return nullcontext()

    def begin(self, connection: Connection, *, writing: bool) -> None:
        """Wait for the other writers; or look at one state of things."""
        if writing:
            # In READ COMMITTED, the default: what is read after the wait is what the others have left.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_WRITERS})"))
        else:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))

    @contextmanager
    def dispatching(self) -> Iterator[None]:
        """An advisory lock of a connection that is open for as long."""
        try:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if not connection.execute(text(f"SELECT pg_try_advisory_lock({_DISPATCHER})")).scalar():
                    raise Busy(f"{self.name}: another process holds this lock")
                yield
        except DBAPIError as error:
            raise LedgerError(f"{self.name}: the ledger: {error.orig}") from None


def store(directory: Path, address: str | None) -> Store:
    """The database of a ledger: a URL's, or a file in the state directory."""
    return Postgresql(address) if address else Sqlite(directory)
