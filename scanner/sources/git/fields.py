"""What stands in commits and tags: which part holds a place, what a commit is made of, who wrote it when."""

import re
from binascii import unhexlify
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from scanner.finding import Buffer

_ZONE: Final = re.compile(rb"[+-]\d{4}")
_ID: Final = rb"(?:[0-9a-f]{64}|[0-9a-f]{40})"
_TREE: Final = re.compile(rb"tree (%b)\n((?:parent %b\n)*)" % (_ID, _ID))
_NAMED: Final = frozenset({b"author", b"committer", b"tagger"})


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a commit, and when.

    Attributes:
        name: ``Name <e-mail>`` as it stands there.
        date: ISO 8601 with the author's own zone; empty where there is none that a calendar knows.
    """

    name: str
    date: str


def field_at(kind: str, buffer: Buffer, offset: int) -> str:
    """The part of a commit or a tag in which an offset falls.

    Args:
        kind: ``commit``, ``tag``, or ``blob``, which has no parts.
        buffer: The object's content from its beginning.
        offset: In bytes.

    Returns:
        ``author``, ``committer``, ``tagger``, ``header`` for the rest of the header, ``message``, or nothing.
    """
    if kind not in {"commit", "tag"}:
        return ""
    head = bytes(buffer[:offset])
    if b"\n\n" in head or offset > len(buffer):
        return "message"
    # A header's value goes on in lines that begin with a space: signatures, merged tags.
    line = head[head.rfind(b"\n") + 1 :] + bytes(buffer[offset : offset + len(b"committer ")])
    name = line.split(b" ", 1)[0]
    return name.decode() if name in _NAMED else "header"


def place_name(kind: str, field: str) -> str:
    """What people call a part of an object that is in no tree: ``tag``, ``commit-message``, ``author`` …; or ``blob``.

    Args:
        kind: ``blob``, ``commit`` or ``tag``.
        field: As ``field_at`` gives it.
    """
    if kind == "tag":
        return "tagger" if field == "tagger" else "tag"
    return "commit-message" if field == "message" else field or kind


def tree_and_parents(commit: bytes) -> tuple[bytes, bytes] | None:
    """The id of a commit's tree, and those of its parents one after another, or None where it begins otherwise."""
    found = _TREE.match(commit)
    if found is None:
        return None
    return unhexlify(found[1]), unhexlify(found[2].replace(b"parent ", b"").replace(b"\n", b""))


def author(commit: bytes) -> Author:
    """Who wrote a commit. Bytes that are not UTF-8 are read as Latin-1, which git once used."""
    header = b"\n" + commit.partition(b"\n\n")[0]
    words = header.partition(b"\nauthor ")[2].partition(b"\n")[0].rsplit(b" ", 2)
    if len(words) < 3:
        return Author("", "")
    raw, seconds, zone = words
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        name = raw.decode("latin-1")
    return Author(name, _date(seconds, zone))


def _date(seconds: bytes, zone: bytes) -> str:
    if not _ZONE.fullmatch(zone):
        return ""
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    try:
        own = timezone(-offset if zone[:1] == b"-" else offset)
        return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(seconds))).astimezone(own).isoformat()
    except (ValueError, OverflowError):
        return ""
