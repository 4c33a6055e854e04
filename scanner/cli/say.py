"""Lines for people, on stderr. Where nobody can be told, nothing is: that decides no verdict and stops no act."""

import sys
from contextlib import suppress


def say(line: str) -> None:
    """Write one line to stderr, if it is open and takes it."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def on_terminal() -> bool:
    """Whether there is somebody to ask; either stream may be closed."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
