"""What a person decides about one secret: drop it, release it, or have it sent again."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select, update

from scanner.errors import LedgerError
from scanner.ledger import batches
from scanner.ledger.schema import State, findings, secrets


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of one secret's state.

    Attributes:
        name: As a command.
        done: As the audit log names it.
        sources: The states that it can be taken in.
        target: The state that it leads to.
    """

    name: str
    done: str
    sources: frozenset[State]
    target: State


DROP: Final = Decision("drop", "ledger-dropped", frozenset(State) - {State.SUBMITTING}, State.DROPPED)
RELEASE: Final = Decision("release", "ledger-released", frozenset({State.HELD}), State.QUEUED)
REQUEUE: Final = Decision(
    "requeue",
    "ledger-requeued",
    frozenset({State.REJECTED, State.PARKED, State.ACCEPTED, State.DROPPED}),
    State.QUEUED,
)


def decide(connection: Connection, decision: Decision, fingerprint: str) -> None:
    """Change a secret's state. What is dropped is wiped.

    Args:
        connection: A transaction that writes.
        decision: What to do.
        fingerprint: Whose.

    Raises:
        LedgerError: It is not in the ledger, is in a state that rules that out, or was wiped and not found again.
    """
    row = connection.execute(
        select(findings.c.id, findings.c.state, findings.c.batch_id).where(findings.c.fingerprint == fingerprint)
    ).first()
    if row is None:
        raise LedgerError(f"{fingerprint}: is not in the ledger", "'unleak ledger list' shows the fingerprints.")
    number, state, batch = row
    if State(state) not in decision.sources:
        raise LedgerError(f"{fingerprint}: is {state}: there is nothing to {decision.name}")
    if decision.target is State.QUEUED and not _is_kept(connection, number):
        raise LedgerError(
            f"{fingerprint}: is {state} and was wiped: it can be sent again once a scan has found it again",
            "unleak scan --queue",
        )
    changes = {"state": decision.target, "reason": None, "batch_id": None, "reappeared": False}
    if decision.target is State.DROPPED:
        connection.execute(delete(secrets).where(secrets.c.finding_id == number))
        batches.drop_unused_keys(connection)
    connection.execute(update(findings).where(findings.c.id == number).values(changes))
    if batch is not None:
        batches.close_if_empty(connection, batch)


def _is_kept(connection: Connection, number: int) -> bool:
    return connection.execute(select(secrets.c.finding_id).where(secrets.c.finding_id == number)).first() is not None
