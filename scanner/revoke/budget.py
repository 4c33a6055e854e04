"""The requests that are left: at most 60 in any rolling hour, a second apart, and less if GitHub says so.

All of it is one fact that the ledger keeps, so that it outlasts every process. Nothing raises it.
"""

from typing import Final, Self, TypeVar

import msgspec
from sqlalchemy import Connection

from scanner.ledger.settings import recall, remember
from scanner.revoke.client import Limits
from scanner.revoke.clock import Steady

HOURLY: Final = 60
"""GitHub's limit for unauthenticated requests, counted by address."""

ISOLATING: Final = 6
"""How many requests an hour may go into finding out which item of a batch was refused."""

SPACING: Final = 1.0
"""Seconds between two requests that change something: GitHub's advice."""

_HOUR: Final = 3601.0  # seconds; one more than there are, because GitHub's clock and ours tick at different moments
_FIRST_BACKOFF: Final = 60.0  # seconds, GitHub's least where it names none; doubled each time
_LONGEST_BACKOFF: Final = 3600.0
_LONGEST_WAIT: Final = 86_400.0  # seconds that are believed of a retry-after
_NAME: Final = "budget"


class Budget(msgspec.Struct, frozen=True):
    """What is known of the requests of the last hour, and of GitHub's limits. Times are in UTC epoch seconds.

    Attributes:
        sent: When the last requests went out, or their answers came, in order; at most 60.
        isolating: Of these, the ones that were to isolate a refused item; at most 6.
        not_before: When GitHub allows the next one.
        remaining: How many GitHub allows until ``resets``, or None if it has not said.
        resets: When that ends.
        setbacks: How often in a row it told us to slow down.
        wall: What the clock showed when this was last looked at.
        steady: What the clock that nobody can turn showed then.
        scale: The name of that clock.
    """

    sent: tuple[float, ...] = ()
    isolating: tuple[float, ...] = ()
    not_before: float = 0.0
    remaining: int | None = None
    resets: float = 0.0
    setbacks: int = 0
    wall: float = 0.0
    steady: float = 0.0
    scale: str = ""

    @classmethod
    def load(cls, connection: Connection, now: float, steady: Steady | None = None) -> Self:
        """What the ledger keeps, put right if the clock was turned meanwhile."""
        kept = recall(connection, _NAME)
        return (msgspec.json.decode(kept, type=cls) if kept else cls()).at(now, steady)

    def save(self, connection: Connection) -> None:
        """Keep it in the ledger."""
        remember(connection, _NAME, msgspec.json.encode(self).decode())

    def at(self, now: float, steady: Steady | None = None) -> Self:
        """The same, for a clock that shows ``now``.

        If the clock was turned, all times are turned with it: each interval stays at least as long as it was, nothing
        gets free, and nothing waits for the old time to come round again. The steady clock tells by how much. After a
        restart there is none to compare with; then a time before that of the last request went back for certain, and a
        clock that went ahead is not seen here: ``GET /rate_limit`` tells.
        """
        budget = self
        if steady and steady.scale == self.scale:
            budget = _turned(self, now - self.wall - max(0.0, steady.seconds - self.steady))
        if budget.sent:
            budget = _turned(budget, min(0.0, now - budget.sent[-1]))
        if steady is None:
            return budget
        return msgspec.structs.replace(budget, wall=now, steady=steady.seconds, scale=steady.scale)

    def opens(self, now: float, *, isolating: bool = False, reserve: int = 0) -> float:
        """When the next request may go, in UTC epoch seconds; not after ``now`` if it may go at once.

        Args:
            now: UTC epoch seconds.
            isolating: Whether it is to isolate a refused item.
            reserve: How many of an hour's requests are left to others on this address.
        """
        most = HOURLY - reserve
        opening = self.not_before
        if self.sent:
            opening = max(opening, self.sent[-1] + SPACING)
        if len(self.sent) >= most:
            opening = max(opening, self.sent[-most] + _HOUR)
        if isolating and len(self.isolating) >= ISOLATING:
            opening = max(opening, self.isolating[-ISOLATING] + _HOUR)
        if self.remaining is not None and self.remaining <= reserve and now < self.resets:
            opening = max(opening, self.resets)
        return opening

    def left(self, now: float, *, reserve: int = 0) -> int:
        """How many requests may still go within this hour, those left to others taken off."""
        left = HOURLY - sum(time > now - _HOUR for time in self.sent)
        if self.remaining is not None and now < self.resets:
            left = min(left, self.remaining)
        return 0 if now < self.not_before else max(0, left - reserve)

    def spend(self, now: float, *, isolating: bool = False) -> Self:
        """Count a request that is about to go."""
        in_window = self.remaining is not None and now < self.resets
        return msgspec.structs.replace(
            self,
            sent=(*self.sent, now)[-HOURLY:],
            isolating=(*self.isolating, now)[-ISOLATING:] if isolating else self.isolating,
            remaining=max(0, (self.remaining or 0) - 1) if in_window else None,
        )

    def heed(self, limits: Limits, now: float) -> Self:
        """Take in what GitHub said of limits when it was merely asked."""
        remaining, resets = self._window(limits, now)
        return msgspec.structs.replace(self, remaining=remaining, resets=resets)

    def answered(self, now: float) -> Self:
        """Count the last request as late as ``now``: it may have been on its way until its answer came."""
        if not self.sent:
            return self
        isolating = self.isolating
        if isolating and isolating[-1] == self.sent[-1]:
            isolating = (*isolating[:-1], now)
        return msgspec.structs.replace(self, sent=(*self.sent[:-1], now), isolating=isolating)

    def learn(self, limits: Limits, now: float, *, setback: bool) -> Self:
        """Take in what an answer says of limits: only ever to slow down.

        Args:
            limits: What its headers say.
            now: UTC epoch seconds.
            setback: Whether the answer itself said to slow down.
        """
        remaining, resets = self._window(limits, now)
        setbacks = self.setbacks + 1 if setback else 0
        not_before = self.not_before
        if limits.retry_after is not None:
            not_before = max(not_before, now + min(limits.retry_after, _LONGEST_WAIT))
        if setback:  # a retry-after of 0 is no leave to go on as before
            backoff = min(_FIRST_BACKOFF * 2 ** min(setbacks - 1, 10), _LONGEST_BACKOFF)
            not_before = max(not_before, now + backoff)
        return msgspec.structs.replace(
            self, not_before=not_before, remaining=remaining, resets=resets, setbacks=setbacks
        )

    def _window(self, limits: Limits, now: float) -> tuple[int | None, float]:
        if limits.remaining is None:
            return self.remaining, self.resets
        reset = _HOUR if limits.reset is None else min(max(limits.reset, 0.0) + 1.0, _HOUR)
        resets = now + reset
        if self.remaining is None or now >= self.resets:
            return limits.remaining, resets
        return min(self.remaining, limits.remaining), max(self.resets, resets)


_B = TypeVar("_B", bound=Budget)


def _turned(budget: _B, by: float) -> _B:
    return msgspec.structs.replace(
        budget,
        sent=tuple(time + by for time in budget.sent),
        isolating=tuple(time + by for time in budget.isolating),
        not_before=budget.not_before + by,
        resets=budget.resets + by,
    )
