"""A credential in a type that cannot be printed, its fingerprint, and the redaction of any text."""

import base64
import binascii
import os
import re
from typing import Final

# What may be shown of a secret: enough for its owner to recognise it, useless to anybody else.
_SHOWN: Final = 4
_ELLIPSIS: Final = "…"

# Any text that begins like a GitHub token, whatever its length or check: redaction is wider than detection on
# purpose. Ten characters are too few to be a token and too many to be an accident of prose. Only a stateless
# installation token, which ends in a JSON Web Token, has dots and dashes.
_TOKEN_LIKE: Final = re.compile(r"(gh[pousr]_|github_pat_)([0-9A-Za-z]{1,40}_eyJ[0-9A-Za-z_.\-]{7,}|[0-9A-Za-z_]{10,})")


class Secret:
    """A credential's bytes. Neither ``str`` nor ``repr`` nor a format shows them; ``reveal`` alone does."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The credential itself. Only sealing and submission have a reason to call this."""
        return self._value

    @property
    def fingerprint(self) -> str:
        """Base64 of the SHA-256: the value that GitHub's audit log calls ``hashed_token``."""
        return fingerprint(self._value)

    @property
    def redacted(self) -> str:
        """The prefix and the last four characters, as ``ghp_…x7Qd``."""
        text = self._value.decode("ascii", "replace")
        found = _TOKEN_LIKE.match(text)
        prefix = found[1] if found else ""
        return f"{prefix}{_ELLIPSIS}{text[-_SHOWN:]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({self.redacted})"

    def __reduce__(self) -> tuple[type["Secret"], tuple[bytes]]:
        # A secret crosses from a worker to its parent over a pipe of our own.
        return Secret, (self._value,)


def fingerprint(value: bytes) -> str:
    """Base64 of the SHA-256 of a credential: 44 characters."""
    import hashlib  # noqa: PLC0415 - it loads OpenSSL: 5 ms that a clean run never pays

    return binascii.b2a_base64(hashlib.sha256(value).digest(), newline=False).decode()


def redact(text: str) -> str:
    """The text with everything that looks like a GitHub token cut down to its prefix and last four characters.

    Everything that unleak writes passes through here: a path, a ref, an author or a server's error text can
    itself be, or echo, a token.
    """
    return _TOKEN_LIKE.sub(_shorten, text)


def path_for_people(path: str) -> tuple[str, str | None]:
    """A path as text that is safe to show, and its exact bytes in base64 where the text is lossy.

    Args:
        path: As ``os.fsdecode`` gives it: bytes that are not UTF-8 stand as lone surrogates.

    Returns:
        The redacted path with U+FFFD for what is not UTF-8, and the base64 of the redacted path's bytes, or None
        where the text alone is exact.
    """
    safe = redact(path)
    try:
        safe.encode()
    except UnicodeEncodeError:
        raw = os.fsencode(safe)
        return raw.decode(errors="replace"), base64.b64encode(raw).decode()
    return safe, None


def _shorten(found: re.Match[str]) -> str:
    return f"{found[1]}{_ELLIPSIS}{found[2][-_SHOWN:]}"
