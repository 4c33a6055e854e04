"""The dispatcher: takes batches from the ledger, sends them one by one, and notes what came of each.

The order of the steps is the promise: intent in the ledger, intent in the audit log, the request, its outcome in the
audit log, its outcome in the ledger. A crash between any two loses nothing and repeats at most the batch in flight.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeAlias

from sqlalchemy import Connection

from scanner.audit import AuditLog, Fact
from scanner.ledger import Ledger, State, batches
from scanner.ledger.batches import Batch, Item
from scanner.revoke.batch import LIMITS, Fate, fate, untold
from scanner.revoke.budget import SPACING, Budget
from scanner.revoke.client import LARGEST, Answer, Client, Meaning
from scanner.revoke.clock import Clock, SystemClock
from scanner.revoke.gate import gate
from scanner.revoke.patience import patience
from scanner.revoke.policy import ANYTHING, Policy

_NAP: Final = 60.0  # seconds that are slept at once, so that a pause or a turned clock is noticed

Tell: TypeAlias = Callable[[str], None]


class Stop(StrEnum):
    """Why a dispatcher ended."""

    DONE = "done"
    LATER = "later"  # no request is left, or what is left may only be sent again later
    PAUSED = "paused"
    CAPPED = "capped"  # the policy's cap for one run is reached
    FAULT = "fault"  # something about the call itself is wrong


@dataclass(frozen=True, slots=True)
class Result:
    """What a dispatcher did.

    Attributes:
        stop: Why it ended.
        requests: How many requests it made.
        settled: How many secrets have come to which final state.
        until: When there is something to do again, in UTC epoch seconds.
        reason: What is wrong, in one line.
    """

    stop: Stop = Stop.DONE
    requests: int = 0
    settled: Counter[State] = field(default_factory=Counter)
    until: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What to do next: send a batch, wait until some time, or stop."""

    batch: Batch | None = None
    held: tuple[tuple[Item, str], ...] = ()
    until: float = 0.0
    stop: Stop | None = None


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Sends a plan.

    Attributes:
        ledger: Where from.
        log: Where each intent and outcome is noted.
        client: Where to.
        plan: The plan's id; nothing else is sent.
        clock: The time.
        tell: Is given a line about each step.
        wait: Whether to wait, however long, until nothing is left.
        reserve: How many of an hour's requests are left to others on this address.
        policy: What is held back, and how much is sent.
        patient: Whether what is fresh waits for company while few requests are left; see ``patience.py``.
    """

    ledger: Ledger
    log: AuditLog
    client: Client
    plan: str
    clock: Clock = field(default_factory=SystemClock)
    tell: Tell = lambda _line: None
    wait: bool = False
    reserve: int = 0
    policy: Policy = ANYTHING
    patient: bool = False

    def run(self) -> Result:
        """Send until nothing is left, or nothing may be sent any more for now.

        Raises:
            LedgerError: Another dispatcher is running, or the ledger cannot be used.
            AuditError: The audit log cannot be written; then nothing more is sent.
            RevokeError: A request would have carried what it must not.
        """
        with self.ledger.dispatching():
            return self.send()

    def send(self) -> Result:
        """The same for who holds the dispatcher's lock already."""
        result = self._take_up_orphans(Result())
        self._ask()
        while True:
            turn = self._turn(sum(result.settled.values()))
            if turn.stop:
                return replace(result, stop=turn.stop)
            if turn.batch is None:
                seconds = turn.until - self.clock.now()
                if seconds > SPACING and not self.wait:
                    return replace(result, stop=Stop.LATER, until=turn.until)
                self.clock.sleep(min(max(seconds, 0.0), _NAP))
                continue
            result = self._send(turn.batch, turn.held, result)
            if result.stop is Stop.FAULT:
                return result

    def _budget(self, connection: Connection) -> tuple[Budget, float]:
        now = self.clock.now()  # within the transaction: not before the lock is held
        return Budget.load(connection, now, self.clock.steady()), now

    def _ask(self) -> None:
        """Learn what others on this address have used up, if there is anything to send."""
        with self.ledger.reading() as connection:
            if self.ledger.is_paused(connection) or not self._starts(connection, 0.0, 0.0):
                return
        limits = self.client.standing()
        with self.ledger.writing() as connection:
            budget, now = self._budget(connection)
            budget.heed(limits, now).save(connection)

    def _turn(self, done: int) -> _Turn:
        """Decide in one transaction, which notes the intent to send: after a pause there is none."""
        size = LARGEST if self.policy.cap is None else min(LARGEST, self.policy.cap - done)
        if size <= 0:
            return _Turn(stop=Stop.CAPPED)
        with self.ledger.writing() as connection:
            if self.ledger.is_paused(connection):
                return _Turn(stop=Stop.PAUSED)
            budget, now = self._budget(connection)
            opens = budget.opens(now, reserve=self.reserve)
            isolation = budget.opens(now, isolating=True, reserve=self.reserve)
            fresh = opens
            if self.patient:
                fresh = max(opens, patience(connection, self.plan, budget.left(now, reserve=self.reserve)))
            starts = self._starts(connection, opens, isolation, fresh)
            if not starts:
                return _Turn(stop=Stop.DONE)
            if min(starts) > now:
                return _Turn(until=min(starts))
            number = batches.due(connection, self.plan, now, isolating=isolation <= now)
            if number is None:
                number = batches.form(connection, self.plan, size)
            batch = batches.take(connection, number, self.ledger.opener(connection))
            closed = gate(self.policy)
            held = tuple((item, reason) for item in batch.items if (reason := closed(item)))
            for item, reason in held:
                batches.hold(connection, number, item.id, reason)
            out = {item.id for item, _ in held}
            batch = replace(batch, items=tuple(item for item in batch.items if item.id not in out))
            if batch.items:
                batches.intend(connection, number)
                budget.spend(now, isolating=batch.isolating).save(connection)
            return _Turn(batch, held)

    def _starts(self, connection: Connection, opens: float, isolation: float, fresh: float = 0.0) -> list[float]:
        """When each kind of work that is left may begin."""
        again = batches.next_due(connection, self.plan, isolating=False)
        parts = batches.next_due(connection, self.plan, isolating=True)
        starts = [fresh] if batches.any_loose(connection, self.plan) else []
        starts += [max(again, opens)] if again is not None else []
        return starts + ([max(parts, isolation)] if parts is not None else [])

    def _send(self, batch: Batch, held: tuple[tuple[Item, str], ...], result: Result) -> Result:
        if held:
            reasons = ", ".join(sorted({reason for _, reason in held}))
            self._log("revocation-held", batch.id, [item for item, _ in held], {"event.reason": reasons})
            self.tell(f"batch {batch.id}: {len(held):,} held back: {reasons}")
            result = _settled(result, State.HELD, len(held))
        if not batch.items:
            return result
        self._log("revocation-intended", batch.id, batch.items, {"url.full": self.client.url})
        answer = self.client.submit([item.secret for item in batch.items])
        becomes = fate(answer.meaning, size=len(batch.items), unanswered=batch.unanswered, now=self.clock.now())
        self._log("revocation-answered", batch.id, (), _facts(answer, becomes))
        self._note(batch, answer, becomes)
        why = "" if becomes.state is State.ACCEPTED else f": {answer}"
        self.tell(f"batch {batch.id}: {len(batch.items):,} {_words(becomes)}{why}")
        result = replace(_settled(result, becomes.state, len(batch.items)), requests=result.requests + 1)
        faulty = becomes.faulty and not self._slows(answer)
        return replace(result, stop=Stop.FAULT, reason=str(answer)) if faulty else result

    def _slows(self, answer: Answer) -> bool:
        """Whether an answer says to come back later; to who waits, an address that cannot be reached does."""
        return answer.meaning in LIMITS or (self.wait and answer.meaning is Meaning.UNREACHABLE)

    def _note(self, batch: Batch, answer: Answer, becomes: Fate) -> None:
        with self.ledger.writing() as connection:
            budget, now = self._budget(connection)
            budget = budget.answered(now).learn(answer.limits, now, setback=self._slows(answer))
            budget.save(connection)
            _apply(connection, batch.id, becomes, str(answer))

    def _take_up_orphans(self, result: Result) -> Result:
        with self.ledger.reading() as connection:
            orphans = batches.orphans(connection)
        for number, size, unanswered in orphans:
            # It is sent again at once: it was this side that failed.
            becomes = replace(untold(unanswered, self.clock.now()), not_before=0.0)
            facts: dict[str, Fact] = {"event.outcome": "unknown", "unleak.state": becomes.state.value}
            self._log("revocation-orphaned", number, (), facts)
            with self.ledger.writing() as connection:
                budget, now = self._budget(connection)
                budget.answered(now).save(connection)  # it may have gone at any time until the crash
                _apply(connection, number, becomes, "unleak ended while it was being sent")
            self.tell(f"batch {number}: {size:,} {_words(becomes)}: unleak ended while it was being sent")
            result = _settled(result, becomes.state, size)
        return result

    def _log(self, action: str, number: int, items: tuple[Item, ...] | list[Item], facts: dict[str, Fact]) -> None:
        about: dict[str, Fact] = {"event.action": action, "unleak.plan": self.plan, "unleak.batch": number}
        if items:
            about["unleak.patterns"] = dict(Counter(item.pattern for item in items))
            about["unleak.fingerprints"] = [item.fingerprint for item in items]
        self.log.append(about | facts)


def _apply(connection: Connection, number: int, becomes: Fate, reason: str) -> None:
    state, unanswered, not_before = becomes.state, becomes.unanswered, becomes.not_before
    if becomes.halved:
        isolating = state is State.QUEUED
        batches.halve(
            connection, number, state, reason, unanswered=unanswered, not_before=not_before, isolating=isolating
        )
    elif state in {State.QUEUED, State.UNKNOWN}:
        batches.put_back(connection, number, state, reason, unanswered=unanswered, not_before=not_before)
    else:
        batches.settle(connection, number, state, None if state is State.ACCEPTED else reason)


def _facts(answer: Answer, becomes: Fate) -> dict[str, Fact]:
    outcomes = {State.ACCEPTED: "success", State.UNKNOWN: "unknown", State.PARKED: "unknown"}
    facts: dict[str, Fact] = {
        "event.outcome": outcomes.get(becomes.state, "failure"),
        "event.reason": str(answer),
        "unleak.state": becomes.state.value,
    }
    if answer.status is not None:
        facts["http.response.status_code"] = answer.status
    if answer.request:
        facts["http.request.id"] = answer.request
    if answer.limits.remaining is not None:
        facts["unleak.remaining"] = answer.limits.remaining
    return facts


def _settled(result: Result, state: State, count: int) -> Result:
    if state in {State.QUEUED, State.UNKNOWN}:
        return result
    return replace(result, settled=result.settled + Counter({state: count}))


def _words(becomes: Fate) -> str:
    if becomes.halved:
        return f"{becomes.state}, to be sent again in halves"
    return str(becomes.state)
