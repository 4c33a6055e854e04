"""What is staged: the blobs of the index that differ from HEAD, read through git, and nothing of its config run."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import IO, Final, Self

from scanner.errors import ReadError, SourceError
from scanner.finding import Chunk
from scanner.sources.windows import BUFFER_SIZE, windows

# A repository's own configuration may name programs: none of these is run, and nothing is fetched.
_SAFE: Final = (
    "git",
    "--no-pager",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.alternateRefsCommand=",
    "-c",
    "protocol.allow=never",
)
_SAFE_ENVIRONMENT: Final = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}

_GITLINK: Final = "160000"
_ABSENT: Final = "0"  # an object id of nothing but zeros: there is no such side


@dataclass(frozen=True, slots=True)
class Change:
    """A path whose content a change makes or alters.

    Attributes:
        path: From the top of the worktree, in ``os.fsdecode``'s form.
        new: The blob's id in hex.
        old: The id of the blob that stood there, or at the place that it was renamed from; None if there was none.
    """

    path: str
    new: str
    old: str | None


def staged() -> tuple[Change, ...]:
    """What the next commit would add or alter, in the repository of this directory.

    The variables that git sets for a hook, ``GIT_INDEX_FILE`` for a partial commit among them, are honoured.

    Raises:
        SourceError: This is no worktree, git is not installed, or it cannot read the index.
    """
    # Raw output names blobs, so no text conversion, external diff or filter has a part in it.
    words = ("diff", "--cached", "--raw", "-z", "--no-abbrev", "-M", "--no-ext-diff", "--no-textconv")
    listing = _git(*words, "--ignore-submodules=all", "--diff-filter=AMRCT")
    return tuple(_parse(listing))


@cache
def worktree_top() -> str:
    """The top of the worktree that this directory is in.

    Raises:
        SourceError: It is in none.
    """
    return os.fsdecode(_git("rev-parse", "--show-toplevel").removesuffix(b"\n"))


class Blobs:
    """Reads blobs through one ``git cat-file`` process. Use it as a context."""

    def __enter__(self) -> Self:
        self._process = _start("cat-file", "--batch", stderr=subprocess.DEVNULL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stdin.close()
        if kind is not None:
            self._process.kill()
        self._stdout.close()
        self._process.wait()

    def read(self, oid: str, item: object = None) -> Iterator[Chunk]:
        """The chunks of a blob. They must be read to the end before another blob is asked for.

        Args:
            oid: The blob's id in hex.
            item: What the chunks carry as theirs.

        Raises:
            ReadError: git does not have it.
        """
        self._stdin.write(oid.encode() + b"\n")
        self._stdin.flush()
        header = self._stdout.readline().split()
        if len(header) != 3:
            raise ReadError(f"object {oid} cannot be read: {(header[-1:] or [b'git died'])[0].decode()}")
        size = left = int(header[2])

        def read_into(view: memoryview) -> int:
            nonlocal left
            count = self._stdout.readinto(view[: min(len(view), left)])  # type: ignore[attr-defined]
            left -= count
            return int(count)

        for window, offset, more in windows(read_into, bytearray(min(BUFFER_SIZE, size + 1)), size):
            yield Chunk(window, item, offset, more)
        self._stdout.read(1)  # the line feed behind the content

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout


def _parse(listing: bytes) -> Iterator[Change]:
    # ":oldmode newmode oldoid newoid status\0path\0", and for a rename "…\0oldpath\0newpath\0".
    fields = iter(listing.split(b"\0"))
    for field in fields:
        if not field:
            return
        _, new_mode, old, new, status = field.decode().removeprefix(":").split(" ")
        path = next(fields)
        if status[0] in "RC":
            path = next(fields)
        if new_mode != _GITLINK:
            yield Change(os.fsdecode(path), new, None if not old.strip(_ABSENT) else old)


def _git(*words: str) -> bytes:
    process = _start(*words)
    output, errors = process.communicate()
    if process.returncode != 0:
        lines = errors.decode(errors="replace").strip().splitlines()
        reason = lines[0].removeprefix("fatal: ") if lines else f"exit code {process.returncode}"
        raise SourceError(
            f"git cannot read what is staged here: {reason}", "Run it inside the worktree of a repository."
        )
    return output


def _start(*words: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    environment = os.environ | _SAFE_ENVIRONMENT
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen((*_SAFE, *words), stdin=pipe, stdout=pipe, stderr=stderr, env=environment)
    except FileNotFoundError:
        raise SourceError("git is not installed", "Install git, or scan files with 'unleak scan'.") from None
