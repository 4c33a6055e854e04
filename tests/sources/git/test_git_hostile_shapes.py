"""Shapes that no git makes: each is one thing that cannot be read, and hides nothing else."""

import os
import subprocess
import sys

import pytest
from gitscan import scan
from minting import mint
from repo import Repo


@pytest.fixture
def repo(tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit(leak=mint(1))
    return repo


def test_a_file_where_a_fan_out_directory_should_be_is_failed_and_named(repo):
    free = next(
        name for name in (f"{number:02x}" for number in range(256)) if not (repo.path / ".git/objects" / name).exists()
    )
    (repo.path / ".git/objects" / free).write_text("no directory")
    scanned = scan(repo.path)
    assert set(scanned.found) == {mint(1)}
    assert [(os.path.basename(path), reason) for path, reason in scanned.tally.failed] == [(free, "Not a directory")]


def test_an_author_whose_date_has_5000_digits_hides_nothing(repo):
    tree = repo.git("rev-parse", "HEAD^{tree}")
    raw = f"tree {tree}\nauthor A <a@b> {'9' * 5000} +0000\ncommitter A <a@b> 1 +0000\n\nold\n"
    oid = repo.git("hash-object", "-w", "-t", "commit", "--literally", "--stdin", stdin=raw.encode())
    scanned = scan(repo.path)
    assert {(place.commit, place.date != "") for place in scanned.found[mint(1)]} == {
        (repo.git("rev-parse", "HEAD"), True),
        (oid, False),
    }


def test_directories_deeper_than_pythons_stack_are_walked(repo, monkeypatch):
    # One at a time: the whole path is longer than the system takes at once.
    monkeypatch.chdir(repo.path / ".git/refs")
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
    with open("leak", "wb") as file:
        file.write(mint(2))
    monkeypatch.chdir(repo.path)
    found = scan(repo.path).found
    subprocess.run(["rm", "-r", repo.path / ".git/refs/d"], check=True)  # pytest's own cleaning would recurse
    assert mint(2) in found


@pytest.mark.parametrize("name", ["objects/info/alternates", "commondir"])
def test_a_path_with_a_nul_is_failed_and_the_worktree_is_read(repo, name, unleak):
    (repo.path / ".git" / name).write_bytes(b"a\0b\n")
    result = unleak("scan", str(repo.path))
    assert result.returncode == 5
    assert b"/leak:1:1" in result.stdout
    assert b"failed: " in result.stderr


@pytest.mark.parametrize(
    "line", [b"x = a" + b" " * 500_000 + b"b", b"[a" + b" " * 500_000 + b"b", b'[a "' + b"x" * 500_000]
)
def test_a_long_line_in_the_config_takes_no_time(repo, line):
    (repo.path / ".git/config").write_bytes(b"[core]\n" + line + b"\n")
    assert mint(1) in scan(repo.path).found


def test_an_author_line_of_a_million_digits_takes_no_time(repo):
    tree = repo.git("rev-parse", "HEAD^{tree}")
    raw = f"tree {tree}\nauthor A {'1' * 1_000_000} x\ncommitter A <a@b> 1 +0000\n\nold\n"
    repo.git("hash-object", "-w", "-t", "commit", "--literally", "--stdin", stdin=raw.encode())
    assert len(scan(repo.path).found[mint(1)]) == 2


def test_a_branch_or_a_hook_named_index_is_read_as_what_it_is(repo):
    repo.git("branch", "index")
    (repo.path / ".git/hooks/index").write_bytes(mint(2))
    scanned = scan(repo.path)
    assert set(scanned.found) == {mint(1), mint(2)}
    assert scanned.tally.failed == []


@pytest.mark.parametrize(
    "path", ["objects/notes.txt", "objects/pack/tmp_pack_abc", "objects/aa/short", "modules/x/config", "modules/secret"]
)
def test_a_foreign_file_among_the_objects_or_submodules_is_read(repo, path):
    file = repo.path / ".git" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(mint(2))
    assert {place.path for place in scan(repo.path).found[mint(2)]} == {path}


def test_a_tree_with_zero_padded_modes_still_tells_the_path(repo):
    blob = repo.git("rev-parse", "HEAD:leak")
    inner = b"0100644 leak\0" + bytes.fromhex(blob)

    def write(content, kind):
        return repo.git("hash-object", "-w", "-t", kind, "--literally", "--stdin", stdin=content)

    outer = write(b"040000 d\0" + bytes.fromhex(write(inner, "tree")), "tree")
    who = "A <a@b> 1 +0000"
    commit = write(f"tree {outer}\nauthor {who}\ncommitter {who}\n\nold tool\n".encode(), "commit")
    assert ("d/leak", commit) in {(place.path, place.commit) for place in scan(repo.path).found[mint(1)]}


def test_a_commit_that_is_stored_twice_counts_once(repo, tmp_path):
    head = repo.git("rev-parse", "HEAD")
    raw = repo.git("cat-file", "commit", head)
    before = len(scan(repo.path).found[mint(1)])
    loose = repo.path / ".git/objects" / head[:2] / head[2:]
    content = loose.read_bytes()
    repo.git("gc", "-q")
    assert raw and not loose.exists()
    loose.parent.mkdir(exist_ok=True)
    loose.write_bytes(content)
    assert len(scan(repo.path).found[mint(1)]) == before


# Everything is loaded by a first scan, because Python itself may be only root's to read.
SCAN_AS_NOBODY = """
import os, sys
from scanner.cli.main import main
main(["scan", sys.argv[1], "--jobs", "1", "-o", os.devnull, "-q"])
os.chmod(sys.argv[2], 0)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(main(["scan", sys.argv[1], "--jobs", "1"]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read: run this test as root")
@pytest.mark.parametrize("closed", ["objects/pack", "objects/fan-out", "file", "directory", "refs/heads"])
def test_what_may_not_be_read_is_failed_and_named_and_the_rest_is_found(tmp_path, closed):
    repo = Repo(tmp_path / "r")
    repo.commit(leak=mint(1))
    (tmp_path / "other").write_bytes(mint(2))
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    fan_out = next(name for name in sorted(os.listdir(repo.path / ".git/objects")) if len(name) == 2)
    place = {
        "objects/pack": repo.path / ".git/objects/pack",
        "objects/fan-out": repo.path / ".git/objects" / fan_out,
        "refs/heads": repo.path / ".git/refs/heads",
        "file": tmp_path / "file",
        "directory": tmp_path / "directory",
    }[closed]
    for parent in (tmp_path, *tmp_path.parents):
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCAN_AS_NOBODY, str(tmp_path), str(place)], capture_output=True, check=False
    )
    place.chmod(0o755)
    assert done.returncode == 5, done.stderr
    assert f"failed: {place}: Permission denied".encode() in done.stderr
    assert b"/other:1:1" in done.stdout
