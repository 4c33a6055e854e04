"""Where a repository keeps its things: git directory, common directory, object stores, object format.

Read directly, without any git process, so that nothing in a repository's configuration can act. Formats:
gitrepository-layout(5), git-config(1), Documentation/technical/hash-function-transition.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from scanner.errors import SourceError

# Enough for any honest file of these kinds; a hostile one shall not fill the memory.
_MOST: Final = 1 << 20

_HASH_SIZES: Final = {b"sha1": 20, b"sha256": 32}
_SECTION: Final = re.compile(rb'\s*+\[\s*+([-.\w]++)\s*+(?:"((?:[^"\\]|\\.)*+)")?\s*+\](.*)', re.DOTALL)
_VARIABLE: Final = re.compile(rb"\s*([A-Za-z][-\w]*)\s*(?:=\s*(.*))?", re.DOTALL)
_ESCAPE: Final = re.compile(rb'\\([0-7]{3}|[abfnrtv"\\])')
_ESCAPES: Final = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository, as its files stand.

    Attributes:
        path: What people call it: the top of its worktree, or its git directory where it has none.
        git_dir: Its own git directory: index and HEAD.
        common_dir: What it shares with its linked worktrees: objects, refs, config. Often the same directory.
        worktree: The top of its worktree, or None for a bare one.
        object_dirs: Its object directory and then those that it borrows from, in git's order.
        lost_alternates: Directories that it would borrow from and that are not there.
        hash_size: Bytes in an object id: 20 for SHA-1, 32 for SHA-256.
        shallow: Whether its history was cut off by ``clone --depth``.
        partial: Whether objects may be missing because a remote promised them.
    """

    path: str
    git_dir: str
    common_dir: str
    worktree: str | None
    object_dirs: tuple[str, ...]
    lost_alternates: tuple[str, ...]
    hash_size: int
    shallow: bool
    partial: bool

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The repository whose worktree, git directory or bare directory this is.

        Raises:
            SourceError: There is none, it cannot be read, or its object format is unknown.
        """
        path = os.fspath(path)
        try:
            git_dir, worktree = _git_dir(path)
            common_dir = _common_dir(git_dir)
            config = dict(_config(_read(os.path.join(common_dir, "config"))))
            found, lost = _object_dirs(os.path.join(common_dir, "objects"))
        except (OSError, ValueError) as error:  # a path in a file may hold a NUL
            raise SourceError(f"{path}: cannot read the repository: {error}") from error
        name = config.get(b"extensions.objectformat", b"sha1").lower()
        if name not in _HASH_SIZES:
            raise SourceError(f"{path}: unknown object format {name.decode(errors='replace')!r}")
        partial = b"extensions.partialclone" in config or any(_is_promised(directory) for directory in found)
        return cls(
            path=worktree or git_dir,
            git_dir=git_dir,
            common_dir=common_dir,
            worktree=worktree,
            object_dirs=found,
            lost_alternates=lost,
            hash_size=_HASH_SIZES[name],
            shallow=os.path.exists(os.path.join(common_dir, "shallow")),
            partial=partial,
        )

    @property
    def identity(self) -> str:
        """The same for a repository and all its linked worktrees, whatever path led there."""
        return os.path.realpath(self.common_dir)

    def packs(self) -> list[str]:
        """Paths of the packs, without their suffix, in a fixed order."""
        return [
            os.path.join(directory, "pack", name[: -len(".pack")])
            for directory in self.object_dirs
            for name in sorted(_names(os.path.join(directory, "pack")))
            if name.endswith(".pack")
        ]

    def git_dirs(self) -> list[str]:
        """The common directory, and the git directories of linked worktrees: each may have an index."""
        linked = os.path.join(self.common_dir, "worktrees")
        return [self.common_dir, *(os.path.join(linked, name) for name in sorted(_names(linked)))]


def is_repository(path: str) -> bool:
    """Whether a directory is a git directory or a bare repository, by the three things that git asks for."""
    return (
        os.path.isdir(os.path.join(path, "objects"))
        and os.path.isdir(os.path.join(path, "refs"))
        and os.path.lexists(os.path.join(path, "HEAD"))
    )


def submodules(repository: Repository) -> Iterator[Repository]:
    """The repositories that a repository keeps for its submodules, theirs included."""
    directory = os.path.join(repository.common_dir, "modules")
    # A submodule's name may have slashes, so that its directory is not always the first.
    waiting = [directory]
    while waiting:
        directory = waiting.pop()
        for name in sorted(_names(directory)):
            path = os.path.join(directory, name)
            if os.path.islink(path) or not os.path.isdir(path):
                continue
            if is_repository(path):
                repository = Repository.open(path)
                yield repository
                waiting.append(os.path.join(repository.common_dir, "modules"))
            else:
                waiting.append(path)


def _git_dir(path: str) -> tuple[str, str | None]:
    inner = os.path.join(path, ".git")
    if is_repository(inner):
        return inner, path
    if os.path.isfile(inner):
        line = _read(inner).rstrip(b"\r\n")
        if not line.startswith(b"gitdir: "):
            raise SourceError(f"{inner}: not a git file")
        git_dir = os.path.normpath(os.path.join(path, os.fsdecode(line[8:])))
        if not os.path.isdir(git_dir):
            raise SourceError(f"{inner}: points to {git_dir}, which is not there")
        return git_dir, path
    if is_repository(path):
        top, name = os.path.split(os.path.abspath(path))
        return path, top if name == ".git" else None
    raise SourceError(f"{path}: not a git repository")


def _common_dir(git_dir: str) -> str:
    pointer = _read(os.path.join(git_dir, "commondir")).rstrip(b"\r\n")
    return os.path.normpath(os.path.join(git_dir, os.fsdecode(pointer))) if pointer else git_dir


def _object_dirs(first: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    seen: set[str] = set()
    found: list[str] = []
    lost: list[str] = []
    waiting = [first]
    while waiting:
        directory = waiting.pop(0)
        real = os.path.realpath(directory)
        if real in seen:
            continue
        seen.add(real)
        if not os.path.isdir(directory):
            lost.append(directory)
            continue
        found.append(directory)
        for raw in _read(os.path.join(directory, "info", "alternates")).split(b"\n"):
            if raw and not raw.startswith(b"#"):
                line = unescape(raw[1:-1]) if raw.startswith(b'"') and raw.endswith(b'"') else raw
                waiting.append(os.path.normpath(os.path.join(directory, os.fsdecode(line))))
    return tuple(found), tuple(lost)


def _config(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of ``section.key`` in lower case and value. As git does for extensions, includes are not followed."""
    section = b""
    for line in content.replace(b"\\\n", b"").splitlines():
        rest = line
        if found := _SECTION.fullmatch(line):
            section = found[1].lower() + (b"." + found[2] if found[2] is not None else b"")
            rest = found[3]
        if rest.lstrip()[:1] not in {b"", b"#", b";"} and (found := _VARIABLE.fullmatch(rest)):
            value = b"true" if found[2] is None else re.split(rb"[#;]", found[2], maxsplit=1)[0].strip()
            yield section + b"." + found[1].lower(), value.strip(b'"')


def unescape(text: bytes) -> bytes:
    """What stands between the quotes of a name that git has quoted."""
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1]) or _literal(found[1]), text)


def _literal(code: bytes) -> bytes:
    return bytes([int(code, 8) & 255]) if len(code) == 3 else code


def _is_promised(directory: str) -> bool:
    return any(name.endswith(".promisor") for name in _names(os.path.join(directory, "pack")))


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []  # what should be there and cannot be listed is counted when the git directory is read


def _read(path: str) -> bytes:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(_MOST)
    except (FileNotFoundError, NotADirectoryError):
        return b""
