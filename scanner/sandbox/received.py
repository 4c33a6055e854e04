"""What the sandbox received: fingerprints, counts and names, and never a token."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec

from scanner.errors import UnleakError
from scanner.sandbox.call import Call
from scanner.secret import fingerprint, redact


class Received(msgspec.Struct, frozen=True, kw_only=True, tag="received"):
    """One request. A line of the log is this in JSON, with ``"type":"received"``.

    Attributes:
        schema: The version of this format.
        sequence: Counts from 1.
        time: UTC, ISO 8601.
        client: The address that it came from.
        method: In upper case.
        path: Redacted, without the query.
        headers: The names of its headers in lower case, sorted and redacted.
        caller: The login that its token belongs to, if to any.
        status: What it was answered.
        credentials: How many items it submitted, of whatever type.
        fingerprints: Base64 SHA-256 of each item that is a string, in their order.
    """

    schema: int = 1
    sequence: int
    time: datetime
    client: str
    method: str
    path: str
    headers: tuple[str, ...]
    caller: str | None
    status: int
    credentials: int
    fingerprints: tuple[str, ...]


class Receipts:
    """Keeps what was received, in memory and, if asked, in a file of JSON Lines.

    Args:
        clock: UTC epoch seconds.
        path: The file; it is appended to.

    Raises:
        UnleakError: The file cannot be opened.
    """

    def __init__(self, clock: Callable[[], float], path: Path | None = None) -> None:
        self._clock: Final = clock
        self._all: Final[list[Received]] = []
        self._file: Final = _open(path) if path else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def all(self) -> tuple[Received, ...]:
        """What was received so far, in order. Any thread may ask."""
        return tuple(self._all)

    def add(self, call: Call, status: int, caller: str | None) -> Received:
        """Keep one request; it is in the file when this returns.

        Args:
            call: The request.
            status: What it was answered.
            caller: The login that its token belongs to, if to any.
        """
        items = _items(call)
        received = Received(
            sequence=len(self._all) + 1,
            time=datetime.fromtimestamp(self._clock(), UTC),
            client=call.client,
            method=redact(call.method),
            path=redact(call.path),
            headers=tuple(sorted(map(redact, call.headers))),
            caller=caller,
            status=status,
            credentials=len(items),
            fingerprints=tuple(fingerprint(item.encode()) for item in items if isinstance(item, str)),
        )
        self._all.append(received)
        if self._file:
            self._file.write(msgspec.json.encode(received) + b"\n")
            self._file.flush()
        return received


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("ab")
    except OSError as error:
        raise UnleakError(f"{redact(str(path))}: the log cannot be written: {error.strerror}") from None


def _items(call: Call) -> list[object]:
    # Whatever the path and the answer: a token sent to the wrong place was sent.
    try:
        body = call.json
    except ValueError:
        return []
    items = body.get("credentials") if isinstance(body, dict) else None
    return items if isinstance(items, list) else []
