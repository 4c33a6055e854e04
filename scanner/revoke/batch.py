"""What becomes of a batch, by the answer that it got: the one place that decides it."""

from dataclasses import dataclass
from typing import Final

from scanner.ledger import State
from scanner.revoke.client import Meaning

ATTEMPTS: Final = 5
"""How often a batch is sent without an answer that tells, until it is parked."""

LIMITS: Final = frozenset({Meaning.SPAM, Meaning.PRIMARY_LIMIT, Meaning.SECONDARY_LIMIT})
"""Answers that say to slow down: the batch was not taken, and the budget learns."""

_FIRST_BACKOFF: Final = 60.0  # seconds; doubled each time
_LONGEST_BACKOFF: Final = 3600.0
_NO_TELLING: Final = frozenset({Meaning.SERVER_ERROR, Meaning.TIMED_OUT, Meaning.BROKEN_OFF})


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a batch.

    Attributes:
        state: Its secrets' next state.
        unanswered: How often it has been sent without an answer that tells.
        not_before: When it may be sent again, in UTC epoch seconds.
        halved: Whether it goes on as two halves.
        faulty: Whether something about the call itself is wrong, so that sending more would be of no use.
    """

    state: State
    unanswered: int = 0
    not_before: float = 0.0
    halved: bool = False
    faulty: bool = False


def fate(meaning: Meaning, *, size: int, unanswered: int, now: float) -> Fate:
    """What becomes of a batch.

    One whose content was refused is never sent again unchanged. One that was certainly not taken goes back to what it
    was. Nothing but ``accepted`` counts as accepted.

    Args:
        meaning: What its answer said.
        size: How many secrets were in it.
        unanswered: How often it had been sent before without an answer that tells.
        now: UTC epoch seconds.
    """
    if meaning is Meaning.ACCEPTED:
        return Fate(State.ACCEPTED)
    if meaning is Meaning.REFUSED:
        return Fate(State.QUEUED, halved=True) if size > 1 else Fate(State.REJECTED)
    if meaning is Meaning.SPAM:
        # Halved, because nobody says what of it was too much; one by itself is not sent for ever.
        return Fate(State.QUEUED, unanswered, halved=True) if size > 1 else untold(unanswered, now)
    if meaning in _NO_TELLING:
        return untold(unanswered, now, halved=meaning is Meaning.TIMED_OUT and size > 1)
    before = State.UNKNOWN if unanswered else State.QUEUED
    return Fate(before, unanswered, faulty=meaning not in LIMITS)


def untold(unanswered: int, now: float, *, halved: bool = False) -> Fate:
    """What becomes of a batch of which nobody knows whether it was taken.

    Args:
        unanswered: How often that had happened to it before.
        now: UTC epoch seconds.
        halved: Whether half of it has better chances, because it took too long.
    """
    if unanswered + 1 >= ATTEMPTS:
        return Fate(State.PARKED)
    wait = min(_FIRST_BACKOFF * 2**unanswered, _LONGEST_BACKOFF)
    return Fate(State.UNKNOWN, unanswered + 1, now + wait, halved)
