"""One request to ``POST /credentials/revoke``, and the one meaning of each answer.

Source: GitHub's OpenAPI description and REST documentation for API version 2026-03-10. Nothing but 202 counts as
accepted, and 202 is no proof that a token is dead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from scanner.http import Anonymous, Reply, Silence
from scanner.secret import Secret, redact

LARGEST: Final = 1000
"""How many credentials one request may carry."""

_PATH: Final = "/credentials/revoke"
_RATE_LIMIT: Final = "/rate_limit"
_SHOWN: Final = 200  # characters of a server's message


class Meaning(StrEnum):
    """What an answer says of a batch."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # 422: something in it is not acceptable
    SPAM = "spam"  # 422: too much of this
    PRIMARY_LIMIT = "primary rate limit"
    SECONDARY_LIMIT = "secondary rate limit"
    AUTHENTICATED = "taken for authenticated"
    BAD_AGENT = "User-Agent refused"
    FORBIDDEN = "forbidden"
    REDIRECTED = "redirected"
    MALFORMED = "not understood"
    NOT_FOUND = "not found"
    UNEXPECTED = "unexpected"
    UNREACHABLE = "unreachable"  # nothing was sent
    SERVER_ERROR = "server error"
    TIMED_OUT = "timed out"
    BROKEN_OFF = "broken off"


_PLAIN: Final = {202: Meaning.ACCEPTED, 400: Meaning.MALFORMED, 404: Meaning.NOT_FOUND}


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer says of the requests that are left.

    Attributes:
        remaining: Requests left in the server's window, if it says so.
        reset: Seconds until that window ends, by the server's own clock where it tells.
        retry_after: Seconds to wait before anything else, if it says so.
    """

    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request.

    Attributes:
        meaning: What it says of the batch.
        status: The HTTP status, if there was an answer.
        message: The server's own words, redacted and shortened.
        request: GitHub's id of the request, for their support.
        limits: What it says of the requests that are left.
    """

    meaning: Meaning
    status: int | None = None
    message: str = ""
    request: str = ""
    limits: Limits = Limits()

    def __str__(self) -> str:
        status = f" ({self.status})" if self.status else ""
        return f"{self.meaning}{status}{': ' if self.message else ''}{self.message}"


class Client:
    """Submits credentials.

    Args:
        http: What sends.
    """

    def __init__(self, http: Anonymous) -> None:
        self._http: Final = http

    @property
    def url(self) -> str:
        """Where submissions go."""
        return self._http.url + _PATH

    def submit(self, secrets: Sequence[Secret]) -> Answer:
        """Send credentials, once.

        Args:
            secrets: 1 to 1000 of them.

        Raises:
            RevokeError: Nothing was sent, because the request would have carried what it must not.
        """
        body = msgspec.json.encode({"credentials": [secret.reveal().decode("ascii") for secret in secrets]})
        reply = self._http.post(_PATH, body)
        return Answer(Meaning[reply.name]) if isinstance(reply, Silence) else understand(reply)

    def standing(self) -> Limits:
        """What ``GET /rate_limit`` says is left to this address. It costs nothing; no answer is no news."""
        looked = self.look()
        return looked[0] if looked else Limits()

    def look(self) -> tuple[Limits, float | None] | None:
        """What ``GET /rate_limit`` says is left, and the server's time in UTC epoch seconds; None without an answer."""
        reply = self._http.get(_RATE_LIMIT)
        if isinstance(reply, Silence) or reply.status != 200:
            return None
        date = _date(reply.headers.get("date"))
        try:
            rate = msgspec.json.decode(reply.body, type=_Standing).rate
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Limits(), date
        told = {"x-ratelimit-remaining": str(rate.remaining), "x-ratelimit-reset": str(rate.reset)}
        return _limits({**reply.headers, **told}), date


class _Rate(msgspec.Struct):
    remaining: int
    reset: int


class _Standing(msgspec.Struct):
    rate: _Rate


def understand(reply: Reply) -> Answer:
    """The one meaning of an answer."""
    said = words(reply.body)
    limits = _limits(reply.headers)
    return Answer(
        meaning=_meaning(reply.status, said.lower(), limits),
        status=reply.status,
        message="" if reply.status == 202 else short(said),
        request=short(reply.headers.get("x-github-request-id", "")),
        limits=limits,
    )


def _meaning(status: int, said: str, limits: Limits) -> Meaning:
    match status:
        case 403 | 429:
            return _forbidden(status, said, limits)
        case 422:
            return Meaning.SPAM if "spam" in said or "abuse" in said else Meaning.REFUSED
        case _ if 300 <= status < 400:
            return Meaning.REDIRECTED
        case _ if status >= 500:
            return Meaning.SERVER_ERROR
        case _:
            return _PLAIN.get(status, Meaning.UNEXPECTED)


def _forbidden(status: int, said: str, limits: Limits) -> Meaning:
    # The limits first: GitHub's words on a spent limit go on to praise authenticated requests.
    if limits.remaining == 0:
        return Meaning.PRIMARY_LIMIT
    if status == 429 or limits.retry_after is not None or "rate limit" in said or "abuse" in said:
        return Meaning.SECONDARY_LIMIT
    if "user-agent" in said or "administrative rules" in said:
        return Meaning.BAD_AGENT
    return Meaning.AUTHENTICATED if "authenticat" in said else Meaning.FORBIDDEN


def words(body: bytes) -> str:
    """A server's message and whatever it lists as errors, leniently: neither form is published in full."""
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode(errors="replace")
    if not isinstance(document, dict):
        return ""
    listed = document.get("errors")
    errors = listed if isinstance(listed, list) else [listed] if listed else []
    return "; ".join(_word(part) for part in [document.get("message"), *errors] if part)


def _word(part: object) -> str:
    if isinstance(part, dict):
        return " ".join(str(part[key]) for key in ("field", "code", "message") if key in part)
    return str(part)


def short(text: str) -> str:
    """A server's words, fit to be shown: redacted, printable, at most 200 characters."""
    # Redacted before it is cut: half a token would not be known for one.
    shown = "".join(character if character.isprintable() else " " for character in redact(text))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _limits(headers: Mapping[str, str]) -> Limits:
    reset = _number(headers.get("x-ratelimit-reset"))
    date = _date(headers.get("date"))
    after = headers.get("retry-after")
    retry_after = _number(after)
    if after is not None and retry_after is None:
        at = _date(after)
        retry_after = at - date if at is not None and date is not None else None
    remaining = _number(headers.get("x-ratelimit-remaining"))
    return Limits(
        remaining=int(remaining) if remaining is not None else None,
        # Two clocks that differ must not shorten the wait: it is measured by the server's alone.
        reset=reset - date if reset is not None and date is not None else None,
        retry_after=max(0.0, retry_after) if retry_after is not None else None,
    )


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() and len(text) < 16 else None


def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None
