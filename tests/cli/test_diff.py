import json
import os
import subprocess
import sys

import pytest
from minting import mint
from repo import Repo


@pytest.fixture
def repo(tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit(old=mint("old"), clean="nothing")
    return repo


def diff(unleak, repo, *words, **options):
    result = unleak("diff", "--format", "jsonl", *words, cwd=repo.path, **options)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    places = {
        (finding["redacted"][-4:].encode(), place["path"], place["line"], place["column"])
        for finding in records[:-1]
        for place in finding["locations"]
    }
    return result, places


def test_nothing_staged_is_clean_and_says_so(unleak, repo):
    result, places = diff(unleak, repo)
    assert (result.returncode, places) == (0, set())
    assert b"0 staged changes read" in result.stderr


def test_a_staged_token_blocks_and_is_named_by_file_and_line_and_not_printed(unleak, repo):
    repo.write("src/new.py", b"\n\nx = '" + mint(1) + b"'\n")
    repo.git("add", "-A")
    result = unleak("diff", "--staged", cwd=repo.path)
    assert result.returncode == 1
    assert b"src/new.py:3:6" in result.stdout
    assert mint(1) not in result.stdout + result.stderr
    assert b"1 staged change read" in result.stderr


def test_what_counts_is_the_index_and_not_the_worktree(unleak, repo):
    repo.write("a", mint(1))
    repo.git("add", "a")
    repo.write("a", "cleaned up since")
    repo.write("b", mint(2))
    _, places = diff(unleak, repo)
    assert places == {(mint(1)[-4:], "a", 1, 1)}


def test_only_what_the_old_side_has_not_counts(unleak, repo):
    repo.write("old", b"moved down\n" + mint("old") + b"\n" + mint(1))
    repo.git("add", "-A")
    _, places = diff(unleak, repo)
    assert places == {(mint(1)[-4:], "old", 3, 1)}


def test_a_renamed_file_brings_nothing_new(unleak, repo):
    repo.git("mv", "old", "renamed")
    result, places = diff(unleak, repo)
    assert (result.returncode, places) == (0, set())


def test_a_deleted_file_and_a_mode_change_bring_nothing(unleak, repo):
    repo.git("rm", "-q", "clean")
    repo.git("update-index", "--chmod=+x", "old")
    assert diff(unleak, repo)[0].returncode == 0


def test_the_first_commit_of_a_repository_is_checked_too(unleak, tmp_path):
    repo = Repo(tmp_path / "unborn")
    repo.write("a", mint(1))
    repo.git("add", "a")
    assert diff(unleak, repo)[1] == {(mint(1)[-4:], "a", 1, 1)}


@pytest.mark.parametrize("name", [b"new\nline", b"tab\there", b"caf\xe9", b'quo"te', b" space ", b"-dash", b"a b"])
def test_odd_names_are_read(unleak, repo, name):
    (repo.path / os.fsdecode(name)).write_bytes(mint(1))
    repo.git("add", "-A")
    result, places = diff(unleak, repo)
    assert result.returncode == 1
    assert {path for _, path, *_ in places} == {name.decode(errors="replace")}


def test_a_links_target_and_a_submodule_are_no_trouble(unleak, repo, tmp_path):
    (repo.path / "link").symlink_to(mint(1).decode())
    Repo(repo.path / "sub").commit(a=mint(2))
    repo.git("-c", "advice.addEmbeddedRepo=false", "add", "-A")
    assert diff(unleak, repo)[1] == {(mint(1)[-4:], "link", 1, 1)}


def test_a_partial_commit_is_checked_by_the_index_that_git_names(unleak, repo):
    repo.write("a", mint(1))
    index = repo.path / ".git" / "partial"
    env = {"GIT_INDEX_FILE": str(index)}
    repo.git("read-tree", "HEAD", env=env)
    repo.git("add", "a", env=env)
    assert diff(unleak, repo)[1] == set()
    assert diff(unleak, repo, env=env)[1] == {(mint(1)[-4:], "a", 1, 1)}


def test_a_long_blob_is_read_to_its_end(unleak, repo):
    repo.write("long", b"0123456789abcdef" * 200_000 + b"\n" + mint(1))
    repo.write("old", b"x" * 3_000_000 + mint("old") + mint(2))
    repo.git("add", "-A")
    assert diff(unleak, repo)[1] == {(mint(1)[-4:], "long", 2, 1), (mint(2)[-4:], "old", 1, 3_000_041)}


def test_files_in_which_nothing_is_staged_are_read_whole_and_it_is_said(unleak, repo):
    repo.write("staged", mint(1))
    repo.git("add", "staged")
    result, places = diff(unleak, repo, "--staged", "--", "staged", "old", "clean")
    assert places == {(mint(1)[-4:], "staged", 1, 1), (mint("old")[-4:], "old", 1, 1)}
    assert b"1 staged change read" in result.stderr
    assert b"2 files read whole, because nothing of them is staged" in result.stderr


def test_files_are_named_from_the_directory_of_the_call(unleak, repo):
    repo.write("d/staged", mint(1))
    repo.git("add", "-A")
    result = unleak("diff", "--", "staged", "../old", cwd=repo.path / "d")
    assert result.returncode == 1
    assert b"1 file read whole" in result.stderr


def test_an_object_that_git_has_not_is_failed_and_named(unleak, repo):
    repo.write("a", mint(1))
    repo.git("add", "a")
    repo.write("gone", "gone")
    repo.git("add", "gone")
    oid = repo.git("rev-parse", ":gone")
    (repo.path / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    result, places = diff(unleak, repo)
    assert result.returncode == 5
    assert places == {(mint(1)[-4:], "a", 1, 1)}
    assert b"failed: gone: object " in result.stderr


def test_outside_a_worktree_it_is_one_line_and_2(unleak, tmp_path):
    result = unleak("diff", "--staged", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith(b"unleak: git cannot read this here: ")


def test_a_folder_named_scanner_in_the_repository_is_not_imported(unleak, repo):
    for name in ("scanner/__init__.py", "sitecustomize.py", "argparse.py"):
        repo.write(name, "raise SystemExit('imported')")
    repo.git("add", "-A")
    assert diff(unleak, repo)[0].returncode == 0


SPY = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, sep="\\n"))
from scanner.cli.main import run
run()
"""

HEAVY = {
    "aiofiles", "asyncio", "concurrent.futures", "dulwich", "git", "hashlib", "httpx", "importlib.resources", "isal",
    "logging", "msgspec", "multiprocessing", "nacl", "numpy", "platformdirs", "regex", "rich", "scanner.audit",
    "scanner.http", "scanner.ledger", "scanner.revoke", "scanner.sandbox", "sqlalchemy", "stamina", "starlette",
    "uvicorn",
}  # fmt: skip


def loaded_by(repo, *argv):
    """What a command has imported when it ends, and what it ends with."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    words = [sys.executable, "-P", "-c", SPY, *argv]
    done = subprocess.run(words, cwd=repo.path, env=env, capture_output=True, check=False)
    return set(done.stdout.decode().split()), done.returncode


@pytest.mark.parametrize("argv", [("diff", "--staged"), ("--version",)])
def test_the_hook_imports_nothing_that_it_does_not_need(repo, argv):
    repo.write("a", "a clean change")
    repo.git("add", "-A")
    loaded, code = loaded_by(repo, *argv)
    assert (code, "scanner.cli.main" in loaded) == (0, True)
    assert loaded & HEAVY == set()


def test_the_spy_sees_what_a_hit_needs(repo):
    repo.write("a", mint(1))
    repo.git("add", "-A")
    loaded, code = loaded_by(repo, "diff")
    assert (code, loaded & HEAVY) == (1, {"hashlib", "regex"})
