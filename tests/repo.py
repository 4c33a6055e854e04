"""Real git repositories for tests."""

import os
import subprocess
from pathlib import Path


class Repo:
    """A repository that real git makes and fills."""

    def __init__(self, path, *options):
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *words, stdin=None, env=None):
        """Run git in the worktree and return what it prints, without the last line feed."""
        return (
            subprocess.run(
                ["git", *words],
                cwd=self.path,
                input=stdin or b"",  # git repack hands its own standard input to a child that reads it
                env={**os.environ, **(env or {})},
                capture_output=True,
                check=True,
            )
            .stdout.decode()
            .rstrip("\n")
        )

    def write(self, path, content):
        """Write a file of the worktree."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def commit(self, message="change", **files):
        """Write files, stage everything and commit; returns the commit's id. A name's double underscore is a dot."""
        for name, content in files.items():
            self.write(name.replace("__", "."), content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")
