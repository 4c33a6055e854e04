"""The set that a dry run shows, kept under an id, so that exactly it can be sent later."""

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, literal, not_, or_, select, true

from scanner.ledger.schema import UNSETTLED, State, batches, findings, plan_findings, plans, sources

_ID_LENGTH: Final = 16  # hex digits
_KEPT: Final = 30 * 86400.0  # seconds after it was last shown


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the queue is meant; each empty field means all.

    Attributes:
        sources: Names of sources, as the ledger has them.
        patterns: Pattern ids.
        fingerprints: Base64 SHA-256.
    """

    sources: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A set of secrets that are still to be sent.

    Attributes:
        id: Names the set: the same set has the same id.
        total: How many secrets.
        batches: How many batches are made up already; they are sent again as they are.
        loose: How many secrets are in none of these.
        patterns: Each pattern's id with its count, by id.
        sources: Each source's name with its count, the largest first.
    """

    id: str
    total: int
    batches: int
    loose: int
    patterns: tuple[tuple[str, int], ...]
    sources: tuple[tuple[str, int], ...]


def make(connection: Connection, selection: Selection, now: float) -> Plan:
    """The plan to send all that a selection leaves of the queue; it is kept in the ledger.

    A batch that was sent before is in it as a whole or not at all: it has to be sent again unchanged.

    Args:
        connection: A transaction that writes.
        selection: What is meant.
        now: UTC epoch seconds.
    """
    connection.execute(delete(plans).where(plans.c.made < now - _KEPT))
    meant = wanted(selection)
    stranger = exists(select(literal(1)).where(findings.c.batch_id == batches.c.id, not_(meant)).correlate(batches))
    kept = select(batches.c.id).where(batches.c.unsettled, not_(stranger))
    loose = and_(findings.c.state == State.QUEUED, findings.c.batch_id.is_(None), meant)
    chosen = or_(loose, and_(findings.c.batch_id.in_(kept), findings.c.state.in_(UNSETTLED)))
    identity = _identity(connection, chosen)
    shown_again = connection.execute(plans.update().where(plans.c.id == identity).values(made=now))
    if not shown_again.rowcount:
        connection.execute(insert(plans).values(id=identity, made=now))
        rows = select(literal(identity), findings.c.id).where(chosen)
        connection.execute(insert(plan_findings).from_select(["plan_id", "finding_id"], rows))
    return _read(connection, identity)


def find(connection: Connection, identity: str) -> Plan | None:
    """The plan of an id, as far as it is still to be sent; None if there is none of that id."""
    known = connection.execute(select(plans.c.id).where(plans.c.id == identity)).first()
    return _read(connection, identity) if known else None


def any_queued(connection: Connection, selection: Selection) -> bool:
    """Whether anything of a selection is queued and in no batch."""
    loose = and_(findings.c.state == State.QUEUED, findings.c.batch_id.is_(None), wanted(selection))
    return connection.execute(select(findings.c.id).where(loose).limit(1)).first() is not None


def in_plan(identity: str) -> ColumnElement[bool]:
    """The condition that a finding belongs to a plan."""
    return exists(
        select(literal(1))
        .where(plan_findings.c.plan_id == identity, plan_findings.c.finding_id == findings.c.id)
        .correlate(findings)
    )


def wanted(selection: Selection) -> ColumnElement[bool]:
    """The condition that a finding belongs to a selection."""
    conditions: list[ColumnElement[bool]] = [true()]
    if selection.sources:
        named = select(sources.c.id).where(sources.c.name.in_(selection.sources))
        conditions.append(findings.c.source_id.in_(named))
    if selection.patterns:
        conditions.append(findings.c.pattern.in_(selection.patterns))
    if selection.fingerprints:
        conditions.append(findings.c.fingerprint.in_(selection.fingerprints))
    return and_(*conditions)


def _identity(connection: Connection, chosen: ColumnElement[bool]) -> str:
    digest = hashlib.sha256()
    query = select(findings.c.fingerprint).where(chosen).order_by(findings.c.fingerprint)
    for (fingerprint,) in connection.execute(query.execution_options(yield_per=10_000)):
        digest.update(f"{fingerprint}\n".encode())
    return digest.hexdigest()[:_ID_LENGTH]


def _read(connection: Connection, identity: str) -> Plan:
    open_ones = and_(in_plan(identity), findings.c.state.in_(UNSETTLED))
    count = func.count()
    total, loose, made_up = connection.execute(
        select(
            count,
            count.filter(findings.c.batch_id.is_(None)),
            func.count(findings.c.batch_id.distinct()),
        ).where(open_ones)
    ).one()
    patterns = connection.execute(
        select(findings.c.pattern, count).where(open_ones).group_by(findings.c.pattern).order_by(findings.c.pattern)
    )
    named = connection.execute(
        select(sources.c.name, count)
        .select_from(findings.join(sources))
        .where(open_ones)
        .group_by(sources.c.name)
        .order_by(count.desc(), sources.c.name)
    )
    return Plan(
        id=identity,
        total=total,
        batches=made_up,
        loose=loose,
        patterns=tuple((name, number) for name, number in patterns),
        sources=tuple((name, number) for name, number in named),
    )
