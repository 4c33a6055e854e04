"""The enterprises that the sandbox plays, who may call for them, and what their two endpoints answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from scanner.sandbox.call import Answer, Call

_DOCS: Final = "/enterprise-admin/credential-authorizations"


@dataclass(frozen=True, slots=True)
class Enterprise:
    """An enterprise.

    Attributes:
        managed: Whether its users are Enterprise Managed Users.
        may_revoke: Logins of its owners, and of apps with the permission "Enterprise credentials" (write).
        members: Logins of the users in it.
        protected: Those of them who cannot be revoked.
    """

    managed: bool
    may_revoke: frozenset[str] = frozenset({"owner", "app"})
    members: frozenset[str] = frozenset({"owner", "member", "protected"})
    protected: frozenset[str] = frozenset({"protected"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token belongs to.

    Attributes:
        login: The user, or the app.
        personal: Whether the token is a personal access token of that user: then it dies when its user is revoked.
    """

    login: str
    personal: bool


ENTERPRISES: Final[Mapping[str, Enterprise]] = MappingProxyType(
    {"octo-corp": Enterprise(managed=False), "octo-managed": Enterprise(managed=True)}
)
"""By slug. One kind may destroy credentials, the other may not."""

CALLERS: Final[Mapping[str, Caller]] = MappingProxyType(
    {
        "sandbox-owner": Caller("owner", personal=True),
        "sandbox-app": Caller("app", personal=False),
        "sandbox-member": Caller("member", personal=True),
    }
)
"""By token. The tokens are made up and look like no token of GitHub's."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of a call.

    Attributes:
        answer: The answer.
        fatal: Whether the calling token has revoked itself.
    """

    answer: Answer
    fatal: bool = False


def revoke(call: Call, slug: str, username: str | None, caller: Caller) -> Outcome:
    """Revoke the credential authorizations of one user of an enterprise, or of all.

    Args:
        call: The request, for its body.
        slug: The enterprise.
        username: The user, or None for all.
        caller: Whose token the request carries.

    Raises:
        ValueError: The body is no JSON.
    """
    enterprise = ENTERPRISES.get(slug)
    if enterprise is None:
        return Outcome(Answer.error(404, "Not Found", docs=_DOCS))
    if caller.login not in enterprise.may_revoke:
        return Outcome(Answer.error(403, "Must be an enterprise owner", docs=_DOCS))
    if username is not None and username not in enterprise.members:
        return Outcome(Answer.error(404, "Not Found", docs=_DOCS))
    refusal = _refusal(call.json, enterprise, username)
    if refusal:
        return Outcome(Answer.error(422, refusal, docs=_DOCS))
    whose = "" if username is None else f" for user '{username}'"
    body = {"message": f"Credential authorization revocation{whose} has been queued"}
    fatal = caller.personal and username in {None, caller.login}
    if fatal:
        body["warning"] = "The token used for this request may also be revoked as part of this operation"
    return Outcome(Answer.json(202, body), fatal)


def _refusal(body: object, enterprise: Enterprise, username: str | None) -> str | None:
    if not isinstance(body, dict):
        return "The request body must be a JSON object"
    destroy = body.get("revoke_credentials", False)
    if not isinstance(destroy, bool):
        return "revoke_credentials must be a boolean"
    if destroy and not enterprise.managed:
        return "The revoke_credentials option is only available for EMU enterprises"
    if username in enterprise.protected:
        return "The target user cannot be revoked"
    return None
