"""What the worktree has and the index has not: tracked files whose status is no longer the one in the index.

git is not asked for it, because to compare a file it would run the filters that a repository's attributes name.
"""

import os
import stat
from collections import defaultdict
from typing import Final, NamedTuple

from scanner.errors import Declined, ReadError, SourceError
from scanner.finding import Problem, Tally
from scanner.sources.git.command import git, worktree_top
from scanner.sources.git.index import Entry, read_index

_HASH_SIZES: Final = {b"sha1": 20, b"sha256": 32}
_GITLINK: Final = 0o160000
_WORD: Final = 0xFFFFFFFF


class Edit(NamedTuple):
    """A tracked file that has perhaps been edited.

    Attributes:
        path: From the current directory.
        old: The ids of the blobs that the index has of it: one, or up to three in an unfinished merge.
    """

    path: str
    old: tuple[str, ...]


def unstaged(tally: Tally) -> list[Edit]:
    """The tracked files whose size or time differs from the index's, or that changed as late as the index itself.

    Args:
        tally: Takes what cannot be looked at.

    Raises:
        SourceError: This is no worktree, or its index cannot be read.
    """
    top = worktree_top()
    answer = git("rev-parse", "--show-object-format", "--git-path", "index")
    name, index = answer.removesuffix(b"\n").split(b"\n", 1)
    path = os.fsdecode(index)
    try:
        entries = read_index(path, _HASH_SIZES[name]).entries
        written = os.stat(path).st_mtime_ns if entries else 0
    except ReadError as error:
        raise SourceError(f"{path}: {error.message}") from error
    by_path: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.mode != _GITLINK:
            by_path[entry.path].append(entry)
    edits = []
    for name_, versions in by_path.items():
        full = os.path.join(top, name_)
        try:
            if _is_edited(full, versions, written):
                edits.append(Edit(os.path.relpath(full), tuple(entry.oid for entry in versions)))
        except Declined as error:
            tally.declined.append(Problem(name_, error.message))
        except (FileNotFoundError, NotADirectoryError):
            continue  # deleted: nothing is added
        except OSError as error:
            tally.failed.append(Problem(name_, error.strerror or str(error)))
    return edits


def _is_edited(path: str, versions: list[Entry], written: int) -> bool:
    status = os.lstat(path)
    if stat.S_ISDIR(status.st_mode):
        return False
    first = versions[0]
    seconds, nanoseconds = divmod(status.st_mtime_ns, 10**9)
    same = (status.st_size & _WORD, seconds & _WORD) == (first.size, first.changed[0])
    # A git built without nanoseconds stores none. A file may change again within the tick in which the index was
    # written ("racy git"): whatever is as late counts as edited, and if it is not, its blob has the same secrets.
    if same and first.changed[1] in {0, nanoseconds} and len(versions) == 1 and status.st_mtime_ns < written:
        return False
    directory = os.path.dirname(path)
    if os.path.realpath(directory) != directory:
        raise Declined("it stands behind a symbolic link")
    return True
