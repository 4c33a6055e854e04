"""The rules of an irreversible act, under anything that can happen in any order."""

import json
import tempfile
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from leaks import leak
from minting import mint
from turned import TurnedClock

from scanner.audit import AuditLog
from scanner.errors import LedgerError
from scanner.http import Reply, Silence
from scanner.ledger import Ledger, State, decisions, plans
from scanner.ledger.plans import Selection
from scanner.revoke.client import Client
from scanner.revoke.dispatch import Dispatcher
from scanner.secret import fingerprint

TOKENS = {number: fingerprint(mint(f"rule {number}")) for number in range(40)}
ANSWERS = st.sampled_from(
    [
        Reply(202),
        Reply(202, body=b"nonsense"),
        Reply(422, body=b"Validation Failed"),
        Reply(422, body=b"spammed"),
        Reply(403, {"x-ratelimit-remaining": "0"}, b"rate limit"),
        Reply(403, {"retry-after": "77"}, b"secondary"),
        Reply(429, body=b"slow down"),
        Reply(404, body=b"Not Found"),
        Reply(307),
        Reply(500),
        *Silence,
        "crash before",
        "crash after",
    ]
)


class CrashError(BaseException):
    """What ends a process on the spot."""


class Wire:
    """What stands where httpx stands: it answers as it is told, and notes what it got and when it truly was."""

    url = "http://127.0.0.1:1"

    def __init__(self, machine):
        self.machine = machine
        self.answers = []
        self.sent = []

    def get(self, _path):
        return Silence.UNREACHABLE

    def post(self, _path, body):
        answer = self.answers.pop(0) if self.answers else Reply(202)
        if answer == "crash before":
            raise CrashError
        self.machine.check_intent()
        tokens = json.loads(body)["credentials"]
        self.sent.append((self.machine.clock.steady().seconds, [fingerprint(one.encode()) for one in tokens], answer))
        if answer == "crash after":
            raise CrashError
        return answer


class Rules(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.directory = Path(self.place.name)
        self.directory.chmod(0o700)
        self.clock = TurnedClock()
        self.wire = Wire(self)
        self.log = AuditLog(self.directory)
        self.added, self.dropped, self.requeued = set(), set(), Counter()
        self.paused = False
        self.head = None

    def teardown(self):
        self.place.cleanup()

    def ledger(self):
        return Ledger.open(self.directory)

    def entries(self):
        with self.ledger() as ledger:
            return {entry.fingerprint: entry for entry in ledger.entries()}

    def check_intent(self):
        last = json.loads(list(self.log.records())[-1])
        assert last["event.action"] == "revocation-intended"
        states = Counter(entry.state for entry in self.entries().values())
        assert states[State.SUBMITTING] == len(last["unleak.fingerprints"])

    @rule(numbers=st.sets(st.sampled_from(sorted(TOKENS)), min_size=1, max_size=12), source=st.integers(0, 2))
    def scan(self, numbers, source):
        with self.ledger() as ledger:
            ledger.add([leak(f"rule {number}", f"/r{source}") for number in numbers], now=self.clock.now())
        self.added |= {TOKENS[number] for number in numbers}

    @rule(number=st.sampled_from(sorted(TOKENS)), decision=st.sampled_from([decisions.DROP, decisions.REQUEUE]))
    def decide(self, number, decision):
        one = TOKENS[number]
        with self.ledger() as ledger:
            try:
                with ledger.writing() as connection:
                    decisions.decide(connection, decision, one)
            except LedgerError:
                return
        if decision is decisions.DROP:
            self.dropped.add(one)
        else:
            self.requeued[one] += 1
            self.dropped.discard(one)

    @rule(answers=st.lists(ANSWERS, max_size=4), wait=st.booleans())
    def dispatch(self, answers, wait):
        self.wire.answers = list(answers)
        before = len(self.wire.sent)
        with self.ledger() as ledger:
            with ledger.writing() as connection:
                plan = plans.make(connection, Selection(), self.clock.now()).id
            planned = {one for one, entry in self.entries().items() if entry.state in {State.QUEUED, State.UNKNOWN}}
            planned |= {one for one, entry in self.entries().items() if entry.state is State.SUBMITTING}
            dispatcher = Dispatcher(ledger, self.log, Client(self.wire), plan, clock=self.clock, wait=wait)
            with suppress(CrashError):
                dispatcher.run()
        for _, batch, _ in self.wire.sent[before:]:
            assert not self.paused
            assert set(batch) <= planned
            assert not set(batch) & self.dropped

    @rule(seconds=st.floats(0, 5000))
    def time_passes(self, seconds):
        self.clock.sleep(seconds)

    @rule(seconds=st.floats(-100_000, 100_000))
    def the_clock_is_turned(self, seconds):
        self.clock.turn(seconds)

    @rule()
    def pause_or_resume(self):
        self.paused = not self.paused
        with self.ledger() as ledger:
            ledger.pause() if self.paused else ledger.resume()

    @rule()
    def a_second_dispatcher_is_kept_out(self):
        with self.ledger() as ledger, ledger.dispatching(), self.ledger() as other:
            try:
                with other.dispatching():
                    raise AssertionError("two at once")
            except LedgerError:
                pass

    @rule()
    def a_last_line_is_torn(self):
        if self.log.path.exists():
            with self.log.path.open("ab") as file:
                file.write(b'{"@timest')

    @invariant()
    def nothing_is_lost(self):
        entries = self.entries()
        assert entries.keys() == self.added
        with self.ledger() as ledger, ledger.reading() as connection:
            rows = connection.exec_driver_sql(
                "SELECT fingerprint FROM finding JOIN secret ON finding_id = finding.id"
            ).scalars()
            kept = set(rows)
        for one, entry in entries.items():
            assert one in kept or entry.state in {State.ACCEPTED, State.DROPPED}
            assert one not in kept or entry.state not in {State.ACCEPTED, State.DROPPED} or entry.reappeared

    @invariant()
    def the_budget_is_kept_and_nothing_is_sent_side_by_side(self):
        times = [time for time, _, _ in self.wire.sent]
        slack = 1e-3
        assert all(later - earlier >= 3600 - slack for earlier, later in zip(times, times[60:], strict=False))
        assert all(later - earlier >= 1 - slack for earlier, later in pairwise(times))

    @invariant()
    def what_was_accepted_is_not_sent_again_unless_a_person_says_so(self):
        accepted = Counter(
            one
            for _, batch, answer in self.wire.sent
            if isinstance(answer, Reply) and answer.status == 202
            for one in batch
        )
        assert all(count <= 1 + self.requeued[one] for one, count in accepted.items())

    @invariant()
    def nothing_refused_is_sent_again_unchanged(self):
        refused = [tuple(sorted(batch)) for _, batch, answer in self.wire.sent if getattr(answer, "status", 0) == 422]
        again = {batch for batch, count in Counter(refused).items() if count > 1 and len(batch) > 1}
        assert all(any(self.requeued[one] for one in batch) for batch in again)

    @invariant()
    def the_audit_log_holds(self):
        verified = self.log.verify(self.head.hash if self.head and self.head.sequence else None)
        self.head = verified.head


Rules.TestCase.settings = settings(
    deadline=None, max_examples=15, stateful_step_count=25, suppress_health_check=list(HealthCheck)
)
TestRules = Rules.TestCase
