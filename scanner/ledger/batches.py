"""What one request carries: made up fairly, kept until it is settled, and wiped once it is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, literal, not_, or_, select, update

from scanner.ledger.plans import in_plan
from scanner.ledger.schema import State, batches, data_keys, findings, inserted, parts, secrets
from scanner.ledger.seal import Opener
from scanner.secret import Secret


@dataclass(frozen=True, slots=True)
class Item:
    """One secret of a batch; where the ledger has lost it, it is empty."""

    id: int
    fingerprint: str
    pattern: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request carries.

    Attributes:
        id: Its number in the ledger.
        isolating: Whether it is a part of a batch that was refused.
        unanswered: How often it was sent without an answer that tells.
        items: What is in it.
    """

    id: int
    isolating: bool
    unanswered: int
    items: tuple[Item, ...]


def form(connection: Connection, plan: str, size: int) -> int:
    """Make up a batch of what is queued and in none: from all sources in turn, newest first.

    Args:
        connection: A transaction that writes.
        plan: The plan's id; nothing else is taken.
        size: How many secrets at most.

    Returns:
        Its number. There has to be something to put into it: ask ``any_loose`` in the same transaction.
    """
    newest = (findings.c.first_seen.desc(), findings.c.id.desc())
    turn = func.row_number().over(partition_by=findings.c.source_id, order_by=newest).label("turn")
    free = select(findings.c.id, findings.c.first_seen, turn).where(_loose(plan)).subquery()
    order = (free.c.turn, free.c.first_seen.desc(), free.c.id.desc())
    ids = connection.execute(select(free.c.id).order_by(*order).limit(size)).scalars().all()
    return _assign(connection, ids, isolating=False, unanswered=0, not_before=0.0)


def due(connection: Connection, plan: str, now: float, *, isolating: bool) -> int | None:
    """The batch that has waited longest to be sent again, if its time has come.

    Args:
        connection: A transaction.
        plan: The plan's id; a batch with a member outside of it is left alone.
        now: UTC epoch seconds.
        isolating: Whether a part of a refused batch may be taken.
    """
    query = select(batches.c.id).where(_waiting(plan), batches.c.not_before <= now)
    if not isolating:
        query = query.where(not_(batches.c.isolating))
    return connection.execute(query.order_by(batches.c.not_before, batches.c.id).limit(1)).scalar()


def next_due(connection: Connection, plan: str, *, isolating: bool) -> float | None:
    """When the next batch may be sent again, in UTC epoch seconds; None if no such batch waits.

    Args:
        connection: A transaction.
        plan: The plan's id.
        isolating: Whether it is about the parts of refused batches, or about all others.
    """
    query = select(func.min(batches.c.not_before)).where(_waiting(plan), batches.c.isolating.is_(isolating))
    return connection.execute(query).scalar()


def take(connection: Connection, number: int, opener: Opener) -> Batch:
    """A batch with its secrets, opened.

    Raises:
        LedgerError: A secret does not open.
    """
    isolating, unanswered = connection.execute(
        select(batches.c.isolating, batches.c.unanswered).where(batches.c.id == number)
    ).one()
    rows = connection.execute(
        select(findings.c.id, findings.c.fingerprint, findings.c.pattern, data_keys.c.sealed, secrets.c.sealed)
        .select_from(findings.outerjoin(secrets).outerjoin(data_keys))
        .where(findings.c.batch_id == number)
        .order_by(findings.c.id)
    )
    items = tuple(
        Item(item, fingerprint, pattern, opener.open(key, sealed) if key and sealed else Secret(b""))
        for item, fingerprint, pattern, key, sealed in rows
    )
    return Batch(number, isolating, unanswered, items)


def intend(connection: Connection, number: int) -> None:
    """Note that a batch is about to be sent."""
    members = findings.c.batch_id == number
    changes = {"state": State.SUBMITTING, "attempts": findings.c.attempts + 1, "reason": None}
    connection.execute(update(findings).where(members).values(changes))


def settle(connection: Connection, number: int, state: State, reason: str | None) -> None:
    """Note what became of a batch for good. What is accepted or dropped is wiped.

    Args:
        connection: A transaction that writes.
        number: The batch.
        state: ``accepted``, ``rejected`` or ``parked``.
        reason: Why, redacted.
    """
    members = findings.c.batch_id == number
    connection.execute(update(findings).where(members).values(state=state, reason=reason))
    connection.execute(update(batches).where(batches.c.id == number).values(unsettled=False))
    if state in {State.ACCEPTED, State.DROPPED}:
        wiped = select(findings.c.id).where(members)
        connection.execute(delete(secrets).where(secrets.c.finding_id.in_(wiped)))
        drop_unused_keys(connection)


def put_back(
    connection: Connection, number: int, state: State, reason: str, *, unanswered: int, not_before: float
) -> None:
    """Let what is in a batch be sent again.

    The batch stays as it is if it is a part of a refused one, or if nobody knows whether it was taken. Else it
    dissolves, so that what is fresh is not kept waiting behind it.

    Args:
        connection: A transaction that writes.
        number: The batch.
        state: ``queued`` if it was certainly not taken, else ``unknown``.
        reason: Why, redacted.
        unanswered: How often it has been sent without an answer that tells.
        not_before: When it may be sent again, in UTC epoch seconds.
    """
    members, itself = findings.c.batch_id == number, batches.c.id == number
    connection.execute(update(findings).where(members).values(state=state, reason=reason))
    connection.execute(update(batches).where(itself).values(unanswered=unanswered, not_before=not_before))
    isolating = connection.execute(select(batches.c.isolating).where(itself)).scalar()
    if state is State.QUEUED and not isolating:
        connection.execute(update(findings).where(members).values(batch_id=None))
        connection.execute(update(batches).where(itself).values(unsettled=False))


def halve(
    connection: Connection,
    number: int,
    state: State,
    reason: str,
    *,
    unanswered: int,
    not_before: float,
    isolating: bool,
) -> None:
    """Let what is in a batch of two or more be sent again in two halves.

    Args:
        connection: A transaction that writes.
        number: The batch.
        state: ``queued`` if it was certainly not taken, else ``unknown``.
        reason: Why, redacted.
        unanswered: How often it has been sent without an answer that tells.
        not_before: When the halves may be sent, in UTC epoch seconds.
        isolating: Whether it is to find out what was refused.
    """
    members, itself = findings.c.batch_id == number, batches.c.id == number
    connection.execute(update(findings).where(members).values(state=state, reason=reason))
    ids = connection.execute(select(findings.c.id).where(members).order_by(findings.c.id)).scalars().all()
    was_isolating = connection.execute(select(batches.c.isolating).where(itself)).scalar_one()
    connection.execute(update(batches).where(itself).values(unsettled=False))
    middle = (len(ids) + 1) // 2
    for half in (ids[:middle], ids[middle:]):
        _assign(connection, half, isolating=was_isolating or isolating, unanswered=unanswered, not_before=not_before)


def hold(connection: Connection, number: int, item: int, reason: str) -> None:
    """Take an item out of a batch and let it wait for a person."""
    changes = {"state": State.HELD, "reason": reason, "batch_id": None}
    connection.execute(update(findings).where(findings.c.id == item).values(changes))
    close_if_empty(connection, number)


def close_if_empty(connection: Connection, number: int) -> None:
    """Settle a batch that nothing is in any more."""
    empty = not_(exists(select(literal(1)).where(findings.c.batch_id == number)))
    connection.execute(update(batches).where(batches.c.id == number, empty).values(unsettled=False))


def orphans(connection: Connection) -> list[tuple[int, int, int]]:
    """Each batch that a process left behind while it was being sent: its number, its size, how often unanswered.

    Only who holds the dispatcher's lock may ask: then nobody else is sending.
    """
    query = (
        select(batches.c.id, func.count(), batches.c.unanswered)
        .select_from(batches.join(findings))
        .where(findings.c.state == State.SUBMITTING)
        .group_by(batches.c.id, batches.c.unanswered)
        .order_by(batches.c.id)
    )
    return [(number, size, unanswered) for number, size, unanswered in connection.execute(query)]


def any_loose(connection: Connection, plan: str) -> bool:
    """Whether anything of a plan is queued and in no batch."""
    return connection.execute(select(findings.c.id).where(_loose(plan)).limit(1)).first() is not None


def loose(connection: Connection, plan: str, most: int) -> tuple[int, float]:
    """How much of a plan is queued and in no batch, counted up to some number, and when the oldest of it was found.

    Args:
        connection: A transaction.
        plan: The plan's id.
        most: Where counting ends.
    """
    some = select(findings.c.first_seen).where(_loose(plan)).limit(most).subquery()
    count, oldest = connection.execute(select(func.count(), func.min(some.c.first_seen))).one()
    return count, oldest or 0.0


def _assign(connection: Connection, ids: Sequence[int], *, isolating: bool, unanswered: int, not_before: float) -> int:
    values = {"unsettled": True, "isolating": isolating, "unanswered": unanswered, "not_before": not_before}
    number = inserted(connection.execute(insert(batches).values(values)))
    for part in parts(ids):
        connection.execute(update(findings).where(findings.c.id.in_(part)).values(batch_id=number))
    return number


def _loose(plan: str) -> ColumnElement[bool]:
    return and_(findings.c.state == State.QUEUED, findings.c.batch_id.is_(None), in_plan(plan))


def _waiting(plan: str) -> ColumnElement[bool]:
    member = findings.c.batch_id == batches.c.id
    ready = findings.c.state.in_([State.QUEUED, State.UNKNOWN])
    stranger = exists(select(literal(1)).where(member, or_(not_(in_plan(plan)), not_(ready))).correlate(batches))
    return and_(batches.c.unsettled, exists(select(literal(1)).where(member).correlate(batches)), not_(stranger))


def drop_unused_keys(connection: Connection) -> None:
    """Wipe the data keys that no secret is encrypted under any more."""
    used = exists(select(literal(1)).where(secrets.c.data_key_id == data_keys.c.id).correlate(data_keys))
    connection.execute(delete(data_keys).where(not_(used)))
