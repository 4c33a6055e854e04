"""From an anchor to a match: the exact form, sliced by its known length, and the check digits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from patterns import MAX_LENGTH, Pattern
from scanner.detect.anchors import Anchors
from scanner.finding import OVERLAP, Buffer, Check, Match
from scanner.secret import Secret

if TYPE_CHECKING:
    import regex

# What after an anchor makes a look-alike, a *failed* check, rather than a mere mention of a prefix. GitHub tells
# integrators to plan for tokens of 255 characters.
_LOOKALIKE_LENGTH: Final = 255
_LOOKALIKE: Final = f"[0-9A-Za-z_]{{16,{_LOOKALIKE_LENGTH}}}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: matches in the order of their offsets, and how many look-alikes stood beside them."""

    matches: tuple[Match, ...] = ()
    lookalikes: int = 0


_NOTHING: Final = Found()


class Detector:
    """Finds the credentials of a set of patterns in a buffer.

    Boundaries do not matter: the length is known and the check proves the slice, so a token is found when it is
    glued to letters, followed by a suffix, or back to back with another.

    Args:
        patterns: What to look for.
        include_failed: Whether look-alikes, whose check fails, are matches too, and not only counted.

    Attributes:
        sieve: True of a buffer of at most ``WINDOW`` bytes in which any anchor stands; for all others ``search`` finds
            nothing.
    """

    def __init__(self, patterns: Sequence[Pattern], *, include_failed: bool = False) -> None:
        self._include_failed: Final = include_failed
        by_anchor: dict[bytes, list[Pattern]] = {}
        for pattern in patterns:
            for anchor in pattern.anchors:
                by_anchor.setdefault(anchor, []).append(pattern)
        self._patterns: Final = list(by_anchor.values())
        self._lengths: Final = [len(anchor) for anchor in by_anchor]
        self._anchors: Final = Anchors(list(by_anchor))
        self.sieve: Final = self._anchors.sieve

    def search(self, buffer: Buffer, *, more: bool = False) -> Found:
        """Everything that stands in a buffer.

        Args:
            buffer: The bytes.
            more: Whether the item goes on: then what begins in the last ``OVERLAP`` bytes is left to the next
                buffer, which begins with them.
        """
        matches: list[Match] = []
        lookalikes = counted = 0
        end = len(buffer) - OVERLAP if more else len(buffer)
        for number, start in self._anchors.find(buffer):
            if start >= end:
                continue
            if match := self._match(buffer, number, start):
                matches.append(match)
            elif start >= counted and (counted := self._lookalike_end(buffer, number, start)):
                # A run of many prefixes is one look-alike.
                lookalikes += 1
                if self._include_failed:
                    secret = Secret(bytes(buffer[start:counted]))
                    matches.append(Match(self._patterns[number][0].id, Check.FAILED, secret, start))
        if not matches:
            return Found(lookalikes=lookalikes) if lookalikes else _NOTHING
        matches.sort(key=lambda match: match.offset)
        return Found(tuple(matches), lookalikes)

    def _match(self, buffer: Buffer, number: int, start: int) -> Match | None:
        for pattern in self._patterns[number]:
            found = _compiled(pattern.regex).match(buffer, start, start + MAX_LENGTH)
            if found is None:
                continue
            token = bytes(buffer[start : start + pattern.length] if pattern.length else found[0])
            checksum = pattern.checksum
            if checksum is None:
                return Match(pattern.id, Check.NONE, Secret(token), start)
            if checksum.passes(token):
                return Match(pattern.id, Check.PASSED, Secret(token), start)
        return None

    def _lookalike_end(self, buffer: Buffer, number: int, start: int) -> int:
        after = start + self._lengths[number]
        rest = _compiled(_LOOKALIKE).match(buffer, after, after + _LOOKALIKE_LENGTH)
        return rest.end() if rest else 0


@cache
def _compiled(pattern: str) -> "regex.Pattern[bytes]":
    import regex  # noqa: PLC0415 - 30 ms that a clean run never pays

    return regex.compile(pattern.encode())
