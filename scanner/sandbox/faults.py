"""Faults on request: what GitHub, or the network on the way to it, does instead of taking a submission.

A script of faults is a row of words, one for each ``POST``: ``500``, ``ok``, ``reset-after*3``, ``timeout*``. ``ok``
leaves the request to the rules, ``*3`` makes it three of them, ``*`` all that follow.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain, repeat
from types import MappingProxyType
from typing import Final

from scanner.errors import UsageError
from scanner.sandbox.call import Answer, Call, Script
from scanner.secret import redact

OK: Final = "ok"

_HUGE: Final = 10_000_000  # bytes
_LIMIT_WORDS: Final = (
    "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests get a higher rate limit. "
    "Check out the documentation for more details.)"
)
_SECONDARY_WORDS: Final = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


class Cut(Enum):
    """Where a connection is reset."""

    NOWHERE = "nowhere"
    BEFORE_BODY = "before the request's body is read"
    IN_BODY = "in the middle of the request's body"
    BEFORE_ANSWER = "once the request is read"
    IN_ANSWER = "in the middle of the answer's body"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong.

    Attributes:
        about: What happens, in words.
        answer: What is answered to a call.
        cut: Where the connection is reset.
        delay: Seconds before the answer begins.
        pause: Seconds before each byte of its body.
    """

    about: str
    answer: Script
    cut: Cut = Cut.NOWHERE
    delay: float = 0.0
    pause: float = 0.0


def _bad_item(call: Call) -> Answer:
    body = call.json
    count = len(body.get("credentials", ())) if isinstance(body, dict) else 0
    return Answer.error(422, "Validation Failed", errors=(f"credentials/{max(0, count - 1)} is not acceptable",))


def _plain(status: int, content: bytes = b"", **headers: str) -> Script:
    answer = Answer(status, content, {name.replace("_", "-"): value for name, value in headers.items()})
    return lambda _call: answer


def _error(status: int, message: str, *errors: str, **headers: str) -> Script:
    return _plain(status, Answer.error(status, message, errors=errors).content, **headers)


_ACCEPTED: Final = _plain(202, b"{}" + b" " * 62)

FAULTS: Final = MappingProxyType(
    {
        "empty": Fault("202 without a body", _plain(202)),
        "null": Fault("202 with the body null", _plain(202, b"null")),
        "no-json": Fault("202 with a page of HTML", _plain(202, b"<html>hello</html>")),
        "huge": Fault("202 with ten million bytes", _plain(202, b"x" * _HUGE)),
        "slow": Fault("202 at once, and a byte of its body every second", _ACCEPTED, pause=1.0),
        "307": Fault("a redirect to another address", _plain(307, location="http://127.0.0.1:9/")),
        "400": Fault("not understood", _error(400, "Problems parsing JSON")),
        "403-authenticated": Fault(
            "taken for authenticated", _error(403, "This endpoint does not accept authenticated requests")
        ),
        "403-agent": Fault(
            "the User-Agent refused", _error(403, "Request forbidden by administrative rules: no User-Agent header")
        ),
        "403-primary": Fault("the hour's limit is spent", _error(403, _LIMIT_WORDS, x_ratelimit_remaining="0")),
        "403-secondary": Fault("too fast: wait two minutes", _error(403, _SECONDARY_WORDS, retry_after="120")),
        "404": Fault("not found", _error(404, "Not Found")),
        "422-item": Fault("an item is named that is not acceptable", _bad_item),
        "422-spam": Fault("spam", _error(422, "Validation failed, or the endpoint has been spammed.", "spammed")),
        "429": Fault("too many requests, and no word on how long", _error(429, _SECONDARY_WORDS)),
        "500": Fault("an internal error", _error(500, "Internal Server Error")),
        "502": Fault("a gateway's page of HTML", _plain(502, b"<html>Bad Gateway</html>")),
        "503": Fault("not available for half a minute", _error(503, "Service Unavailable", retry_after="30")),
        "reset-before": Fault("a reset before the request's body is read", _ACCEPTED, Cut.BEFORE_BODY),
        "reset-during": Fault("a reset in the middle of the request's body", _ACCEPTED, Cut.IN_BODY),
        "reset-after": Fault("a reset once all of the request is read", _ACCEPTED, Cut.BEFORE_ANSWER),
        "reset-in-answer": Fault("a reset in the middle of a 202", _ACCEPTED, Cut.IN_ANSWER),
        "timeout": Fault("no answer for a minute", _ACCEPTED, delay=60.0),
    }
)
"""Each fault by its name. A TLS failure needs none: call the sandbox by ``https``."""


def script(words: Iterable[str]) -> Iterator[Fault | None]:
    """The faults of a script, one for each ``POST``; None where the rules answer, and after the script's end.

    Raises:
        UsageError: A word is no fault's name; before anything is served.
    """
    return chain.from_iterable([*map(_several, words), repeat(None)])


def _several(word: str) -> Iterable[Fault | None]:
    name, star, count = word.strip().partition("*")
    if name not in FAULTS and name != OK:
        raise UsageError(f"{redact(name)}: no such fault", f"There are {', '.join([OK, *FAULTS])}.")
    if count and not (count.isdecimal() and 0 < int(count) <= 1_000_000):
        raise UsageError(f"{redact(word)}: want a number after *, or nothing for ever")
    fault = FAULTS.get(name)
    return repeat(fault) if star and not count else repeat(fault, int(count or 1))
