"""What the ledger holds, row by row: everything but the secrets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import select

from scanner.errors import LedgerError
from scanner.ledger.schema import State, findings, sources

if TYPE_CHECKING:
    from scanner.ledger.database import Ledger

_PAGE: Final = 2000  # rows a transaction, so that a slow reader keeps no writer waiting


@dataclass(frozen=True, slots=True)
class Entry:
    """One secret in the ledger.

    Attributes:
        fingerprint: Base64 SHA-256 of the secret.
        pattern: The pattern's id.
        redacted: What may be shown of the secret.
        source: The repository or top path that it counts for.
        state: How far it has got.
        reason: Why it is in that state, where there is more to say.
        attempts: How often it was sent.
        reappeared: Whether it was found again after it was settled.
        first_seen: UTC epoch seconds.
        last_seen: UTC epoch seconds.
        locations_total: In how many places it was, by the last scan that saw it.
        batch: The batch that it is in, or was sent in.
    """

    fingerprint: str
    pattern: str
    redacted: str
    source: str
    state: State
    reason: str | None
    attempts: int
    reappeared: bool
    first_seen: float
    last_seen: float
    locations_total: int
    batch: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One secret in the ledger, with where it was seen.

    Attributes:
        entry: The secret.
        places: The first of its locations, each as its facts by name.
    """

    entry: Entry
    places: tuple[dict[str, Any], ...]


def find(ledger: "Ledger", fingerprint: str) -> Seen:
    """The entry of a fingerprint.

    Raises:
        LedgerError: There is none, or the database cannot be read.
    """
    query = _QUERY.add_columns(findings.c.locations).where(findings.c.fingerprint == fingerprint)
    with ledger.reading() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise LedgerError(f"{fingerprint}: is not in the ledger", "'unleak ledger list' shows the fingerprints.")
    _, *facts, places = row
    return Seen(_entry(facts), tuple(msgspec.json.decode(places)))


def read(ledger: "Ledger", state: State | None) -> Iterator[Entry]:
    """The entries, oldest first, read page by page.

    Args:
        ledger: Where from.
        state: Those in this state only, or None for all.

    Raises:
        LedgerError: The database cannot be read.
    """
    query = _QUERY.order_by(findings.c.id).limit(_PAGE)
    if state is not None:
        query = query.where(findings.c.state == state)
    last = 0
    while True:
        with ledger.reading() as connection:
            rows = connection.execute(query.where(findings.c.id > last)).all()
        for _, *facts in rows:
            yield _entry(facts)
        if len(rows) < _PAGE:
            return
        last = rows[-1][0]


_QUERY: Final = select(
    findings.c.id,
    findings.c.fingerprint,
    findings.c.pattern,
    findings.c.redacted,
    sources.c.name,
    findings.c.state,
    findings.c.reason,
    findings.c.attempts,
    findings.c.reappeared,
    findings.c.first_seen,
    findings.c.last_seen,
    findings.c.locations_total,
    findings.c.batch_id,
).join(sources)


def _entry(facts: Sequence[Any]) -> Entry:
    fingerprint, pattern, redacted, source, state, *rest = facts
    return Entry(fingerprint, pattern, redacted, source, State(state), *rest)
