"""What a patch on standard input adds: the secrets of each file's new lines less those of its old ones."""

import sys
import time
from typing import NamedTuple

from scanner.finding import Tally
from scanner.pipeline.group import Group
from scanner.pipeline.report import Report, findings
from scanner.pipeline.scan import scan_unit
from scanner.sources.patch import AROUND, HunksUnit, read_patches


class PatchRead(NamedTuple):
    """What was read of a patch.

    Attributes:
        files: How many files it changes.
        report: What came out.
    """

    files: int
    report: Report


def run_patch(*, include_failed: bool = False) -> PatchRead:
    """Search the patch on standard input."""
    begun = time.monotonic()
    group, tally = Group(), Tally()
    paths = set()
    for patch in read_patches(sys.stdin.buffer, tally):
        scanned = scan_unit(HunksUnit(patch.path, patch.new), include_failed=include_failed)
        tally.add(scanned.tally)
        if len(scanned.group):
            before = scan_unit(HunksUnit(patch.path, patch.old), include_failed=include_failed).group
            group.merge(scanned.group.without(before.entries))
        if patch.path != AROUND:
            paths.add(patch.path)
    tally.files += len(paths)
    return PatchRead(len(paths), Report(findings(group), tally, time.monotonic() - begun))
