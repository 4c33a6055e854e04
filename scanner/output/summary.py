"""What a person is told on stderr after a scan: how much was read, and what was not."""

from collections.abc import Iterator, Sequence
from typing import Final

from scanner.finding import Problem, Tally
from scanner.output.text import printable
from scanner.secret import path_for_people

_NAMED: Final = 10  # problems of a kind that are named on a terminal; the JSON formats name all

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB", "PB")


def lines(tally: Tally, *, findings: int, local: int, seconds: float) -> Iterator[str]:
    """The summary, line by line."""
    yield from _named(tally.failed, "failed")
    yield from _named(tally.declined, "declined")
    read = [f"{tally.files:,} {plural('file', tally.files)}"]
    if tally.objects:
        read.append(f"{tally.objects:,} git {plural('object', tally.objects)}")
    parts = [f"read {' and '.join(read)} ({size(tally.bytes)}) in {seconds:.1f} s", _found(findings, local)]
    if tally.lookalikes:
        parts.append(f"{tally.lookalikes:,} {plural('look-alike', tally.lookalikes)} with a failed check")
    parts += [
        f"{len(problems):,} {word}"
        for problems, word in ((tally.failed, "failed"), (tally.declined, "declined"))
        if problems
    ]
    yield "; ".join(parts)


def size(count: float) -> str:
    """Bytes in the largest decimal unit that leaves a whole number."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            return f"{count:,.0f} {unit}" if unit == _UNITS[0] or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def plural(word: str, count: int) -> str:
    """The word, with an ``s`` unless there is one of it."""
    return word if count == 1 else f"{word}s"


def _found(findings: int, local: int) -> str:
    if not findings:
        return "found nothing"
    exposed = f"found {findings:,} {plural('secret', findings)}"
    return f"{exposed}, {local:,} of them local" if local else exposed


def _named(problems: Sequence[Problem], word: str) -> Iterator[str]:
    for problem in problems[:_NAMED]:
        yield f"{word}: {printable(path_for_people(problem.path)[0])}: {printable(path_for_people(problem.reason)[0])}"
    if more := len(problems[_NAMED:]):
        yield f"{word}: … and {more:,} more; --format json names them all"
