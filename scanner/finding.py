"""The words that carry the program: what is read, what is found in it, and where."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from patterns import MAX_LENGTH
from scanner.secret import Secret

OVERLAP: Final = MAX_LENGTH
"""How many bytes of one window of a long item are repeated at the head of the next, so that no token is cut."""

WINDOW: Final = 1 << 20
"""The most bytes that are searched at once. 100 MB of bare prefixes in one call took 4.2 GB of memory."""

Buffer: TypeAlias = bytes | bytearray | memoryview


class Check(StrEnum):
    """What a token's check digits say of its form: never that it is live."""

    PASSED = "passed"
    FAILED = "failed"
    NONE = "none"  # no rule is known


class Exposure(StrEnum):
    """How far a secret has got, the farthest first."""

    COMMITTED = "committed"  # in an object of a git repository
    STAGED = "staged"  # in a repository's index
    FILE = "file"  # outside a repository, or in an uncommitted edit of a tracked file
    LOCAL = "local"  # in an untracked or ignored file, or the git directory's own files: perhaps in proper use


class Chunk(NamedTuple):
    """Bytes of one item, as a unit's reader hands them to the search.

    A short item is one chunk. A long one is several, each but the first beginning with the last ``OVERLAP`` bytes of
    the one before. The buffer is only good until the next chunk is asked for.

    Attributes:
        buffer: The bytes.
        item: Whatever the unit needs to tell later where they stood; opaque to everybody else.
        offset: Where the buffer begins in the item, in bytes.
        more: Whether another chunk of the same item follows.
    """

    buffer: Buffer
    item: object
    offset: int = 0
    more: bool = False

    @property
    def fresh(self) -> int:
        """How many of the bytes, from the first, the next chunk does not begin with again."""
        return len(self.buffer) - OVERLAP if self.more else len(self.buffer)


class Problem(NamedTuple):
    """Something that was not read, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class Tally:
    """What was read, and what was not. Added up over units.

    Attributes:
        files: Files of a file system.
        objects: Distinct git objects, trees left out.
        bytes: Bytes searched, after decompression.
        failed: What could not be read because of an error.
        declined: What was not read by nature or by limit.
        lookalikes: Texts with a token's prefix whose check failed.
    """

    files: int = 0
    objects: int = 0
    bytes: int = 0
    failed: list[Problem] = field(default_factory=list)
    declined: list[Problem] = field(default_factory=list)
    lookalikes: int = 0

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.files += other.files
        self.objects += other.objects
        self.bytes += other.bytes
        self.failed += other.failed
        self.declined += other.declined
        self.lookalikes += other.lookalikes


class Match(NamedTuple):
    """A place in a buffer where a credential stands.

    Attributes:
        pattern: The pattern's id.
        check: What its check digits say.
        secret: The credential.
        offset: Where it begins in the buffer, in bytes from 0.
    """

    pattern: str
    check: Check
    secret: Secret
    offset: int


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in an item: line and byte column from 1, byte offset from 0."""

    line: int
    column: int
    offset: int


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A secret in a file, or on standard input.

    Attributes:
        path: As given on the command line or found below it; ``os.fsdecode``'s form. ``-`` is standard input.
        at: Where in the file.
        exposure: ``file``, or ``local`` for an untracked file of a worktree.
    """

    path: str
    at: Position
    exposure: Exposure = Exposure.FILE


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """A secret in a git object, before it is known where that object came from.

    Attributes:
        repository: The repository's path.
        oid: The object's id in hex.
        type: ``blob``, ``commit`` or ``tag``.
        at: Where in the object's content.
        field: For a commit or a tag, the part that holds it: ``author``, ``committer``, ``tagger``, ``message`` …
    """

    repository: str
    oid: str
    type: str
    at: Position
    field: str = ""


@dataclass(frozen=True, slots=True)
class CommitLocation:
    """A secret in a commit that introduced it.

    Attributes:
        repository: The repository's path.
        commit: The commit's id in hex.
        path: The file in that commit.
        at: Where in the file.
        blob: The blob's id in hex.
        author: Name and e-mail address.
        date: The author's date, ISO 8601 with its own zone.
    """

    repository: str
    commit: str
    path: str
    at: Position
    blob: str
    author: str
    date: str
    exposure: Exposure = Exposure.COMMITTED


@dataclass(frozen=True, slots=True)
class GitLocation:
    """A secret elsewhere in a repository: not in a file of any commit.

    Attributes:
        repository: The repository's path.
        where: ``index``, ``unreachable``, ``commit-message``, ``author``, ``tag``, ``reflog``, ``config`` …
        exposure: ``committed``, ``staged`` or ``local``.
        at: Where in the object or the file.
        object: The object's id in hex, where it is in one.
        path: The file's path, where there is one: in the git directory, or in the index.
    """

    repository: str
    where: str
    exposure: Exposure
    at: Position
    object: str | None = None
    path: str | None = None


Location: TypeAlias = FileLocation | CommitLocation | GitLocation
"""Where a secret was found, as it is shown to people."""

Sieve: TypeAlias = Callable[[Buffer], object]
"""Tells of a whole item, in a buffer of at most ``WINDOW`` bytes, whether there may be anything in it: what it calls
false, nobody wants to see."""

Sighting: TypeAlias = FileLocation | GitLocation | ObjectLocation
"""Where a unit saw a secret: a location, or a git object whose origin is still to be worked out."""


class Unit(ABC):
    """What one worker reads: a small, picklable description of work, without any bytes."""

    __slots__ = ()

    @abstractmethod
    def read(self, tally: Tally) -> Iterator[Chunk]:
        """Read everything that the unit describes, and count it.

        What cannot be read goes into the tally's ``failed`` or ``declined``; nothing is raised for it.
        """

    def read_suspects(self, tally: Tally, sieve: Sieve) -> Iterator[Chunk]:  # noqa: ARG002 - for those who override it
        """Read and count everything, but leave out chunks of whole items that the sieve clears, if that is cheaper.

        Of a history's 500,000 objects hardly one is a suspect, and to hand on the others takes a fifth of the time.
        """
        return self.read(tally)

    @abstractmethod
    def sighting(self, item: object, at: Position, buffer: Buffer) -> Sighting:
        """Where a match stands. Called for hits only, while the item's chunk is still good.

        Args:
            item: The chunk's.
            at: Where in the item.
            buffer: The chunk's.
        """

    @abstractmethod
    def position(self, item: object, offset: int) -> Position:
        """Line and column of an offset in an item of several chunks, from reading its beginning again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One secret with the places where it was found.

    Attributes:
        secret: The credential itself. No output format shows it.
        pattern: The pattern's id.
        name: The pattern's name for people.
        check: What the check digits say.
        revocable: Whether GitHub's ``POST /credentials/revoke`` accepts its type.
        exposure: The farthest of its locations.
        locations_total: How many places there are.
        locations: The first of them.
        doubt: Why a person has to decide before it is sent, in a few words; empty if nobody has to.
    """

    secret: Secret
    pattern: str
    name: str
    check: Check
    revocable: bool
    exposure: Exposure
    locations_total: int
    locations: tuple[Location, ...]
    doubt: str = ""

    @property
    def fingerprint(self) -> str:
        """Base64 of the SHA-256 of the secret."""
        return self.secret.fingerprint
