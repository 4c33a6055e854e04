"""Deltas: how large a thing they ask for, and what they make (gitformat-pack(5), "Deltified representation")."""

import re
from typing import Final

from dulwich.pack import apply_delta

from scanner.errors import Declined, ReadError
from scanner.sources.git.inflate import CEILING

is_modest: Final = re.compile(rb"[\x80-\xff]{0,9}[\0-\x7f][\x80-\xff]{0,3}[\0-\x7f]").match
"""Tells in a quarter of a microsecond that the second size at a delta's head, the result's, is under 2**28. It is for
nearly all; for the others there is ``check_result``."""


def check_result(delta: bytes) -> None:
    """Refuse a delta that would make an object over the ceiling: 60 KB can ask for gigabytes.

    Raises:
        Declined: It would.
        ReadError: It has no proper head.
    """
    if (size := _result_size(delta)) > CEILING:
        raise Declined(f"it has {size} bytes, over the ceiling of {CEILING}")


def apply(base: bytes, delta: bytes) -> bytes:
    """The object that a delta makes of its base.

    Raises:
        Declined: It would be over the ceiling.
        ReadError: The delta is damaged, or was made against something else.
    """
    check_result(delta)
    try:
        return b"".join(apply_delta(base, delta))
    except BaseException as error:
        raise mapped(error) from error


def mapped(error: BaseException) -> ReadError:
    """An error of inflating or applying as one of ours. A panic in Rust is no ``Exception``, so all are caught."""
    if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
        raise error
    return error if isinstance(error, ReadError) else ReadError(f"its data is damaged: {error}")


def _result_size(delta: bytes) -> int:
    size = place = 0
    for _ in range(2):
        size, shift = 0, 0
        while True:
            if place == len(delta):
                raise ReadError("its delta ends too early")
            byte = delta[place]
            place += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
    return size
