"""The two calls that act on a whole user or a whole enterprise, never on one token.

Source: GitHub's OpenAPI description for API version 2026-03-10, operations ``revoke-all-credential-authorizations`` and
``revoke-credential-authorizations-for-user`` of ``enterprise-admin``. They are sent once, whatever comes of it.
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from scanner.audit import AuditLog, Fact
from scanner.errors import UsageError
from scanner.http import Authenticated, Reply, Silence
from scanner.revoke.client import short, words

_NAME: Final = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z_-]{0,98}[0-9A-Za-z])?")
_REFUSALS: Final = {
    401: ("GitHub does not know the calling token", "It may have expired, or have died in an earlier call like this."),
    403: (
        "the calling token may not do this",
        "It takes an enterprise owner with scope admin:enterprise, or the permission 'Enterprise credentials' (write).",
    ),
    404: (
        "there is no such enterprise or user, or the calling token cannot see it",
        "Compare the slug with the address https://github.com/enterprises/SLUG, and the user with its list of people.",
    ),
    422: (
        "GitHub refuses this for this enterprise or user",
        "--destroy-credentials is for Enterprise Managed Users only, and some users cannot be revoked at all.",
    ),
}
_UNSURE: Final = "It may have been taken all the same: look into the enterprise's audit log before doing it again."


@dataclass(frozen=True, slots=True)
class Order:
    """What to revoke: the credential authorizations of one user, or of all users, of an enterprise.

    Attributes:
        enterprise: Its slug.
        username: The user, or None for all.
        destroy: Whether personal access tokens and SSH keys are destroyed, too.

    Raises:
        UsageError: The slug or the name is not one that GitHub gives.
    """

    enterprise: str
    username: str | None
    destroy: bool

    def __post_init__(self) -> None:
        for name in (self.enterprise, self.username):
            if name is not None and not _NAME.fullmatch(name):
                raise UsageError(f"{name}: is no slug of an enterprise and no user's name", "Letters, digits, - and _")

    @property
    def path(self) -> str:
        """Where to, below the API's address."""
        whose = "revoke-all" if self.username is None else f"{self.username}/revoke"
        return f"/enterprises/{self.enterprise}/credential-authorizations/{whose}"

    @property
    def body(self) -> bytes:
        """What is sent. The boolean is always there, so that no default of GitHub's decides."""
        return msgspec.json.encode({"revoke_credentials": self.destroy})

    @property
    def phrase(self) -> str:
        """What a person has to type before it is sent."""
        return f"destroy {self.enterprise}" if self.destroy else self.enterprise


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order.

    Attributes:
        accepted: Whether GitHub has queued it: a 202, and nothing else.
        told: What happened, in one line.
        hint: The next step.
        warning: GitHub's own warning, that the calling token may die.
    """

    accepted: bool
    told: str
    hint: str = ""
    warning: str = ""


def send(order: Order, http: Authenticated, log: AuditLog, caller: str) -> Outcome:
    """Send an order, once. Its intent is in the audit log before a byte leaves, its outcome after.

    Args:
        order: What to revoke.
        http: What sends.
        log: The audit log.
        caller: The fingerprint of the calling token: GitHub's audit log knows it by that.

    Raises:
        AuditError: The audit log cannot be written. If its intent could not be, nothing was sent.
        RevokeError: The request would have carried what it must not; nothing was sent.
    """
    about: dict[str, Fact] = {
        "url.full": http.url + order.path,
        "organization.name": order.enterprise,
        **({"user.target.name": order.username} if order.username else {}),
        "unleak.destroy_credentials": str(order.destroy).lower(),
        "unleak.caller": caller,
    }
    log.append({"event.action": "enterprise-intended", **about})
    reply = http.post(order.path, order.body)
    outcome = _understand(reply)
    facts: dict[str, Fact] = {
        "event.outcome": "success" if outcome.accepted else "unknown" if outcome.hint == _UNSURE else "failure",
        "event.reason": outcome.told,
    }
    if isinstance(reply, Reply):
        facts["http.response.status_code"] = reply.status
        facts["http.request.id"] = short(reply.headers.get("x-github-request-id", ""))
    log.append({"event.action": "enterprise-answered", **about, **facts})
    return outcome


def _understand(reply: Reply | Silence) -> Outcome:
    if reply is Silence.UNREACHABLE:
        return Outcome(False, "unreachable: nothing was sent", "Check the network and --api-url.")
    if isinstance(reply, Silence):
        return Outcome(False, f"no answer: {reply}", _UNSURE)
    said = f"({reply.status}): {short(words(reply.body))}"
    if reply.status == 202:
        return Outcome(True, f"accepted {said}", warning=_warning(reply.body))
    what, hint = _refusal(reply)
    return Outcome(False, f"{what} {said}", hint)


def _refusal(reply: Reply) -> tuple[str, str]:
    if reply.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in reply.headers:
        return "rate limit", "Nothing was done. Do it again later."
    if reply.status >= 500:
        return "server error", _UNSURE
    return _REFUSALS.get(reply.status, ("unexpected", "Nothing was done, as far as this answer tells."))


def _warning(body: bytes) -> str:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    warning = document.get("warning") if isinstance(document, dict) else None
    return short(warning) if isinstance(warning, str) else ""
