"""The check digits of GitHub's tokens, by the name under which a pattern asks for them.

A check proves a token's form, never that it is live: anyone can compute one.
"""

import base64
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase

_CRC_DIGITS: Final = 6  # 62**6 is the first power that holds 32 bits
_SHA_SPAN: Final = slice(77, 85)


@dataclass(frozen=True, slots=True)
class Checksum:
    """How the check digits of one kind of token are verified, and made.

    Attributes:
        passes: Tells whether a whole token carries its own check digits.
        complete: Gives a token of the same length with its check digits put right.
    """

    passes: Callable[[bytes], bool]
    complete: Callable[[bytes], bytes]


def crc32_digits(body: bytes) -> bytes:
    """The six check digits of a classic token's body, the part between its prefix and these digits.

    base62 of the zlib CRC-32, alphabet ``0-9A-Za-z``, most significant digit first, left-padded with ``0``.
    Source: https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
    """
    number = zlib.crc32(body)
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits.rjust(_CRC_DIGITS, "0").encode()


def sha256_digits(token: bytes) -> bytes:
    """The eight check digits of a fine-grained token: base32 of the SHA-256 of its first 77 characters.

    GitHub does not document this rule; it held on every published token and failed on every known dummy.
    """
    import hashlib  # noqa: PLC0415 - it loads OpenSSL: 5 ms that a clean run never pays

    return base64.b32encode(hashlib.sha256(token[: _SHA_SPAN.start]).digest())[:8]


def _crc32_passes(token: bytes) -> bool:
    body, digits = _split_classic(token)
    # The largest CRC-32 is 4gfFC3 in base62: any other first digit is a look-alike, told without a division.
    return digits[:1] in b"01234" and crc32_digits(body) == digits


def _crc32_complete(token: bytes) -> bytes:
    body, _ = _split_classic(token)
    return token[:-_CRC_DIGITS] + crc32_digits(body)


def _split_classic(token: bytes) -> tuple[bytes, bytes]:
    start = token.index(b"_") + 1
    return token[start:-_CRC_DIGITS], token[-_CRC_DIGITS:]


def _sha256_passes(token: bytes) -> bool:
    return sha256_digits(token) == token[_SHA_SPAN]


def _sha256_complete(token: bytes) -> bytes:
    return token[: _SHA_SPAN.start] + sha256_digits(token) + token[_SHA_SPAN.stop :]


CHECKSUMS: Final = {
    "github-crc32": Checksum(_crc32_passes, _crc32_complete),
    "github-sha256": Checksum(_sha256_passes, _sha256_complete),
}
"""The rules by name. A pattern whose check is ``none`` has no entry here."""
