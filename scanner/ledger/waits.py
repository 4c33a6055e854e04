"""What is meant to be sent and is not: what has to wait for others, and names that the ledger does not know."""

from dataclasses import dataclass

from sqlalchemy import Column, Connection, func, not_, select

from scanner.ledger.plans import Selection, in_plan, wanted
from scanner.ledger.schema import UNSETTLED, batches, findings, parts, sources


@dataclass(frozen=True, slots=True)
class Wait:
    """A batch that was sent before, with only a part of it meant: it is sent again unchanged or not at all.

    Attributes:
        batch: Its number.
        meant: How many of its secrets are meant.
        others: How many are not.
        not_before: When it may be sent again, in UTC epoch seconds.
    """

    batch: int
    meant: int
    others: int
    not_before: float


def waits(connection: Connection, meant: Selection | str) -> tuple[Wait, ...]:
    """The batches that keep a part of what is meant waiting, the one that is due first before the others.

    Args:
        connection: A transaction.
        meant: A selection, or a plan's id.
    """
    condition = in_plan(meant) if isinstance(meant, str) else wanted(meant)
    inside, outside = func.count().filter(condition), func.count().filter(not_(condition))
    rows = connection.execute(
        select(batches.c.id, inside, outside, batches.c.not_before)
        .select_from(batches.join(findings))
        .where(batches.c.unsettled, findings.c.state.in_(UNSETTLED))
        .group_by(batches.c.id, batches.c.not_before)
        .having(inside > 0, outside > 0)
        .order_by(batches.c.not_before, batches.c.id)
    )
    return tuple(Wait(*row) for row in rows)


def unknown(connection: Connection, selection: Selection) -> Selection:
    """What of a selection the ledger has nothing of."""
    return Selection(
        sources=_missing(connection, sources.c.name, selection.sources),
        patterns=_missing(connection, findings.c.pattern, selection.patterns),
        fingerprints=_missing(connection, findings.c.fingerprint, selection.fingerprints),
    )


def _missing(connection: Connection, column: Column[str], names: tuple[str, ...]) -> tuple[str, ...]:
    found: set[str] = set()
    for part in parts(names):
        found.update(connection.execute(select(column).where(column.in_(part)).distinct()).scalars())
    return tuple(name for name in names if name not in found)
