"""The time, as something that a test can turn."""

import os
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol


class Steady(NamedTuple):
    """A reading of a clock that nobody can turn.

    Attributes:
        scale: Names the clock: only two readings of one clock can be compared. A restart begins a new one.
        seconds: What it shows.
    """

    scale: str
    seconds: float


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now(self) -> float:
        """UTC epoch seconds."""

    def steady(self) -> Steady:
        """Seconds since some moment, whatever is done to the time of day."""

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """UTC epoch seconds."""
        return time.time()

    def steady(self) -> Steady:
        """Seconds since this machine was started; where that cannot be told, since this process was."""
        return Steady(*_boot())

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        time.sleep(seconds)


def _boot() -> tuple[str, float]:
    if hasattr(time, "CLOCK_BOOTTIME") and (boot := _boot_id()):  # Linux; it goes on while the machine sleeps
        return boot, time.clock_gettime(time.CLOCK_BOOTTIME)
    return f"process {os.getpid()} of {_started()}", time.monotonic()


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


@cache
def _started() -> int:
    return time.time_ns()
