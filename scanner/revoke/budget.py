"""The requests that are left: at most 60 in any rolling hour, a second apart, and less if GitHub says so.

All of it is one fact that the ledger keeps, so that it outlasts every process. Nothing raises it.
"""

from typing import Final, Self

import msgspec
from sqlalchemy import Connection

from scanner.ledger.settings import recall, remember
from scanner.revoke.client import Limits

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
    """

    sent: tuple[float, ...] = ()
    isolating: tuple[float, ...] = ()
    not_before: float = 0.0
    remaining: int | None = None
    resets: float = 0.0
    setbacks: int = 0

    @classmethod
    def load(cls, connection: Connection, now: float) -> Self:
        """What the ledger keeps, put right if the clock went back meanwhile."""
        kept = recall(connection, _NAME)
        return msgspec.json.decode(kept, type=cls).at(now) if kept else cls()

    def save(self, connection: Connection) -> None:
        """Keep it in the ledger."""
        remember(connection, _NAME, msgspec.json.encode(self).decode())

    def at(self, now: float) -> Self:
        """The same, for a clock that shows ``now``.

        If that is before the last request, the clock went back, and all times go back with it: each interval stays at
        least as long as it was, nothing gets free, and nothing waits for the old time to come round again.
        """
        ahead = self.sent[-1] - now if self.sent else 0.0
        if ahead <= 0:
            return self
        return msgspec.structs.replace(
            self,
            sent=tuple(time - ahead for time in self.sent),
            isolating=tuple(time - ahead for time in self.isolating),
            not_before=self.not_before - ahead,
            resets=self.resets - ahead,
        )

    def opens(self, now: float, *, isolating: bool = False) -> float:
        """When the next request may go, in UTC epoch seconds; not after ``now`` if it may go at once."""
        opening = self.not_before
        if self.sent:
            opening = max(opening, self.sent[-1] + SPACING)
        if len(self.sent) >= HOURLY:
            opening = max(opening, self.sent[-HOURLY] + _HOUR)
        if isolating and len(self.isolating) >= ISOLATING:
            opening = max(opening, self.isolating[-ISOLATING] + _HOUR)
        if self.remaining == 0 and now < self.resets:
            opening = max(opening, self.resets)
        return opening

    def left(self, now: float) -> int:
        """How many requests may still go within this hour."""
        left = HOURLY - sum(time > now - _HOUR for time in self.sent)
        if self.remaining is not None and now < self.resets:
            left = min(left, self.remaining)
        return 0 if now < self.not_before else left

    def spend(self, now: float, *, isolating: bool = False) -> Self:
        """Count a request that is about to go."""
        in_window = self.remaining is not None and now < self.resets
        return msgspec.structs.replace(
            self,
            sent=(*self.sent, now)[-HOURLY:],
            isolating=(*self.isolating, now)[-ISOLATING:] if isolating else self.isolating,
            remaining=max(0, (self.remaining or 0) - 1) if in_window else None,
        )

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
