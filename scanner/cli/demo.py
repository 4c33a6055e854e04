"""Walk the whole path on a throwaway repository, against the sandbox: scan, queue, dry run, submit, verify.

It makes fresh tokens that belong to nobody, and sends them to a stand-in for GitHub's API on this machine. Each
ordinary command is printed as it is run.
"""

import os
import random
import re
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import patterns
from scanner.errors import Exit, SourceError, UnleakError

# The command as it is installed here, whatever the directory: -P keeps a folder ``scanner`` in it from being imported.
_UNLEAK: Final = (sys.executable, "-P", "-c", "from scanner.cli.main import run; run()")

_IDENTITY: Final = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "Demo"), ("EMAIL", "demo@example.com"))
}
_TIMEOUT: Final = 60  # seconds for any one command; all of them together take a few


def configure(parser: ArgumentParser) -> None:
    """It has no arguments of its own."""
    del parser


def run(args: Namespace) -> Exit:
    """Run the demo in a temporary directory that is gone afterwards."""
    del args
    with tempfile.TemporaryDirectory(prefix="unleak-demo-") as directory:
        place = Path(directory)
        repository = place / "repository"
        _make_repository(repository)
        with _sandbox() as url:
            _Session(repository, place / "state").walk(url)
    _say("That was the sandbox: nothing has left this machine, and the tokens were nobody's.")
    return Exit.CLEAN


class _Session:
    def __init__(self, repository: Path, state: Path) -> None:
        self._repository = repository
        settings = {name: value for name, value in os.environ.items() if not name.startswith("UNLEAK_")}
        self._environment = settings | {"UNLEAK_STATE_DIR": str(state)}

    def walk(self, url: str) -> None:
        _say(f"A throwaway repository: {self._repository}")
        _say("One token stands in a file, one was deleted again by a later commit, one is only staged.")
        sys.stdout.write(
            f"\n$ cd {self._repository}\n$ export UNLEAK_STATE_DIR={self._environment['UNLEAK_STATE_DIR']}\n"
        )
        self._step("A pre-commit hook would stop the staged one:", "diff", "--staged", expect=Exit.FINDINGS)
        self._step("A scan reads every object of the history, too:", "scan", "--queue", expect=Exit.FINDINGS)
        plan = _plan_id(self._step("What would be submitted. Nothing is sent yet:", "revoke"))
        self._step(
            "Send exactly that, to the sandbox instead of GitHub:",
            *("revoke", "--execute", "--yes", "--plan", plan, "--api-url", url),
        )
        self._step("What the ledger says now. The tokens are wiped from it:", "ledger", "list")
        self._step("And the record of it holds together:", "audit", "verify")

    def _step(self, why: str, *words: str, expect: Exit = Exit.CLEAN) -> str:
        _say(why)
        sys.stdout.write(f"$ unleak {shlex.join(words)}\n")
        sys.stdout.flush()
        done = subprocess.run(
            (*_UNLEAK, *words),
            cwd=self._repository,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
        sys.stdout.write(done.stdout)
        if done.returncode != expect:
            raise UnleakError(f"'unleak {words[0]}' ended with {done.returncode} instead of {int(expect)}")
        return done.stdout


def _plan_id(output: str) -> str:
    found = re.search(r"^plan (\S+):", output, re.MULTILINE)
    if found is None:
        raise UnleakError("'unleak revoke' showed no plan")
    return found[1]


def _make_repository(path: Path) -> None:
    """Three commits and something staged, with three fresh tokens."""
    rng = random.Random(secrets.randbits(64))  # noqa: S311 - the tokens guard nothing
    kinds = {pattern.id: pattern for pattern in patterns.builtin()}
    deployed, settings, new = (
        _mint(kinds[name], rng) for name in ("github-pat-classic", "github-oauth", "github-pat-fine-grained")
    )
    path.mkdir()
    _git(path, "init", "--quiet")
    (path / "deploy.sh").write_text(
        f"curl -H 'Authorization: Bearer {deployed}' https://api.github.com/user\n", "utf-8"
    )
    _commit(path, "Deploy from CI", 3)
    (path / "settings.py").write_text(f"GITHUB_TOKEN = '{settings}'\n", "utf-8")
    _commit(path, "Add settings", 2)
    (path / "settings.py").unlink()
    _commit(path, "Remove settings, nobody saw them", 1)
    (path / "notes.txt").write_text(f"the new one: {new}\n", "utf-8")
    _git(path, "add", "notes.txt")


def _mint(pattern: patterns.Pattern, rng: random.Random) -> str:
    return pattern.example(rng).decode()


def _commit(path: Path, message: str, minutes_ago: int) -> None:
    date = f"@{int(time.time()) - 60 * minutes_ago} +0000"
    _git(path, "add", "--all")
    _git(path, "commit", "--quiet", "--message", message, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)


def _git(path: Path, *words: str, **variables: str) -> None:
    # Whoever runs this may sign commits, or have hooks for all repositories: not here.
    settings = ("-c", "commit.gpgSign=false", "-c", "core.hooksPath=/dev/null", "-c", "init.defaultBranch=main")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= _IDENTITY | variables
    command = ("git", *settings, *words)
    try:
        subprocess.run(command, cwd=path, env=environment, check=True, capture_output=True, timeout=_TIMEOUT)
    except FileNotFoundError:
        raise SourceError("git is not installed", "Install git: the demo makes a repository with it.") from None
    except subprocess.CalledProcessError as error:
        raise SourceError(f"git {words[0]}: {error.stderr.decode(errors='replace').strip()}") from error


@contextmanager
def _sandbox() -> Iterator[str]:
    from scanner.sandbox import running  # noqa: PLC0415 - Starlette and uvicorn are an extra

    with running() as sandbox:
        yield sandbox.url
        sent = [one for one in sandbox.received if one.method == "POST"]
    _say(f"The sandbox has received {sum(one.credentials for one in sent)} tokens in {len(sent)} request.")


def _say(text: str) -> None:
    sys.stdout.write(f"\n# {text}\n")
    sys.stdout.flush()
