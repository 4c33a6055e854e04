"""List the patterns that unleak looks for, or check a pattern pack.

for example:
  unleak patterns list               id, check, and whether GitHub revokes the type on request
  unleak patterns check              the built-in pack: made examples are found, negative ones are not
  unleak patterns check mine.toml    a pack of your own
"""

import random
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import patterns
from patterns import PackError, Pattern
from scanner.detect import Detector
from scanner.errors import Exit, UsageError
from scanner.finding import Check

_EXAMPLES: Final = 100  # made for each pattern


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("verb", choices=("list", "check"), help="what to do")
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="of check: a pack; default: the built-in one"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of list; default: text")


def run(args: Namespace) -> Exit:
    """List or check."""
    if args.verb == "list":
        if args.file:
            raise UsageError(f"{args.file}: list takes no file", f"unleak patterns check {args.file}")
        return _list(args.format)
    pack = patterns.load(args.file) if args.file else patterns.builtin()
    for pattern in pack:
        if problem := next(_problems(pattern), None):
            raise PackError(f"{args.file or 'github.toml'}: pattern {pattern.id}: {problem}")
        sys.stdout.write(f"{pattern.id}: {_EXAMPLES} examples found, {len(pattern.negative)} negative ones not\n")
    return Exit.CLEAN


def _list(form: str) -> Exit:
    if form == "json":
        import msgspec  # noqa: PLC0415 - for this format only

        rows = [
            {
                "id": pattern.id,
                "name": pattern.name,
                "anchors": [anchor.decode() for anchor in pattern.anchors],
                "regex": pattern.regex,
                "length": pattern.length,
                "check": pattern.check,
                "revocable": pattern.revocable,
                "references": pattern.references,
            }
            for pattern in patterns.builtin()
        ]
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(rows)) + b"\n")
        return Exit.CLEAN
    width = max(len(pattern.id) for pattern in patterns.builtin())
    for pattern in patterns.builtin():
        revocable = "revocable" if pattern.revocable else "not revocable"
        sys.stdout.write(f"{pattern.id:{width}}  check {pattern.check:13}  {revocable:13}  {pattern.name}\n")
    return Exit.CLEAN


def _problems(pattern: Pattern) -> Iterator[str]:
    """What is wrong with a pattern: its regular expression, then its examples."""
    import regex  # noqa: PLC0415 - for this action only

    try:
        regex.compile(pattern.regex.encode())
    except regex.error as error:
        yield f"regex: {error}"
        return
    detector = Detector([pattern])
    expected = Check.PASSED if pattern.checksum else Check.NONE
    # Seeded, so that a pack that is good today is good tomorrow.
    rng = random.Random(pattern.id)  # noqa: S311 - made-up examples guard nothing
    for _ in range(_EXAMPLES):
        example = pattern.example(rng)
        if pattern.length not in {None, len(example)}:
            yield f"template: makes {len(example)} bytes where length says {pattern.length}"
        if not example.startswith(pattern.anchors):
            yield "template: does not begin with an anchor"
        found = detector.search(b"x" + example + b"\n").matches
        if [(match.secret.reveal(), match.check) for match in found] != [(example, expected)]:
            yield "an example that its template makes is not found exactly"
    for negative in pattern.negative:
        if detector.search(negative.encode()).matches:
            yield f"a negative example is found: {negative}"
