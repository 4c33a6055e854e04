"""What a range, a commit and the worktree add, as `unleak diff` reads them."""

import json
import os
import subprocess

import pytest
from minting import mint
from repo import Repo


@pytest.fixture
def repo(tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit(old=b"a line\n" + mint("old"), clean="nothing")
    return repo


@pytest.fixture
def places(unleak, repo):
    def run(*words, code=1, **options):
        result = unleak("diff", "--format", "jsonl", *words, cwd=options.pop("cwd", repo.path), **options)
        assert result.returncode == code, result.stderr
        records = [json.loads(line) for line in result.stdout.splitlines()]
        run.stderr = result.stderr
        return {
            (finding["redacted"][-4:].encode(), place["path"], place["line"])
            for finding in records[:-1]
            for place in finding["locations"]
        }

    return run


def test_a_range_is_what_one_end_has_and_the_other_has_not(repo, places):
    first = repo.git("rev-parse", "HEAD")
    repo.commit(gone=mint("gone"))
    (repo.path / "gone").unlink()
    repo.commit(kept=b"\n" + mint("kept"), old=b"moved\ndown\n" + mint("old"))
    assert places(f"{first}..HEAD") == {(mint("kept")[-4:], "kept", 2)}
    assert places(f"{first}..") == {(mint("kept")[-4:], "kept", 2)}
    assert b"2 changes read" in places.stderr
    assert places(f"HEAD..{first}", code=0) == set()


def test_three_dots_are_what_a_branch_adds_to_where_it_parted(repo, places):
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit(topic=mint("topic"))
    repo.git("checkout", "-q", "main")
    repo.commit(main=mint("main"))
    assert places("main...topic") == {(mint("topic")[-4:], "topic", 1)}
    assert places("topic..main") == {(mint("main")[-4:], "main", 1)}


def test_a_commit_is_what_it_adds_to_its_parent_and_the_first_to_nothing(repo, places):
    repo.commit(new=mint(1))
    repo.commit(new="gone again")
    assert places("HEAD~1") == {(mint(1)[-4:], "new", 1)}
    assert places("HEAD", code=0) == set()
    assert places("HEAD~2") == {(mint("old")[-4:], "old", 2)}
    repo.git("tag", "-a", "-m", "a tag", "v1", "HEAD~1")
    assert places("v1") == {(mint(1)[-4:], "new", 1)}


def test_a_merge_is_what_none_of_its_parents_has(repo, places):
    repo.git("checkout", "-q", "-b", "topic")
    repo.git("mv", "old", "renamed")
    repo.write("renamed", b"a line\n" + mint("old") + b"\n" + mint("topic"))
    repo.commit(topic="x")
    repo.git("checkout", "-q", "main")
    repo.commit(main=mint("main"))
    repo.git("merge", "-q", "--no-commit", "topic")
    repo.write("renamed", b"a line\n" + mint("old") + b"\n" + mint("topic") + b"\n" + mint("evil"))
    repo.commit("an evil merge")
    assert places("HEAD") == {(mint("evil")[-4:], "renamed", 4)}


def test_a_replaced_object_does_not_hide_what_is_stored(repo, places):
    commit = repo.commit(new=mint(1))
    repo.git("replace", repo.git("rev-parse", "HEAD:new"), repo.git("rev-parse", "HEAD:clean"))
    assert places(commit) == {(mint(1)[-4:], "new", 1)}


def test_no_setting_of_the_repository_hides_a_change(repo, places):
    for setting, value in {
        "diff.relative": "true",
        "diff.orderFile": os.devnull,
        "diff.ignoreSubmodules": "all",
        "diff.renames": "false",
        "color.diff": "always",
        "core.quotePath": "true",
        "diff.noprefix": "true",
    }.items():
        repo.git("config", setting, value)
    repo.git("mv", "old", "renamed")
    repo.write("d/keep", "x")
    repo.write("caf\u00e9", mint(1))
    repo.git("add", "-A")
    assert places(cwd=repo.path / "d") == {(mint(1)[-4:], "caf\u00e9", 1)}
    repo.commit()
    assert places("HEAD", cwd=repo.path / "d") == {(mint(1)[-4:], "caf\u00e9", 1)}
    assert places("HEAD~1..HEAD", cwd=repo.path / "d") == {(mint(1)[-4:], "caf\u00e9", 1)}


@pytest.mark.parametrize("revision", ["nowhere", "a..nowhere", "HEAD^{tree}"])
def test_what_git_does_not_know_is_one_line_and_2(unleak, repo, revision):
    result = unleak("diff", revision, cwd=repo.path)
    assert result.returncode == 2
    assert result.stderr.startswith(b"unleak: ")
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize("words", [("--staged", "HEAD"), ("--staged", "--unstaged"), ("HEAD", "--", "old")])
def test_one_kind_of_change_is_asked_for_at_a_time(unleak, repo, words):
    assert unleak("diff", *words, cwd=repo.path).returncode == 2


def test_unstaged_is_what_the_worktree_has_and_the_index_has_not(repo, places):
    repo.write("staged", mint("staged"))
    repo.git("add", "-A")
    repo.write("clean", b"\n\n" + mint(1))
    repo.write("old", b"moved\ndown\n" + mint("old") + b"\n" + mint(2))
    repo.write("untracked", mint("untracked"))
    (repo.path / "staged").unlink()
    assert places("--unstaged") == {(mint(1)[-4:], "clean", 3), (mint(2)[-4:], "old", 4)}
    repo.write("d/x", "x")
    assert places("--unstaged", cwd=repo.path / "d") == {
        (mint(1)[-4:], "../clean", 3),
        (mint(2)[-4:], "../old", 4),
    }


def test_an_edit_in_the_tick_of_the_index_is_seen(repo, places):
    repo.write("clean", b"x" * 40)
    repo.git("add", "-A")
    status = (repo.path / "clean").stat()
    repo.write("clean", mint(1))
    os.utime(repo.path / "clean", ns=(status.st_mtime_ns, status.st_mtime_ns))
    os.utime(repo.path / ".git/index", ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert places("--unstaged") == {(mint(1)[-4:], "clean", 1)}


def test_what_has_not_been_edited_is_not_read(repo, places):
    os.utime(repo.path / "old", ns=(0, 0))
    os.utime(repo.path / "clean", ns=(0, 0))
    repo.git("update-index", "--refresh")
    assert places("--unstaged", code=0) == set()
    assert b"0 files with unstaged changes read" in places.stderr


def test_in_an_unfinished_merge_both_sides_count_as_old(repo, places):
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit(clean=mint("theirs"))
    repo.git("checkout", "-q", "main")
    repo.commit(clean=mint("ours"))
    with pytest.raises(subprocess.CalledProcessError):
        repo.git("merge", "-q", "topic")
    assert places("--unstaged", code=0) == set()
    repo.write("clean", mint("ours") + mint("theirs") + mint("mine"))
    assert places("--unstaged") == {(mint("mine")[-4:], "clean", 1)}


def test_a_file_behind_a_link_is_not_followed(repo, tmp_path, places):
    repo.commit(**{"d/f": "x"})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/f").write_bytes(mint(1))
    (repo.path / "d/f").unlink()
    (repo.path / "d").rmdir()
    (repo.path / "d").symlink_to(tmp_path / "outside")
    assert places("--unstaged", code=0) == set()
    assert b"declined: d/f: it stands behind a symbolic link" in places.stderr
