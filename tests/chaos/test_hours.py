"""Hours of dispatching in virtual time: every hour has its sixty requests, and never one more.

    CHAOS_HOURS=24 CHAOS_BATCH=1000 python -m pytest tests/chaos/test_hours.py

is a day with full batches; without the variables it is three hours with batches of two, which ask for as much of the
budget.
"""

import os
from collections import Counter

from leaks import leak
from turned import TurnedClock

from scanner.audit import AuditLog
from scanner.http import anonymous
from scanner.ledger import Ledger, State, plans
from scanner.ledger.plans import Selection
from scanner.revoke import dispatch
from scanner.revoke.client import Client
from scanner.revoke.dispatch import Dispatcher, Stop
from scanner.sandbox import running

HOURS = int(os.environ.get("CHAOS_HOURS", "3"))
BATCH = int(os.environ.get("CHAOS_BATCH", "2"))


def test_every_hour_has_its_sixty_requests_and_never_one_more(memory, monkeypatch):
    directory = memory / "hours"
    directory.mkdir(0o700)
    monkeypatch.setattr(dispatch, "LARGEST", BATCH)
    clock = TurnedClock()
    start = clock.now()
    with Ledger.open(directory) as ledger, running(clock=clock.now) as sandbox:
        ledger.add(leak(number, f"/r{number % 50}") for number in range(60 * HOURS * BATCH))
        with ledger.writing() as connection:
            plan = plans.make(connection, Selection(), clock.now()).id
        log = AuditLog(directory)
        result = Dispatcher(ledger, log, Client(anonymous(sandbox.url)), plan, clock=clock, wait=True).run()
        posts = [one for one in sandbox.received if one.method == "POST"]
    assert (result.stop, result.settled) == (Stop.DONE, {State.ACCEPTED: 60 * HOURS * BATCH})
    assert {one.status for one in posts} == {202}
    assert {one.credentials for one in posts} == {BATCH}
    times = [one.time.timestamp() for one in posts]
    assert all(later - earlier > 3600 for earlier, later in zip(times, times[60:], strict=False))
    # An hour and a second, so that two clocks that tick at different moments never meet: a window drifts by a second.
    assert Counter(int((time - start) // 3601) for time in times) == dict.fromkeys(range(HOURS), 60)
