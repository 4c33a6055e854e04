"""From a scan to the queue: what may be revoked is sealed and stored, what is known is seen again."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from os.path import abspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import Boolean, Connection, bindparam, insert, or_, select, update

from scanner.finding import Check, Exposure, FileLocation, Finding, Location
from scanner.ledger.environment import in_own_environment
from scanner.ledger.schema import State, data_keys, inserted, parts, secrets, sources
from scanner.ledger.schema import findings as table
from scanner.secret import path_for_people, redact

if TYPE_CHECKING:
    from scanner.ledger.database import Ledger

_CHUNK: Final = 5000  # findings a transaction: few enough to keep other writers waiting for less than a second
_PLACES: Final = 10  # locations that are stored of a finding; all are counted
_TOP: Final = 3  # parts of a path: the root and two names

_SETTLED: Final = (State.ACCEPTED, State.DROPPED)


@dataclass(frozen=True, slots=True)
class Added:
    """What became of findings that were handed to the ledger.

    Attributes:
        queued: Stored, to be sent.
        known: Stored before; they were seen again.
        reappeared: Of the known ones, those that were settled before. Only a person queues them again.
        irrevocable: Not stored: the check did not pass, or GitHub does not revoke the type.
        local: Not stored: perhaps in proper use.
        allowed: Not stored: on the allow-list.
        own: Not stored: in unleak's own environment.
        held: Stored, to wait for a person: 'unleak ledger release'.
    """

    queued: int = 0
    known: int = 0
    reappeared: int = 0
    irrevocable: int = 0
    local: int = 0
    allowed: int = 0
    own: int = 0
    held: int = 0

    def __add__(self, other: "Added") -> "Added":
        return Added(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def add(
    ledger: "Ledger", findings: Iterable[Finding], *, queue_local: bool, allow: Collection[str], now: float
) -> Added:
    """Store what may be revoked, in chunks, each in a transaction of its own.

    What may not be sent is not stored at all: the ledger holds no secret that it has no use for.

    Args:
        ledger: Where to.
        findings: Any number; each is asked for once.
        queue_local: Whether ``local`` ones are queued too.
        allow: Fingerprints that are never sent.
        now: UTC epoch seconds.

    Raises:
        StateError: The ledger, or its key, cannot be used.
    """
    own = in_own_environment()
    added = Added()
    remaining = iter(findings)
    while chunk := list(islice(remaining, _CHUNK)):
        wanted: dict[str, Finding] = {}
        for finding in chunk:
            if finding.check is not Check.PASSED or not finding.revocable:
                added += Added(irrevocable=1)
            elif finding.exposure is Exposure.LOCAL and not queue_local:
                added += Added(local=1)
            elif (fingerprint := finding.fingerprint) in allow:
                added += Added(allowed=1)
            elif own(finding.secret):
                added += Added(own=1)
            else:
                wanted[fingerprint] = finding
        if wanted:
            with ledger.writing() as connection:
                added += _store(ledger, connection, wanted, now)
    return added


def _store(ledger: "Ledger", connection: Connection, wanted: dict[str, Finding], now: float) -> Added:
    known = _known(connection, list(wanted))
    if known:
        _see_again(connection, [(wanted[fingerprint], state in _SETTLED) for fingerprint, state in known.items()], now)
    fresh = {fingerprint: finding for fingerprint, finding in wanted.items() if fingerprint not in known}
    if fresh:
        _insert(ledger, connection, fresh, now)
    again = {fingerprint: wanted[fingerprint] for fingerprint, state in known.items() if state in _SETTLED}
    if again:
        _seal_again(ledger, connection, again)
    held = sum(bool(finding.doubt) for finding in fresh.values())
    return Added(queued=len(fresh) - held, held=held, known=len(known), reappeared=len(again))


def _known(connection: Connection, fingerprints: Sequence[str]) -> dict[str, str]:
    known: dict[str, str] = {}
    for part in parts(fingerprints):
        query = select(table.c.fingerprint, table.c.state).where(table.c.fingerprint.in_(part))
        known.update(connection.execute(query).all())
    return known


def _see_again(connection: Connection, seen: Sequence[tuple[Finding, bool]], now: float) -> None:
    statement = (
        update(table)
        .where(table.c.fingerprint == bindparam("known"))
        .values(
            last_seen=now,
            locations_total=bindparam("total"),
            locations=bindparam("places"),
            reappeared=or_(table.c.reappeared, bindparam("again", type_=Boolean)),
        )
    )
    rows = [
        {
            "known": finding.fingerprint,
            "total": finding.locations_total,
            "places": _places(finding),
            "again": again,
        }
        for finding, again in seen
    ]
    connection.execute(statement, rows)


def _insert(ledger: "Ledger", connection: Connection, fresh: dict[str, Finding], now: float) -> None:
    ids = _sources(connection, {source(finding) for finding in fresh.values()})
    rows = [
        {
            "fingerprint": fingerprint,
            "pattern": finding.pattern,
            "redacted": finding.secret.redacted,
            "source_id": ids[source(finding)],
            "state": State.HELD if finding.doubt else State.QUEUED,
            "reason": redact(finding.doubt) or None,
            "attempts": 0,
            "reappeared": False,
            "first_seen": now,
            "last_seen": now,
            "locations_total": finding.locations_total,
            "locations": _places(finding),
        }
        for fingerprint, finding in fresh.items()
    ]
    connection.execute(insert(table), rows)
    _seal(ledger, connection, _numbers(connection, list(fresh)), fresh)


def _seal_again(ledger: "Ledger", connection: Connection, again: dict[str, Finding]) -> None:
    """Keep what was wiped and has reappeared, so that a person can have it sent again."""
    numbers = _numbers(connection, list(again))
    for part in parts(list(again)):
        query = select(table.c.fingerprint).join(secrets).where(table.c.fingerprint.in_(part))
        for kept in connection.execute(query).scalars():
            del numbers[kept]
    if numbers:
        _seal(ledger, connection, numbers, again)


def _numbers(connection: Connection, fingerprints: Sequence[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for part in parts(fingerprints):
        query = select(table.c.fingerprint, table.c.id).where(table.c.fingerprint.in_(part))
        numbers.update(connection.execute(query).all())
    return numbers


def _seal(ledger: "Ledger", connection: Connection, numbers: dict[str, int], fresh: dict[str, Finding]) -> None:
    # One data key a transaction: with one a run, another process could delete it between two of them as unused.
    sealer = ledger.sealer(connection)
    data_key = inserted(connection.execute(insert(data_keys).values(sealed=sealer.data_key)))
    # In the order of the table, so that its pages fill one after the other.
    ordered = sorted((number, fingerprint) for fingerprint, number in numbers.items())
    sealed = [
        {"finding_id": number, "data_key_id": data_key, "sealed": sealer.seal(fresh[fingerprint].secret)}
        for number, fingerprint in ordered
    ]
    connection.execute(insert(secrets), sealed)


def _sources(connection: Connection, names: set[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    for part in parts(sorted(names)):
        query = select(sources.c.name, sources.c.id).where(sources.c.name.in_(part))
        known.update(connection.execute(query).all())
    for name in sorted(names - known.keys()):
        known[name] = inserted(connection.execute(insert(sources).values(name=name)))
    return known


def source(finding: Finding) -> str:
    """What a finding counts for when batches are filled fairly: its first location's repository or top path.

    Returns:
        A repository's absolute path; for a file outside of repositories, the first two names of its absolute path, so
        that a tree of files cannot pass for many sources; ``-`` for standard input.
    """
    first = finding.locations[0]
    if not isinstance(first, FileLocation):
        return source_name(first.repository)
    if first.path == "-":
        return "-"
    return path_for_people(str(Path(*Path(_absolute(first.path)).parts[:_TOP])))[0]


def source_name(repository: str) -> str:
    """A repository's path as the ledger names it: absolute and redacted."""
    return path_for_people(_absolute(repository))[0]


def _absolute(path: str) -> str:
    return abspath(path)  # noqa: PTH100 - a repository goes by the name that it was given: no link is resolved


def _places(finding: Finding) -> str:
    return msgspec.json.encode([_place(location) for location in finding.locations[:_PLACES]]).decode()


def _place(location: Location) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(location)
    return {name: path_for_people(fact)[0] if isinstance(fact, str) else fact for name, fact in facts.items()}
