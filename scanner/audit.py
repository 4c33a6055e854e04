"""The audit log: JSON Lines, one record a line, each carrying its own hash and that of the one before.

A line is ``{…,"unleak.previous":"<hex>","unleak.hash":"<hex>"}``: the hash is the SHA-256 of the bytes of the line
before ``,"unleak.hash"``, so that it covers each byte as it stands. Field names are those of the Elastic Common
Schema, https://www.elastic.co/guide/en/ecs/current/, where it has one. A record holds fingerprints, never a secret.

A crash can leave a last line without its end. Nothing is cut off: the next append closes that line with `` #torn``, and
begins with a ``recovered`` record that carries the hash of what was torn.
"""

import fcntl
import hashlib
import os
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import msgspec

from scanner import __version__
from scanner.errors import AuditError, StateError
from scanner.secret import redact
from scanner.state import open_private, sync_directory

NAME: Final = "audit.jsonl"

RECOVERED: Final = "recovered"
"""The action of the record that follows what a crash has torn."""

_ECS: Final = "8.17.0"
_START: Final = "0" * 64  # what the first record has for the hash of the one before
_HASH_FIELD: Final = b',"unleak.hash":"'
_TAIL: Final = len(_HASH_FIELD) + 64 + len(b'"}')
_TORN: Final = b" #torn\n"
_LONGEST: Final = 1 << 20  # bytes of a line; a thousand fingerprints take 50,000
_BLOCK: Final = 1 << 16  # bytes that are read at once from the end

Fact: TypeAlias = str | int | list[str] | dict[str, int]
Event: TypeAlias = Mapping[str, Fact]
"""What a record tells, by field name: ``event.action`` and whatever goes with it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain.

    Attributes:
        sequence: How many records there are.
        hash: The last one's hash, in hex.
    """

    sequence: int = 0
    hash: str = _START


@dataclass(frozen=True, slots=True)
class Verified:
    """A log whose chain holds.

    Attributes:
        head: Its end.
        torn: Whether an unfinished line stands behind it; the next append takes care of that.
    """

    head: Head
    torn: bool


class _Link(msgspec.Struct, frozen=True):
    """What of a record makes the chain."""

    sequence: int = msgspec.field(name="event.sequence")
    action: str = msgspec.field(name="event.action")
    previous: str = msgspec.field(name="unleak.previous")
    torn: str = msgspec.field(name="unleak.torn", default="")


_links: Final = msgspec.json.Decoder(_Link)


class AuditLog:
    """The audit log of a state directory. Any number of processes may append to it.

    Args:
        directory: The state directory.
    """

    def __init__(self, directory: Path) -> None:
        self.path: Final = directory / NAME

    def append(self, *events: Event) -> Head:
        """Append a record for each event; they are on disk when this returns.

        Raises:
            AuditError: The log cannot be written, or its last record is damaged.
        """
        import asyncio  # noqa: PLC0415 - 40 ms that only what acts has to pay, and its loop opens a socket pair

        try:
            return asyncio.run(self._append(events))
        except OSError as error:
            raise AuditError(f"{self.path}: the audit log cannot be written: {error.strerror}") from None

    def head(self) -> Head:
        """The end of the chain, without a look at the rest.

        Raises:
            AuditError: The last record is damaged.
        """
        if not self.path.exists():
            return Head()
        with self._opened() as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return _end(file, self.path)[0]

    def records(self) -> Iterator[bytes]:
        """Each record as its line of JSON, without its end. Nothing is verified.

        Raises:
            AuditError: The log cannot be read.
        """
        return (line[:-1] for line in self._lines() if not _is_torn(line))

    def verify(self, expect: str | None = None) -> Verified:
        """Read all of the log and check that nothing was changed, added, reordered or removed.

        Args:
            expect: The hash of a record that was the head at some time: it has to be there. Without it, a missing end
                is not seen.

        Raises:
            AuditError: The chain is broken; the message names the first record that is wrong.
        """
        head, number, torn = Head(), 0, b""
        seen = expect is None
        for number, line in enumerate(self._lines(), 1):
            if _is_torn(line):
                torn += line
                if len(torn) > _LONGEST:
                    raise AuditError(f"{self.path}: line {number}: this is no audit log")
                continue
            head = self._follow(head, line, number, torn)
            torn = b""
            seen = seen or head.hash == expect
        if torn.endswith(_TORN):
            raise AuditError(f"{self.path}: line {number}: a torn line, and no record of its recovery follows")
        if not seen:
            raise AuditError(
                f"{self.path}: the expected head is not in it: records after {head.sequence} were removed",
                f"Its last record is {head.sequence}, {head.hash}.",
            )
        return Verified(head, bool(torn))

    def _follow(self, head: Head, line: bytes, number: int, torn: bytes) -> Head:
        def broken(what: str) -> AuditError:
            return AuditError(
                f"{self.path}: line {number}: {what}",
                f"The chain holds up to record {head.sequence}, {head.hash}.",
            )

        read = _read(line)
        if read is None:
            raise broken(f"record {head.sequence + 1} was changed: its hash does not fit its content")
        link, digest = read
        if link.sequence != head.sequence + 1:
            what = "removed" if link.sequence > head.sequence else "followed by one that was added or moved"
            raise broken(f"record {head.sequence + 1} was {what}: record {link.sequence} stands there")
        if link.previous != head.hash:
            raise broken(f"record {link.sequence} does not follow the one before it")
        if link.torn != (_digest(torn) if torn else ""):
            raise broken(f"the torn line before record {link.sequence} was changed, added or removed")
        return Head(link.sequence, digest)

    def _lines(self) -> Iterator[bytes]:
        if not self.path.exists():
            return
        with self._opened() as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # not while an append is half done
            left = os.fstat(file.fileno()).st_size
            fcntl.flock(file, fcntl.LOCK_UN)  # what stands there stays, and who reads slowly keeps no writer waiting
            while line := file.readline(min(left, _LONGEST + 1)):
                left -= len(line)
                yield line

    def _opened(self) -> BinaryIO:
        try:
            return os.fdopen(open_private(self.path, os.O_RDONLY), "rb")
        except StateError as error:
            raise AuditError(error.message, error.hint) from None

    async def _append(self, events: tuple[Event, ...]) -> Head:
        import asyncio  # noqa: PLC0415 - as above

        import aiofiles  # noqa: PLC0415 - as above

        async with aiofiles.open(self.path, "ab", opener=lambda _, flags: open_private(self.path, flags)) as file:
            await asyncio.to_thread(fcntl.flock, file.fileno(), fcntl.LOCK_EX)
            with self._opened() as reader:
                head, torn = _end(reader, self.path)
            lines = []
            if torn:
                if not torn.endswith(_TORN):
                    torn += _TORN
                    lines.append(_TORN)
                events = ({"event.action": RECOVERED, "unleak.torn": _digest(torn)}, *events)
            for event in events:
                line, head = _record(event, head)
                lines.append(line)
            await file.write(b"".join(lines))
            await file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        if head.sequence == len(events):  # the file may be new
            await asyncio.to_thread(sync_directory, self.path.parent)
        return head


def _record(event: Event, head: Head) -> tuple[bytes, Head]:
    fields: dict[str, Fact] = {
        "@timestamp": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "ecs.version": _ECS,
        "event.sequence": head.sequence + 1,
        **{name: _shown(fact) for name, fact in event.items()},
        "user.name": _user(),
        "host.name": _shown(os.uname().nodename),
        "process.pid": os.getpid(),
        "service.name": "unleak",
        "service.version": __version__,
        "unleak.previous": head.hash,
    }
    body = msgspec.json.encode(fields)[:-1]
    digest = _digest(body)
    return b'%b%b%b"}\n' % (body, _HASH_FIELD, digest.encode()), Head(head.sequence + 1, digest)


def _read(line: bytes) -> tuple[_Link, str] | None:
    """A record's link and its hash, or None if the line is not one as it was written."""
    body = line[: max(0, len(line) - _TAIL - 1)]
    digest = _digest(body)
    if line[len(body) :] != b'%b%b"}\n' % (_HASH_FIELD, digest.encode()):
        return None
    try:
        return _links.decode(body + b"}"), digest
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _end(file: BinaryIO, path: Path) -> tuple[Head, bytes]:
    """The last record, and what is torn behind it."""
    torn = b""
    for line in _backwards(file):
        if _is_torn(line):
            torn = line + torn
            continue
        read = _read(line)
        if read is None:
            raise AuditError(
                f"{path}: its last record is damaged, and nothing is appended to a broken chain",
                "'unleak audit verify' tells more. Keep the file elsewhere to begin a new chain.",
            )
        return Head(read[0].sequence, read[1]), torn
    return Head(), torn


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    position = file.seek(0, os.SEEK_END)
    rest = b""
    while position:
        end, position = position, max(0, position - _BLOCK)
        file.seek(position)
        rest = file.read(end - position) + rest
        # A line is whole once the end of the one before it is in sight.
        while (end := rest.rfind(b"\n", 0, -1)) >= 0:
            yield rest[end + 1 :]
            rest = rest[: end + 1]
    if rest:
        yield rest


def _is_torn(line: bytes) -> bool:
    return line.endswith(_TORN) or not line.endswith(b"\n")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _shown(fact: Fact) -> Fact:
    # A host's or a directory's name may hold bytes that are not UTF-8.
    return redact(fact).encode(errors="replace").decode() if isinstance(fact, str) else fact


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
