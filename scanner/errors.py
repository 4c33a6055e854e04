"""Every error that unleak raises, and the exit codes that its commands end with.

    UnleakError              has a one-line message and a hint; a command that meets it ends with 2
    ├── UsageError           the words of the call are wrong
    ├── SourceError          a target cannot be scanned at all: no such path, no repository
    ├── ReadError            one thing could not be read; the scan counts it as *failed* and goes on
    │   └── Declined         one thing is not read by nature or by limit; the scan counts it as *declined*
    ├── StateError           the state directory cannot be used: permissions, a lock, a damaged file
    │   ├── LedgerError      … the ledger
    │   └── AuditError       … the audit log
    └── RevokeError          a submission is refused before a byte leaves, or its answer cannot be had

``patterns.PackError`` stands outside the tree, because ``patterns`` imports nothing of ``scanner``;
``scanner.cli.main`` gives it the same treatment.
"""

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit status means; 1 and 4 are bits, so that 5 is both."""

    CLEAN = 0
    FINDINGS = 1
    ERROR = 2
    BUDGET_SPENT = 3
    INCOMPLETE = 4
    FINDINGS_AND_INCOMPLETE = 5
    INTERRUPTED = 130


class UnleakError(Exception):
    """The root of the tree.

    Args:
        message: What, where and why, in one line.
        hint: The way out, in one line, where there is one.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(UnleakError):
    """The words of the call are wrong."""


class SourceError(UnleakError):
    """A target cannot be scanned at all."""


class ReadError(UnleakError):
    """One thing could not be read; the scan counts it as failed and goes on."""


class Declined(ReadError):  # noqa: N818 - the vocabulary's own word for what is not read by nature or by limit
    """One thing is not read by nature or by limit; the scan counts it as declined."""


class StateError(UnleakError):
    """The state directory, or a file in it, cannot be used."""


class LedgerError(StateError):
    """The ledger cannot be used."""


class AuditError(StateError):
    """The audit log cannot be written or does not verify."""


class RevokeError(UnleakError):
    """A submission is refused before a byte leaves, or its answer cannot be had."""
