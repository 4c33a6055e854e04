"""The state directory: where it is, that nobody else can look into it, and locks on files in it."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scanner.errors import StateError

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Busy(StateError):  # noqa: N818 - what a lock is, in a word
    """Another process holds a lock."""


def state_directory(explicit: Path | None) -> Path:
    """The directory of the ledger, its key and the audit log, made if it is missing.

    Args:
        explicit: What ``--state-dir`` names, or None for the user's own.

    Raises:
        StateError: It cannot be made, is another user's, or is open to others.
    """
    directory = explicit if explicit is not None else _of_user()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
    except OSError as error:
        raise StateError(f"{directory}: cannot be the state directory: {error.strerror}") from None
    _check(directory, found, "0700")
    return directory


def open_private(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """A file descriptor of a file that only its owner can read, 0600 if it is made. No link is followed.

    Args:
        path: The file, in a state directory.
        flags: As for ``os.open``.

    Raises:
        StateError: It cannot be opened, is another user's, or is open to others.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"{path}: cannot be opened: {error.strerror}") from None
    try:
        _check(path, os.fstat(descriptor), "0600")
    except StateError:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold a lock on a file, which the system lets go of when this process ends, however it ends.

    Args:
        path: The file; it is made if it is missing and holds nothing.
        shared: Whether others may hold it, shared, at the same time.
        wait: Whether to wait for it.

    Raises:
        Busy: Another process holds it, and there is no waiting.
        StateError: The file cannot be opened.
    """
    descriptor = open_private(path)
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Busy(f"{path}: another process holds this lock") from None
        yield
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Get a directory's own entries on disk: what was made in it, or renamed, survives a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _of_user() -> Path:
    from platformdirs import user_state_path  # noqa: PLC0415 - an explicit directory has no need of it

    try:
        return user_state_path("unleak", appauthor=False)
    except RuntimeError:
        raise StateError("there is no home directory to keep state in", "Name a directory: --state-dir DIR") from None


def _check(path: Path, found: os.stat_result, want: str) -> None:
    if found.st_uid != os.geteuid():
        raise StateError(f"{path}: belongs to another user", "Use a state directory of your own: --state-dir DIR")
    if mode := found.st_mode & _OTHERS:
        raise StateError(
            f"{path}: its mode {stat.S_IMODE(found.st_mode):04o} lets others in (0{mode:03o})",
            f"chmod {want} {path}",
        )
