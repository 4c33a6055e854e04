"""A repository's hooks: where they are, unleak's among them, and the ones that were there before (githooks(5)).

A hook that is already there is kept under another name and called after unleak's own check, with the same arguments and
the same input, so that none of the two goes missing.
"""

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from scanner.errors import SourceError
from scanner.sources.git.command import git, repository_path

NAMES: Final = ("pre-commit", "pre-push", "pre-receive", "post-receive")
"""The hooks that unleak knows."""

_MARK: Final = "# Installed by unleak."
_EARLIER: Final = ".before-unleak"

# An absolute interpreter, whatever PATH a hook gets. Without -P and -E a folder scanner/ or a sitecustomize.py in the
# repository could be imported, from the current directory or by an empty entry in PYTHONPATH.
_WORDS: Final = ("-P", "-E", "-c", "from scanner.cli.main import run; run()", "hook", "run")

_HEAD: Final = """\
#!/bin/sh
{mark} 'unleak hook uninstall {name}' brings back what was here before.
unleak() {{ {command} -- "$@"; }}
earlier="$(dirname -- "$0")/{name}{earlier}"
"""

# Whatever goes wrong, the interpreter gone included, is no success: git stops.
_WITHOUT_INPUT: Final = """\
unleak "$@" || exit 1
if [ -x "$earlier" ]; then exec "$earlier" "$@"; fi
"""
_WITH_INPUT: Final = """\
input=$(cat) || exit 1
lines() { [ -z "$input" ] || printf '%s\\n' "$input"; }
lines | unleak "$@" || exit 1
if [ -x "$earlier" ]; then lines | "$earlier" "$@"; fi
"""

# The push is over when this one runs.
_AFTERWARDS: Final = """\
input=$(cat)
lines() { [ -z "$input" ] || printf '%s\\n' "$input"; }
lines | unleak "$@" || :
if [ -x "$earlier" ]; then lines | "$earlier" "$@"; fi
exit 0
"""


def install(name: str, options: Sequence[str] = ()) -> str:
    """Put unleak's hook in place; again, if it is there.

    Args:
        name: One of ``NAMES``.
        options: What ``unleak hook run NAME`` is called with.

    Returns:
        The hook's path.

    Raises:
        SourceError: This is no repository, the directory of its hooks cannot be used, or there is a hook and also an
            earlier one that would have to make room for it.
    """
    directory = hooks_directory()
    path, earlier = os.path.join(directory, name), os.path.join(directory, name + _EARLIER)
    unfinished = f"{path}.{os.getpid()}"
    try:
        os.makedirs(directory, exist_ok=True)
        if os.path.lexists(path) and not _is_ours(path):
            if os.path.lexists(earlier):
                raise SourceError(
                    f"{path}: there is a hook, and {earlier} is there as well", "Move one of the two out of the way."
                )
            os.link(path, earlier, follow_symlinks=False)
        with open(unfinished, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(_script(name, options))
        os.chmod(unfinished, 0o755)  # noqa: S103 - as git makes its own: each committer of a shared repository runs it
        os.replace(unfinished, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(unfinished)
        raise SourceError(f"{path}: cannot install the hook: {error.strerror}") from error
    return path


def uninstall(name: str) -> str | None:
    """Take unleak's hook away, and put back the one that was there before.

    Returns:
        The hook's path, or None where unleak has none.

    Raises:
        SourceError: This is no repository, or its hooks cannot be changed.
    """
    path = os.path.join(hooks_directory(), name)
    if not _is_ours(path):
        return None
    try:
        if os.path.lexists(path + _EARLIER):
            os.replace(path + _EARLIER, path)
        else:
            os.unlink(path)
    except OSError as error:
        raise SourceError(f"{path}: cannot take the hook away: {error.strerror}") from error
    return path


def hooks_directory() -> str:
    """Where git looks for the hooks of the repository of this directory: ``core.hooksPath``, or its own ``hooks``.

    Raises:
        SourceError: There is no repository.
    """
    # The last value is the one with which git is kept from running hooks here.
    values = git("config", "--type=path", "--null", "--get-all", "core.hooksPath").split(b"\0")[:-2]
    if values:
        return os.path.join(repository_path(), os.fsdecode(values[-1]))
    common = os.fsdecode(git("rev-parse", "--git-common-dir").removesuffix(b"\n"))
    return os.path.join(os.path.abspath(common), "hooks")


def _is_ours(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return _MARK.encode() in file.read(len(_HEAD))
    except OSError:
        return False


def _script(name: str, options: Sequence[str]) -> str:
    if not sys.executable:
        raise SourceError("the path of the Python interpreter is unknown, so a hook could not call it")
    command = shlex.join([os.path.abspath(sys.executable), *_WORDS, name, *options])
    rest = {"pre-commit": _WITHOUT_INPUT, "post-receive": _AFTERWARDS}.get(name, _WITH_INPUT)
    return _HEAD.format(mark=_MARK, name=name, command=command, earlier=_EARLIER) + rest
