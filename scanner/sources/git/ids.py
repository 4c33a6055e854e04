"""Object ids in bulk: tables of them, one a row, and where they stand in each other."""

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanner.sources.git.packindex import PackIndex

    Ids: TypeAlias = NDArray[np.uint8]  # one id a row
    Links: TypeAlias = NDArray[np.int32]
    Numbers: TypeAlias = NDArray[np.int64]

NOWHERE: Final = -1


def ids_of(index: "PackIndex") -> "Ids":
    """The ids of a pack, ascending, as a view of its mapped index."""
    raw = np.frombuffer(index.data, np.uint8, index.count * index.stride, index.names - index.stride + index.hash_size)
    return raw.reshape(index.count, index.stride)[:, index.stride - index.hash_size :]


def rows(raw: bytes | bytearray, hash_size: int) -> "Ids":
    """Ids that stand one after another, as a table."""
    return np.frombuffer(raw, np.uint8).reshape(-1, hash_size)


def find(table: "Ids", wanted: "Ids") -> "Links":
    """The row of each wanted id in a table in ascending order, or ``NOWHERE``."""
    if not len(table) or not len(wanted):
        return np.full(len(wanted), NOWHERE, np.int32)
    # Eight bytes tell almost any two ids apart, and are compared at once.
    keys, sought = _keys(table), _keys(wanted)
    found = np.searchsorted(keys, sought).clip(max=len(table) - 1)
    same = (table[found] == wanted).all(axis=1)
    forged = np.flatnonzero(~same & (keys[found] == sought))
    if len(forged):
        found[forged] = np.searchsorted(_whole(table), _whole(wanted[forged]))
        found.clip(max=len(table) - 1, out=found)
        same[forged] = (table[found[forged]] == wanted[forged]).all(axis=1)
    return np.where(same, found, NOWHERE).astype(np.int32)


def order(table: "Ids") -> "NDArray[np.int64]":
    """The rows of a table in ascending order of their ids."""
    return np.argsort(_whole(table))


def ascending(table: "Ids") -> "Ids":
    """A table in ascending order."""
    return table[order(table)]


def _whole(table: "Ids") -> "NDArray[np.bytes_]":
    # NumPy takes zeros at the end of such a text for padding, which changes no order between ids of one length.
    return np.ascontiguousarray(table).view(f"S{table.shape[1]}").ravel()


def _keys(table: "Ids") -> "NDArray[np.uint64]":
    return np.ascontiguousarray(table[:, :8]).view(">u8").ravel().astype(np.uint64)
