"""GitHub's rules, as published for API version 2026-03-10: a call in, an answer out.

Sources: GitHub's OpenAPI description and REST documentation. Where they leave a choice, the stricter one is played:
a cookie counts as authentication, and every request but ``GET /rate_limit`` counts against the limit, refused ones
included. Syntactically sound JSON of the wrong shape is a 422, which is what the description of the operation lists.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from scanner.sandbox.call import Answer, Call, Script
from scanner.sandbox.enterprises import CALLERS, Caller, revoke
from scanner.sandbox.limit import HourlyLimit, Standing

LIMIT: Final = 60
"""Unauthenticated requests an hour, counted by source address."""

_AUTHENTICATED_LIMIT: Final = 5000
_VERSIONS: Final = frozenset({"2022-11-28", "2026-03-10"})
_MOST: Final = 1000
_AUTHENTICATION: Final = frozenset({"authorization", "cookie"})
_REVOKE_DOCS: Final = "/credentials/revoke#revoke-a-list-of-credentials"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer, and where it leaves whoever called.

    Attributes:
        answer: The answer.
        standing: What is left of the limit after it.
        caller: The login that the request's token belongs to, if to any.
    """

    answer: Answer
    standing: Standing
    caller: str | None


class Api:
    """Answers calls.

    Args:
        limit: Unauthenticated requests an hour from one address.
        clock: UTC epoch seconds.
        script: Sees each call that the limit lets through, and may answer it in place of the rules.
    """

    def __init__(
        self, *, limit: int = LIMIT, clock: Callable[[], float] = time.time, script: Script | None = None
    ) -> None:
        self.clock: Final = clock
        self._limit: Final = limit
        self._spent: Final = HourlyLimit(clock)
        self._script: Final = script
        self._dead: Final[set[str]] = set()  # tokens that revoked themselves

    def answer(self, call: Call, instead: Script | None = None) -> Verdict:
        """The answer to a call.

        Args:
            call: The call.
            instead: What answers it in place of the rules, if the limit lets it through.
        """
        token = _token(call)
        caller = None if token is None or token in self._dead else CALLERS.get(token)
        counted = (caller.login, _AUTHENTICATED_LIMIT) if caller else (call.client, self._limit)
        free = (call.method, call.path) == ("GET", "/rate_limit")
        standing = self._spent.standing(*counted) if free else self._spent.spend(*counted)
        return Verdict(self._answer(call, caller, standing, instead), standing, caller.login if caller else None)

    def _answer(self, call: Call, caller: Caller | None, standing: Standing, instead: Script | None) -> Answer:
        if not call.headers.get("user-agent"):
            return Answer.error(
                403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
            )
        if standing.exceeded:
            return _limited(call.client if caller is None else f"user {caller.login}")
        script = instead or self._script
        scripted = script(call) if script else None
        if scripted:
            return scripted
        if call.headers.get("x-github-api-version", "2022-11-28") not in _VERSIONS:
            return Answer.error(
                400, "The requested API version is not supported", docs="/about-the-rest-api/api-versions"
            )
        try:
            return self._route(call, caller, standing)
        except ValueError as wrong:
            return Answer.error(400, str(wrong))

    def _route(self, call: Call, caller: Caller | None, standing: Standing) -> Answer:
        match [call.method, *call.path.split("/")[1:]]:
            case ["GET", "rate_limit"]:
                return _unauthenticated(call) if caller is None and _token(call) else _rate_limit(standing)
            case ["POST", "credentials", "revoke"]:
                return _revoke(call)
            case ["POST", "enterprises", slug, "credential-authorizations", "revoke-all"]:
                return self._enterprise(call, slug, None, caller)
            case ["POST", "enterprises", slug, "credential-authorizations", username, "revoke"]:
                return self._enterprise(call, slug, username, caller)
            case _:
                return Answer.error(404, "Not Found")

    def _enterprise(self, call: Call, slug: str, username: str | None, caller: Caller | None) -> Answer:
        if caller is None:
            return _unauthenticated(call)
        outcome = revoke(call, slug, username, caller)
        if outcome.fatal:
            self._dead.add(_token(call) or "")
        return outcome.answer


def _token(call: Call) -> str | None:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "token"} else None


def _revoke(call: Call) -> Answer:
    if _AUTHENTICATION & call.headers.keys():
        return Answer.error(403, "This endpoint does not accept authenticated requests", docs=_REVOKE_DOCS)
    wrong = _wrong(call.json)
    if wrong:
        return Answer.error(422, "Validation Failed", errors=(wrong,), docs=_REVOKE_DOCS)
    return Answer.json(202, {})


def _wrong(body: object) -> str | None:
    credentials = body.get("credentials") if isinstance(body, dict) else None
    if not isinstance(credentials, list):
        return "credentials must be an array of strings"
    if not 1 <= len(credentials) <= _MOST:
        return f"credentials must have 1 to {_MOST} items"
    if not all(isinstance(item, str) for item in credentials):
        return "every item of credentials must be a string"
    return None


def _rate_limit(standing: Standing) -> Answer:
    core = {
        "limit": standing.limit,
        "used": standing.used,
        "remaining": standing.remaining,
        "reset": standing.reset,
    }
    return Answer.json(200, {"resources": {"core": core}, "rate": core})


def _unauthenticated(call: Call) -> Answer:
    return Answer.error(401, "Bad credentials" if "authorization" in call.headers else "Requires authentication")


def _limited(client: str) -> Answer:
    return Answer.error(
        403,
        f"API rate limit exceeded for {client}. (But here's the good news: Authenticated requests get a higher rate "
        "limit. Check out the documentation for more details.)",
        docs="/overview/resources-in-the-rest-api#rate-limiting",
    )
