"""The tokens on standard input, for the commands that take them: never as an argument."""

import sys

from scanner.errors import UsageError
from scanner.finding import Check, Finding
from scanner.pipeline.run import Request, Watcher, run


def typed_findings() -> list[Finding]:
    """Each token on standard input whose check passes and whose type GitHub revokes, once.

    Raises:
        UsageError: There is none.
    """
    if sys.stdin is None:  # its number may be that of any other file by now
        raise UsageError("standard input is closed")
    report = run(Request(targets=("-",), history=False, files=True, include_failed=False, jobs=1), Watcher())
    found = [finding for finding in report.findings if finding.check is Check.PASSED and finding.revocable]
    if not found:
        raise UsageError("standard input: no token that GitHub revokes, with the right check digits, is in it")
    return found
