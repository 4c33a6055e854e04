"""The ledger as a file: opened, checked, locked, and changed in transactions."""

import base64
import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Self

from nacl.public import PublicKey
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from scanner.errors import LedgerError
from scanner.finding import Finding
from scanner.ledger import entries, intake
from scanner.ledger.reseal import reseal
from scanner.ledger.schema import VERSION, State, metadata
from scanner.ledger.seal import Opener, Sealer, make_key, read_key
from scanner.ledger.settings import forget, recall, remember
from scanner.state import Busy, locked, open_private, sync_directory

_PRAGMAS: Final = (
    # A write-ahead log kept 18,855 of 20,000 wiped secrets while one reader was open.
    "PRAGMA journal_mode = DELETE",
    "PRAGMA secure_delete = ON",
    # EXTRA syncs the directory after the journal is gone: else a power cut could undo an intent that was acted upon.
    "PRAGMA synchronous = EXTRA",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)
_VERSION: Final = "schema"
_PUBLIC_KEY: Final = "public_key"
_PAUSED: Final = "paused"


class Ledger:
    """An open ledger. Use it from one thread; any number of processes may have it open.

    Attributes:
        directory: The state directory that it is in.
    """

    def __init__(self, directory: Path, engine: Engine) -> None:
        self.directory: Final = directory
        self._engine: Final = engine

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The ledger of a state directory, made if it is missing.

        Raises:
            LedgerError: It is damaged, or of a newer version than this program knows.
            StateError: Its file is another user's, or open to others.
        """
        path = directory / "ledger.sqlite3"
        os.close(open_private(path))  # SQLite gives its journals the mode of this file
        ledger = cls(directory, _engine(path))
        try:
            ledger._prepare()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads. Keep it short: writers wait for it.

        Raises:
            LedgerError: The database cannot be read.
        """
        with locked(self._lock, shared=True), self._transaction() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, on disk when it ends. It is the only one at its time.

        Raises:
            LedgerError: The database cannot be written.
        """
        # Without the lock, writers would poll SQLite's own, and wait up to 5 s while others overtake.
        with locked(self._lock), self._transaction() as connection:
            yield connection

    @contextmanager
    def dispatching(self) -> Iterator[None]:
        """Be the one dispatcher.

        Raises:
            LedgerError: Another process is.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.directory / "dispatch.lock", wait=False))
            except Busy:
                raise LedgerError(
                    "another dispatcher is running on this ledger", "Only one sends at a time; wait for it to end."
                ) from None
            yield

    def add(
        self,
        findings: Iterable[Finding],
        *,
        queue_local: bool = False,
        allow: Collection[str] = frozenset(),
        now: float | None = None,
    ) -> intake.Added:
        """Queue findings for revocation. See ``intake.add``."""
        return intake.add(self, findings, queue_local=queue_local, allow=allow, now=time.time() if now is None else now)

    def entries(self, state: State | None = None) -> Iterator[entries.Entry]:
        """What the ledger holds. See ``entries.read``."""
        return entries.read(self, state)

    def is_paused(self, connection: Connection) -> bool:
        """Whether every dispatcher is to stop."""
        return recall(connection, _PAUSED) is not None

    def pause(self) -> None:
        """Stop every dispatcher before its next request."""
        with self.writing() as connection:
            remember(connection, _PAUSED, "1")

    def resume(self) -> None:
        """Let dispatchers send again."""
        with self.writing() as connection:
            forget(connection, _PAUSED)

    def sealer(self, connection: Connection) -> Sealer:
        """What encrypts, under a fresh data key. The ledger's keys are made on first use."""
        public = recall(connection, _PUBLIC_KEY)
        if public is None:
            # The file may be there already: a crash came between it and the end of its transaction.
            key = read_key(self._key) if self._key.exists() else make_key(self._key)
            public = _text(key.public_key)
            remember(connection, _PUBLIC_KEY, public)
        return Sealer(PublicKey(base64.b64decode(public)))

    def opener(self, connection: Connection) -> Opener:
        """What decrypts.

        Raises:
            StateError: There is no private key, or it is not this ledger's.
        """
        if self._next_key.exists():
            self._finish_rekey(connection)
        private = read_key(self._key)
        if _text(private.public_key) != recall(connection, _PUBLIC_KEY):
            raise LedgerError(f"{self._key}: is not the key that this ledger's secrets are sealed to")
        return Opener(private)

    def rekey(self) -> int:
        """Make a new pair of keys, and encrypt every secret anew; the old private key opens nothing any more.

        Returns:
            How many secrets there are.

        Raises:
            StateError: A key cannot be read or written, or a secret does not open.
        """
        with self.writing() as connection:
            opener = self.opener(connection)
            self._next_key.unlink(missing_ok=True)
            public = make_key(self._next_key).public_key
            count = reseal(connection, opener, public)
            remember(connection, _PUBLIC_KEY, _text(public))
        with self.writing() as connection:
            self._finish_rekey(connection)
        return count

    def _finish_rekey(self, connection: Connection) -> None:
        """Put the new private key in its place, if the ledger's secrets are sealed to it already."""
        if _text(read_key(self._next_key).public_key) == recall(connection, _PUBLIC_KEY):
            self._next_key.rename(self._key)
            sync_directory(self.directory)

    @property
    def _next_key(self) -> Path:
        return self.directory / "ledger.key.next"

    @property
    def _lock(self) -> Path:
        return self.directory / "ledger.lock"

    @property
    def _key(self) -> Path:
        return self.directory / "ledger.key"

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            # Only the driver's own words: SQLAlchemy's would quote the statement.
            raise LedgerError(f"{self.directory}: the ledger: {error.orig}") from None

    def _prepare(self) -> None:
        with self.reading() as connection:
            version = recall(connection, _VERSION) if inspect(connection).has_table("setting") else None
        if version is None:
            with self.writing() as connection:
                metadata.create_all(connection)  # leaves alone what another process has just made
                if recall(connection, _VERSION) is None:
                    remember(connection, _VERSION, str(VERSION))
        elif version != str(VERSION):
            raise LedgerError(
                f"{self.directory}: the ledger has schema version {version}; this program knows {VERSION}",
                "Use the version of unleak that wrote it, or a newer one.",
            )


def _text(key: PublicKey) -> str:
    return base64.b64encode(bytes(key)).decode()


def _engine(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=StaticPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # the driver would begin transactions late, and none for reading
        for pragma in _PRAGMAS:
            raw.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
