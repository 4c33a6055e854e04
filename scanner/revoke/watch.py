"""A dispatcher that stays: it holds the lock for all of its run, and sends what is queued as it comes."""

import math
from dataclasses import replace
from typing import Final, NoReturn

from scanner.ledger import Ledger, plans
from scanner.ledger.plans import Selection
from scanner.revoke.clock import Clock
from scanner.revoke.dispatch import Dispatcher, Result, Stop

_LOOK: Final = 0.2  # seconds between two looks at the queue: each is one short query
_PAUSED: Final = 2.0  # seconds between two looks at whether a pause is over
_CAPPED: Final = 3600.0  # seconds that count as one run
_FIRST_BACKOFF: Final = 60.0  # seconds after a call that was wrong in itself, such as no network; doubled each time
_LONGEST_BACKOFF: Final = 3600.0


def watch(dispatcher: Dispatcher, selection: Selection) -> NoReturn:
    """Send, for ever.

    Args:
        dispatcher: What sends; its plan is made anew each time.
        selection: What is meant.

    Raises:
        LedgerError: Another dispatcher is running, or the ledger cannot be used.
        AuditError: The audit log cannot be written.
        RevokeError: More was queued than the policy lets go without a person, or a request would have carried what
            it must not.
    """
    ledger, clock, faults = dispatcher.ledger, dispatcher.clock, 0
    with ledger.dispatching():
        while True:
            with ledger.writing() as connection:
                plan = plans.make(connection, selection, clock.now())
            dispatcher.policy.check(plan.total, plan.id)
            result = replace(dispatcher, plan=plan.id).send() if plan.total else Result()
            faults = faults + 1 if result.stop is Stop.FAULT else 0
            if faults:
                seconds = min(_FIRST_BACKOFF * 2 ** (faults - 1), _LONGEST_BACKOFF)
                dispatcher.tell(f"not taken: {result.reason}; trying again in {seconds / 60:,.0f} min")
                clock.sleep(seconds)
            elif result.stop is Stop.PAUSED:
                clock.sleep(_PAUSED)
            elif result.stop is Stop.CAPPED:
                dispatcher.tell(f"the policy's cap of {dispatcher.policy.cap} is reached; going on in an hour")
                clock.sleep(_CAPPED)
            else:
                _until_there_is_work(ledger, selection, result, clock)


def _until_there_is_work(ledger: Ledger, selection: Selection, result: Result, clock: Clock) -> None:
    """Sleep until what is left may be sent, or something else has been queued."""
    with ledger.reading() as connection:
        before = plans.any_queued(connection, selection)
    later = result.until if result.stop is Stop.LATER else math.inf
    while clock.now() < later:
        clock.sleep(_LOOK)
        if before and later < math.inf:
            continue  # it is the budget that it waits for: more in the queue changes nothing
        with ledger.reading() as connection:
            if plans.any_queued(connection, selection):
                return
