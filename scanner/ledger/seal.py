"""Secrets at rest: whoever scans can add, and only who holds the private key can read.

A secret is encrypted under a data key (libsodium's secretbox: XSalsa20-Poly1305); the data key is sealed to the
ledger's public key (sealed box: X25519). Sealing each secret by itself would cost 100 µs.
"""

import base64
import binascii
import os
from functools import cache
from pathlib import Path
from typing import Final

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox
from nacl.utils import random

from scanner.errors import LedgerError
from scanner.secret import Secret
from scanner.state import open_private, sync_directory

_KIND: Final = "x25519-private"


class Sealer:
    """Encrypts under one fresh data key.

    Attributes:
        data_key: The data key, sealed: 80 bytes.
    """

    def __init__(self, public: PublicKey) -> None:
        key = random(SecretBox.KEY_SIZE)
        self._box: Final = SecretBox(key)
        self.data_key: Final = SealedBox(public).encrypt(key)

    def seal(self, secret: Secret) -> bytes:
        """A secret, encrypted: 40 bytes more than it has."""
        return bytes(self._box.encrypt(secret.reveal()))


class Opener:
    """Decrypts what a ``Sealer`` encrypted."""

    def __init__(self, private: PrivateKey) -> None:
        self._private: Final = SealedBox(private)
        self._box: Final = cache(self._open_data_key)

    def open(self, data_key: bytes, sealed: bytes) -> Secret:
        """The secret.

        Raises:
            LedgerError: It was not sealed to this key, or is damaged.
        """
        try:
            return Secret(self._box(data_key).decrypt(sealed))
        except CryptoError:
            raise LedgerError("a sealed secret does not open: the ledger, or ledger.key, is damaged") from None

    def _open_data_key(self, data_key: bytes) -> SecretBox:
        return SecretBox(self._private.decrypt(data_key))


def make_key(path: Path) -> PrivateKey:
    """A new private key, on disk when this returns: one line, its kind and its base64.

    It takes the place of a key that is there already, so whoever calls this looks first.

    Raises:
        StateError: The file cannot be written.
    """
    key = PrivateKey.generate()
    line = f"{_KIND} {base64.b64encode(bytes(key)).decode()}\n"
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(open_private(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    sync_directory(path.parent)
    return key


def read_key(path: Path) -> PrivateKey:
    """The private key of a file.

    Raises:
        StateError: The file cannot be read, is open to others, or is no key.
    """
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        kind, _, encoded = file.read(200).decode("ascii", "replace").strip().partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raw = b""
    if kind != _KIND or len(raw) != PrivateKey.SIZE:
        raise LedgerError(f"{path}: is no ledger key", "What is queued cannot be sent without it: restore it.")
    return PrivateKey(raw)
