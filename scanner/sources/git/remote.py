"""Clones of remote repositories, by GitPython: the only thing that it is used for.

A clone is a bare mirror: every ref that the server shows, no worktree, and so no filter, no submodule, no hook. It is
made in a directory of its own, out of reach of whatever repository one happens to stand in.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from scanner.errors import SourceError, UsageError

_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:(?!//)|[\w-]+::", re.IGNORECASE)

# Of git's transports those that run no program that the address names, as ext:: does. They outrank any configuration.
_PROTOCOLS: Final = "file:git:http:https:ssh"
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": "/dev/null",
    "GIT_CONFIG_KEY_1": "core.fsmonitor",
    "GIT_CONFIG_VALUE_1": "false",
}


def is_url(target: str) -> bool:
    """Whether a target is the address of a repository elsewhere: with a scheme, or as ``user@host:path``."""
    return _URL.match(target) is not None


def clone(url: str, directory: str) -> None:
    """Make a bare mirror of a repository.

    Args:
        url: Its address. For credentials git asks the helpers of the user's own configuration.
        directory: Where to: an empty directory.

    Raises:
        SourceError: It cannot be cloned, or git is not installed.
        UsageError: There is a password in the address.
    """
    if "://" in url and urlsplit(url).password is not None:
        raise UsageError("a password in an address is seen by everyone", "Leave it to a credential helper of git's.")
    try:
        from git import Git, GitCommandError, GitCommandNotFound  # noqa: PLC0415 - 70 ms
    except ImportError as error:
        raise SourceError("git is not installed", "Install git, or scan files with 'unleak scan'.") from error
    try:
        Git(directory).clone("--mirror", "--quiet", "--template=", "--", url, directory, env=_ENVIRONMENT)
    except GitCommandNotFound as error:
        raise SourceError("git is not installed", "Install git, or scan files with 'unleak scan'.") from error
    except GitCommandError as error:
        raise SourceError(f"{url}: cannot be cloned: {_reason(str(error.stderr))}") from error


def _reason(stderr: str) -> str:
    said = [line.strip(" '") for line in stderr.splitlines() if line.strip(" '")]
    named = [line for line in said if "fatal: " in line]
    return (named or said or ["git has failed"])[0].rpartition("fatal: ")[2]
