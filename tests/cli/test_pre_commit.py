"""The hook as pre-commit installs and runs it, from a clone of this project."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from minting import mint
from repo import Repo

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A clone of this project with its files as they are now."""
    clone = tmp_path_factory.mktemp("clone") / "unleak"
    subprocess.run(["git", "clone", "-q", PROJECT, clone], check=True)
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    for name in filter(None, os.fsdecode(names).split("\0")):
        if (PROJECT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, clone / name)
    return clone


@pytest.fixture
def pre_commit(tmp_path, monkeypatch):
    """Runs pre-commit without a network: what the hook needs is what these tests run with."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", sysconfig.get_path("purelib"))
    monkeypatch.setenv("PIP_NO_DEPS", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip reads this one inverted

    def run(repo, *words):
        done = subprocess.run(
            [Path(sys.executable).with_name("pre-commit"), *words],
            cwd=repo.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
        )
        return done.returncode, done.stdout

    return run


def test_try_repo_blocks_a_token_lets_the_next_one_through_and_reads_all_files(project, pre_commit, tmp_path):
    if not (PROJECT / ".git").exists():
        pytest.skip("this is no git checkout, so there is nothing to clone: get one with git clone")
    Repo(project).commit("as it is now")
    repo = Repo(tmp_path / "r")
    repo.commit(readme="hello")
    repo.write("config.py", b"\nTOKEN = '" + mint(1) + b"'\n")
    repo.git("add", "-A")
    code, output = pre_commit(repo, "try-repo", str(project), "unleak", "--verbose")
    assert code == 1
    assert "config.py:2:10" in output
    assert mint(1).decode() not in output

    head = Repo(project).git("rev-parse", "HEAD")
    repo.write(
        ".pre-commit-config.yaml",
        f"repos:\n- repo: {project}\n  rev: {head}\n  hooks:\n"
        "  - id: unleak\n    verbose: true\n  - id: unleak-push\n    verbose: true\n",
    )
    assert pre_commit(repo, "install")[0] == 0
    repo.git("add", "-A")
    refused = subprocess.run(["git", "commit", "-m", "leak"], cwd=repo.path, capture_output=True, check=False)
    assert refused.returncode == 1
    assert b"config.py:2:10" in refused.stdout + refused.stderr

    repo.write("config.py", "TOKEN = os.environ['TOKEN']\n")
    repo.git("add", "-A")
    repo.git("commit", "-m", "read it from the environment")
    assert repo.git("log", "-1", "--format=%s") == "read it from the environment"

    repo.write("leaked.txt", mint(2))
    repo.git("add", "-A")
    repo.git("commit", "--no-verify", "-m", "got around it")
    code, output = pre_commit(repo, "run", "--all-files")
    assert code == 1
    assert "0 staged changes read" in output
    assert "4 files read whole, because nothing of them is staged" in output
    assert "leaked.txt:1:1" in output

    # A first push has no common past with the remote; the next one has two ends.
    Repo(tmp_path / "remote", "--bare")
    repo.git("remote", "add", "origin", str(tmp_path / "remote"))
    assert pre_commit(repo, "install", "--hook-type", "pre-push")[0] == 0
    for begun in (False, True):
        if begun:
            repo.git("push", "--no-verify", "origin", "HEAD~1:refs/heads/main")
        pushed = subprocess.run(["git", "push", "origin", "main"], cwd=repo.path, capture_output=True, check=False)
        output = pushed.stdout + pushed.stderr
        assert pushed.returncode == 1
        assert b"1 pushed ref read" in output
        assert b"leaked.txt:1:1  in commit" in output
        assert (b"config.py" in output) is False
