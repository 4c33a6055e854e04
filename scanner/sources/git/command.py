"""The git command, started so that nothing of a repository's own can act.

No program that it names is run, nothing is fetched, and no object is taken for another. git is asked for what only it
knows well: what is staged, what a range of commits changes, what a push brings. History is scanned without it.
"""

import os
import subprocess
from functools import cache
from typing import Final

from scanner.errors import SourceError

# What a configuration can name a program in, of all that the commands here might look at. The command line outranks a
# repository's files and whatever they include.
_SETTINGS: Final = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.alternateRefsCommand=",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.askPass=",
    "core.gitProxy=",
    "credential.helper=",
    "diff.external=",
    "gpg.program=false",
    "log.showSignature=false",
    "protocol.allow=never",
    "submodule.recurse=false",
)
_COMMAND: Final = ("git", "--no-pager", *(word for setting in _SETTINGS for word in ("-c", setting)))
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "none",  # outranks the configuration, where protocol.ext.allow would outrank protocol.allow
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # what is stored and pushed is the object, and not what stands in for it here
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}


def git(*words: str, stdin: bytes = b"") -> bytes:
    """What a git command prints.

    Raises:
        SourceError: git is not installed, or has failed.
    """
    process = start(*words)
    output, errors = process.communicate(stdin)
    if process.returncode != 0:
        lines = errors.decode(errors="replace").strip().splitlines()
        reason = lines[0].removeprefix("fatal: ") if lines else f"exit code {process.returncode}"
        raise SourceError(f"git cannot read this here: {reason}", "Run it inside a repository, with revisions of it.")
    return output


def start(*words: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """A git command with pipes for stdin and stdout.

    The variables that git sets for a hook are honoured: the index of a partial commit, the quarantine of a push.

    Raises:
        SourceError: git is not installed.
    """
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen((*_COMMAND, *words), stdin=pipe, stdout=pipe, stderr=stderr, env=_environment())
    except FileNotFoundError:
        raise SourceError("git is not installed", "Install git, or scan files with 'unleak scan'.") from None


@cache
def worktree_top() -> str:
    """The top of the worktree that this directory is in.

    Raises:
        SourceError: It is in none.
    """
    return os.fsdecode(git("rev-parse", "--show-toplevel").removesuffix(b"\n"))


@cache
def repository_path() -> str:
    """What people call the repository of this directory: the top of its worktree, or its git directory.

    Raises:
        SourceError: There is none.
    """
    try:
        return worktree_top()
    except SourceError:
        # A bare one; or a hook of a push, which git runs inside the git directory.
        return os.fsdecode(git("rev-parse", "--absolute-git-dir").removesuffix(b"\n"))


def _environment() -> dict[str, str]:
    return os.environ | _ENVIRONMENT
