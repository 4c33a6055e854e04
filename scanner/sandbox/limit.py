"""The primary rate limit: so many requests an hour, counted for each client."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_WINDOW: Final = 3600
"""Seconds. GitHub's window is fixed: it begins with a client's first request and ends an hour later."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a client stands in its window.

    Attributes:
        limit: Requests an hour.
        used: Requests so far, at most the limit.
        reset: When the window ends, in UTC epoch seconds.
        exceeded: Whether this very request was one too many.
    """

    limit: int
    used: int
    reset: int
    exceeded: bool = False

    @property
    def remaining(self) -> int:
        """Requests left in the window."""
        return self.limit - self.used

    def headers(self) -> dict[str, str]:
        """The five headers that every answer of GitHub's carries."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-used": str(self.used),
            "x-ratelimit-reset": str(self.reset),
            "x-ratelimit-resource": "core",
        }


class HourlyLimit:
    """Counts requests.

    Args:
        clock: UTC epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock: Final = clock
        self._windows: Final[dict[str, tuple[int, int]]] = {}  # client → requests used, reset

    def spend(self, client: str, limit: int) -> Standing:
        """Count one request of a client's."""
        before = self.standing(client, limit)
        if before.remaining <= 0:
            return Standing(limit, before.used, before.reset, exceeded=True)
        self._windows[client] = before.used + 1, before.reset
        return Standing(limit, before.used + 1, before.reset)

    def standing(self, client: str, limit: int) -> Standing:
        """Where a client stands; costs nothing."""
        now = self._clock()
        used, reset = self._windows.get(client, (0, 0))
        if now >= reset:
            return Standing(limit, 0, math.ceil(now) + _WINDOW)
        return Standing(limit, used, reset)
