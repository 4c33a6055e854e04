"""The ledger as a file: opened, checked, locked, and changed in transactions."""

import base64
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Self

from nacl.public import PublicKey
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

from scanner.errors import LedgerError
from scanner.finding import Finding
from scanner.ledger import entries, intake
from scanner.ledger.reseal import reseal
from scanner.ledger.schema import VERSION, State, metadata
from scanner.ledger.seal import Opener, Sealer, make_key, read_key
from scanner.ledger.settings import forget, recall, remember
from scanner.ledger.store import store
from scanner.state import Busy, sync_directory

_VERSION: Final = "schema"
_PUBLIC_KEY: Final = "public_key"
_PAUSED: Final = "paused"


class Ledger:
    """An open ledger. Use it from one thread; any number of processes may have it open.

    Attributes:
        directory: The state directory: of its key, and of its file if it is one.
        url: The database, or None for a file in the state directory.
    """

    def __init__(self, directory: Path, url: str | None) -> None:
        self.directory: Final = directory
        self.url: Final = url
        self._store: Final = store(directory, url)

    @classmethod
    def open(cls, directory: Path, url: str | None = None) -> Self:
        """The ledger of a state directory, made if it is missing.

        Args:
            directory: The state directory.
            url: ``postgresql://…`` for a ledger that a team shares; only its key is in the state directory then.

        Raises:
            UsageError: The URL is none that can be used.
            LedgerError: It is damaged, or of a newer version than this program knows.
            StateError: Its file is another user's, or open to others.
        """
        ledger = cls(directory, url)
        try:
            ledger._prepare()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def close(self) -> None:
        """Let go of the file."""
        self._store.engine.dispose()

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
        with self._store.lock(shared=True), self._transaction(writing=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, on disk when it ends. It is the only one at its time.

        Raises:
            LedgerError: The database cannot be written.
        """
        with self._store.lock(shared=False), self._transaction(writing=True) as connection:
            yield connection

    @contextmanager
    def dispatching(self) -> Iterator[None]:
        """Be the one dispatcher.

        Raises:
            LedgerError: Another process is.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(self._store.dispatching())
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

    def has_keys(self, connection: Connection) -> bool:
        """Whether its keys are made: not before something is queued."""
        return recall(connection, _PUBLIC_KEY) is not None

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
    def _key(self) -> Path:
        return self.directory / "ledger.key"

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Connection]:
        try:
            with self._store.engine.begin() as connection:
                self._store.begin(connection, writing=writing)
                yield connection
        except DBAPIError as error:
            # Only the driver's own words: SQLAlchemy's would quote the statement.
            raise LedgerError(f"{self._store.name}: the ledger: {_words(error)}") from None

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
                f"{self._store.name}: the ledger has schema version {version}; this program knows {VERSION}",
                "Use the version of unleak that wrote it, or a newer one.",
            )


def _text(key: PublicKey) -> str:
    return base64.b64encode(bytes(key)).decode()


def _words(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())
