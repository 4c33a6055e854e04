"""How a scan gets on, on a terminal: bytes, objects, findings and rate. Elsewhere it is silent."""

import sys
import time
from typing import TYPE_CHECKING, Final, Self

from scanner.finding import Tally
from scanner.output.summary import size
from scanner.pipeline.run import Watcher

if TYPE_CHECKING:
    from rich.status import Status

_PATIENCE: Final = 1.0  # seconds; what is done sooner needs no progress
_REFRESH: Final = 0.1  # seconds


class Progress(Watcher):
    """A line that is drawn over itself, on a terminal, for anything that takes over a second.

    Use it as a context.

    Args:
        color: ``auto``, ``always`` or ``never``.
    """

    def __init__(self, *, color: str) -> None:
        self._color = color
        self._begun = time.monotonic()
        self._drawn = 0.0
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def advanced(self, tally: Tally, findings: int) -> None:
        """Draw, at most ten times a second."""
        now = time.monotonic()
        elapsed = now - self._begun
        if elapsed < _PATIENCE or now - self._drawn < _REFRESH:
            return
        self._drawn = now
        self._draw(
            f"{size(tally.bytes)}, {tally.files:,} files, {tally.objects:,} objects, {findings:,} secrets, "
            f"{size(tally.bytes / elapsed)}/s"
        )

    def locating(self, repository: str) -> None:
        """Say that the origins of hits are being worked out."""
        del repository
        if time.monotonic() - self._begun >= _PATIENCE:
            self._draw("working out where it came from")

    def _draw(self, text: str) -> None:
        if self._status is None:
            from rich.console import Console  # noqa: PLC0415 - 40 ms that a short scan need not pay

            console = Console(stderr=True, no_color=True if self._color == "never" else None)
            self._status = console.status(text)
            self._status.start()
        self._status.update(text)


def wanted(*, quiet: bool) -> bool:
    """Whether somebody is there to see it."""
    return not quiet and sys.stderr is not None and sys.stderr.isatty()
