"""One request and its answer, as the rules see them: free of any web framework."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self, TypeAlias

import msgspec


@dataclass(frozen=True)
class Call:
    """A request.

    Attributes:
        method: In upper case.
        path: Percent-decoded, without the query.
        client: The address that it came from.
        headers: By lower-case name; the last of several with one name. They may hold a token: never shown.
        body: As it came. It holds tokens: never shown.
    """

    method: str
    path: str
    client: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @cached_property
    def json(self) -> object:
        """What the body says; an empty one says ``{}``, as GitHub reads it.

        Raises:
            ValueError: It is no JSON.
        """
        try:
            return msgspec.json.decode(self.body or b"{}")
        except (ValueError, RecursionError):
            raise ValueError("Problems parsing JSON") from None  # the cause would quote the body


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Attributes:
        status: The HTTP status.
        content: The body's bytes.
        headers: By lower-case name, over those that every answer has.
    """

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, body: object) -> Self:
        """An answer with a JSON body."""
        return cls(status, msgspec.json.encode(body))

    @classmethod
    def error(cls, status: int, message: str, *, errors: tuple[str, ...] = (), docs: str = "") -> Self:
        """An answer in the shape of GitHub's ``basic-error``; with ``errors``, of ``validation-error-simple``.

        Args:
            status: The HTTP status.
            message: What is wrong. It never quotes the request.
            errors: What is wrong in detail.
            docs: The page in GitHub's REST documentation, from ``/rest`` on.
        """
        body: dict[str, object] = {"message": message}
        if errors:
            body["errors"] = errors
        return cls.json(
            status, {**body, "documentation_url": f"https://docs.github.com/rest{docs}", "status": str(status)}
        )


Script: TypeAlias = Callable[[Call], Answer | None]
"""Sees each call that the rate limit lets through, and may answer it in place of the rules."""
