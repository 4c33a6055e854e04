"""How fast an audit log verifies, and how fast findings are taken into a ledger.

python tests/benchmarks/audit_and_intake.py [RECORDS] [FINDINGS]

Default: a million of each. Prints the time and the rate of both, and the memory that the second took.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from leaks import leak  # found beside this folder

from scanner.audit import AuditLog
from scanner.ledger import Ledger

CHUNK = 10_000


def verify(records: int) -> None:
    """Time the verification of a log."""
    with tempfile.TemporaryDirectory() as directory:
        log = AuditLog(Path(directory))
        for _ in range(0, records, CHUNK):
            log.append(*[{"event.action": "revocation-answered", "unleak.batch": 1}] * min(CHUNK, records))
        began = time.perf_counter()
        head = log.verify().head
        seconds = time.perf_counter() - began
        sys.stdout.write(
            f"verified {head.sequence:,} records in {seconds:.1f} s: {head.sequence / seconds:,.0f} a second\n"
        )


def intake(findings: int) -> None:
    """Time the intake of findings; making them is timed by itself and taken off."""
    began = time.perf_counter()
    for number in range(findings // 10):
        leak(f"warm {number}", f"/r{number % 100}")
    making = (time.perf_counter() - began) * 10
    with tempfile.TemporaryDirectory() as directory, Ledger.open(Path(directory)) as ledger:
        began = time.perf_counter()
        ledger.add(leak(number, f"/r{number % 100}") for number in range(findings))
        seconds = time.perf_counter() - began - making
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"took in {findings:,} findings in {seconds:.1f} s: {findings / seconds:,.0f} a second, {peak:.0f} MiB\n"
    )


if __name__ == "__main__":
    os.umask(0o077)
    verify(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    intake(int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
