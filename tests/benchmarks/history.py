"""Time a scan of whole histories against its peers, and print medians, ratios and peak memory.

    python tests/benchmarks/history.py REPOSITORY [REPOSITORY …]

Each is run in turn, so that whatever else the machine does falls on all alike: this program; kingfisher (``pip install
kingfisher-bin``) with its GitHub rules only, in its default and its turbo mode; ``git cat-file``, which only unpacks;
and, if ``--floor`` names a program that is given a pack, its index and a number of threads, that. The ratios are of
medians, theirs to ours. Memory is the anonymous memory of all processes together at its peak (Linux only).
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_EVERY = 0.02  # seconds between looks at memory


@dataclass(frozen=True)
class Run:
    """What one run took: seconds by the clock, seconds of processors, and bytes of memory at its peak."""

    wall: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class Peer:
    """Something to time.

    Attributes:
        name: What it is called in the table.
        command: What to run, or nothing where it is not installed.
        accepted: Exit codes that are no error.
    """

    name: str
    command: list[str]
    accepted: frozenset[int] = frozenset({0})
    runs: list[Run] = field(default_factory=list)


def main() -> int:
    """Run everything in turn and print a table for each repository."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPOSITORY")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often each is run (default: 5)")
    parser.add_argument("--floor", metavar="PROGRAM", help="a native program to hold everything against")
    args = parser.parse_args()
    for repository in args.repositories:
        peers = list(_peers(repository.resolve(), args.floor))
        for peer in peers:
            if not peer.command:
                print(f"{peer.name}: not installed, skipped", file=sys.stderr)
        present = [peer for peer in peers if peer.command]
        for _ in range(args.rounds):
            for peer in present:
                peer.runs.append(_timed(peer))
        _print(repository, present)
    return 0


def _peers(repository: Path, floor: str | None) -> Iterator[Peer]:
    scripts = sysconfig.get_path("scripts")
    unleak = shutil.which("unleak", path=scripts) or shutil.which("unleak")
    scan = [unleak, "scan", "--history-only", "-q", str(repository)] if unleak else []
    found = frozenset({0, 1, 4, 5})
    yield Peer("unleak", scan, found)
    kingfisher = shutil.which("kingfisher", path=scripts) or shutil.which("kingfisher")
    quiet = ["--no-validate", "--no-update-check", "--quiet", "--format", "json"]
    rules = ["--rule", "betterleaks.github"]
    base = [kingfisher, "scan", str(repository), *rules, *quiet] if kingfisher else []
    matched = frozenset({0, 200, 205})
    yield Peer("kingfisher --turbo", [*base, "--turbo"] if base else [], matched)
    yield Peer("kingfisher", base, matched)
    git = shutil.which("git")
    batch = ["cat-file", "--batch-all-objects", "--batch", "--buffer", "--unordered"]
    yield Peer("git cat-file", [git, "-C", str(repository), *batch] if git else [])
    if floor:
        packs = sorted(repository.glob("**/objects/pack/*.pack"), key=lambda pack: -pack.stat().st_size)
        largest = [str(packs[0]), str(packs[0].with_suffix(".idx"))] if packs else []
        yield Peer("native floor", [floor, *largest, str(os.cpu_count() or 1)] if largest else [])


def _timed(peer: Peer) -> Run:
    with tempfile.TemporaryFile() as errors, Path(os.devnull).open("wb") as nowhere:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        process = subprocess.Popen(peer.command, stdin=subprocess.DEVNULL, stdout=nowhere, stderr=errors)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(_EVERY)
        wall = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode not in peer.accepted:
            errors.seek(0)
            raise SystemExit(f"{peer.name} ended with {process.returncode}: {errors.read().decode(errors='replace')}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, peak)


def _memory(pid: int) -> int:
    """The anonymous memory of a process and all below it, in bytes; what they share is counted in each."""
    total = 0
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        total = sum(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("RssAnon:"))
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += sum(_memory(int(child)) for child in (thread / "children").read_text().split())
    except OSError:
        pass  # it ended meanwhile, or this is no Linux
    return total


def _print(repository: Path, peers: list[Peer]) -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{repository}: medians of {len(peers[0].runs)} runs in turn; load averages {load}\n")
    print(f"| {'':20} | seconds | processor seconds | peak memory | seconds, to ours | processor seconds, to ours |")
    print(f"|{'-' * 22}|---:|---:|---:|---:|---:|")
    ours = _median(peers[0])
    for peer in peers:
        run = _median(peer)
        memory = f"{run.memory >> 20} MiB" if run.memory else "?"
        ratios = f"{run.wall / ours.wall:.2f} | {run.cpu / ours.cpu:.2f}"
        print(f"| {peer.name:20} | {run.wall:.2f} | {run.cpu:.2f} | {memory} | {ratios} |")


def _median(peer: Peer) -> Run:
    return Run(
        statistics.median(run.wall for run in peer.runs),
        statistics.median(run.cpu for run in peer.runs),
        max(run.memory for run in peer.runs),
    )


if __name__ == "__main__":
    sys.exit(main())
