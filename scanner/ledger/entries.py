"""What the ledger holds, row by row: everything but the secrets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

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


def read(ledger: "Ledger", state: State | None) -> Iterator[Entry]:
    """The entries, oldest first, read page by page.

    Args:
        ledger: Where from.
        state: Those in this state only, or None for all.

    Raises:
        LedgerError: The database cannot be read.
    """
    column = findings.c
    query = (
        select(
            column.id,
            column.fingerprint,
            column.pattern,
            column.redacted,
            sources.c.name,
            column.state,
            column.reason,
            column.attempts,
            column.reappeared,
            column.first_seen,
            column.last_seen,
            column.locations_total,
            column.batch_id,
        )
        .join(sources)
        .order_by(column.id)
        .limit(_PAGE)
    )
    if state is not None:
        query = query.where(column.state == state)
    last = 0
    while True:
        with ledger.reading() as connection:
            rows = connection.execute(query.where(column.id > last)).all()
        for _, fingerprint, pattern, redacted, source, found, *rest in rows:
            yield Entry(fingerprint, pattern, redacted, source, State(found), *rest)
        if len(rows) < _PAGE:
            return
        last = rows[-1][0]
