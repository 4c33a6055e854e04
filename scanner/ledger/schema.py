"""The ledger's tables, in SQL that SQLite and PostgreSQL both have."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    CursorResult,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

VERSION: Final = 1
"""Raised with every change of the tables; a program refuses a ledger whose version is above its own."""


class State(StrEnum):
    """How far a secret has got. There is no ``revoked``: GitHub does not tell."""

    QUEUED = "queued"  # to be sent
    SUBMITTING = "submitting"  # on its way, or orphaned by a crash
    ACCEPTED = "accepted"  # GitHub answered 202; the secret is wiped
    REJECTED = "rejected"  # GitHub refused it by itself
    UNKNOWN = "unknown"  # sent, and no answer that tells: it will be sent again, in the same batch
    PARKED = "parked"  # unknown too often
    HELD = "held"  # waits for a person
    DROPPED = "dropped"  # settled without sending; the secret is wiped


UNSETTLED: Final = (State.QUEUED, State.SUBMITTING, State.UNKNOWN)
"""The states that a dispatcher works on."""

_VARIABLES: Final = 500  # in a query: fewer than any SQLite's limit

_T = TypeVar("_T")

_ID: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself for INTEGER only

metadata: Final = MetaData()

settings: Final = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Single facts: the schema's version, the public key, whether sending is paused, the budget's memory."""

sources: Final = Table(
    "source",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)
"""Repositories and top paths: what batches are filled fairly over."""

batches: Final = Table(
    "batch",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("unsettled", Boolean, nullable=False, index=True),
    Column("isolating", Boolean, nullable=False),  # a part of one that was refused
    Column("unanswered", Integer, nullable=False),  # how often it was sent without an answer that tells
    Column("not_before", Double, nullable=False),  # UTC epoch seconds
)
"""What one request carries. It is kept, so that what is sent again is the same batch."""

findings: Final = Table(
    "finding",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("pattern", Text, nullable=False),
    Column("redacted", Text, nullable=False),
    Column("source_id", _ID, ForeignKey("source.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),  # why it is in that state, redacted
    Column("attempts", Integer, nullable=False),
    Column("reappeared", Boolean, nullable=False),  # found again after it was settled
    Column("first_seen", Double, nullable=False),  # UTC epoch seconds
    Column("last_seen", Double, nullable=False),
    Column("locations_total", BigInteger, nullable=False),  # by the last scan that saw it
    Column("locations", Text, nullable=False),  # JSON, redacted: the first of them
    Column("batch_id", _ID, ForeignKey("batch.id"), index=True),
)
Index("finding_by_state", findings.c.state, findings.c.batch_id)

data_keys: Final = Table(
    "data_key",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""Keys that secrets are encrypted under, each sealed to the ledger's public key."""

secrets: Final = Table(
    "secret",
    metadata,
    Column("finding_id", _ID, ForeignKey("finding.id"), primary_key=True),
    Column("data_key_id", _ID, ForeignKey("data_key.id"), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""Encrypted secrets, in a narrow table of their own, so that rows that change never carry copies of them about."""

plans: Final = Table(
    "plan",
    metadata,
    Column("id", Text, primary_key=True),
    Column("made", Double, nullable=False),  # UTC epoch seconds
)

plan_findings: Final = Table(
    "plan_finding",
    metadata,
    Column("plan_id", Text, ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True),
    Column("finding_id", _ID, ForeignKey("finding.id"), primary_key=True),
)
"""The sets that dry runs have shown: what ``--plan`` sends is one of them, and nothing else."""


def inserted(result: CursorResult[Any]) -> int:
    """The number that a new row was given."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def parts(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Values for ``IN``, as many at once as a query can hold."""
    for begin in range(0, len(values), _VARIABLES):
        yield values[begin : begin + _VARIABLES]
