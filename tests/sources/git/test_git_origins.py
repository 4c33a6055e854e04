import os

import pytest
from gitscan import scan
from minting import mint
from repo import Repo

from scanner.finding import CommitLocation, Exposure, GitLocation, Position


@pytest.fixture
def repo(tmp_path):
    return Repo(tmp_path / "r")


def commits(result, token):
    return sorted((place.commit, place.path) for place in result.found[token])


@pytest.fixture(params=["loose", "packed"])
def stored(request):
    """Leaves a repository's objects loose, or packs all of them, unreachable ones too."""

    def store(repo):
        if request.param == "packed":
            every = repo.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
            repo.git("pack-objects", "-q", ".git/objects/pack/pack", stdin=every.encode() + b"\n")
            repo.git("prune-packed", "-q")
            assert not list((repo.path / ".git" / "objects").glob("[0-9a-f][0-9a-f]/*"))

    return store


def test_a_token_deleted_from_history_has_its_commit_path_line_author_and_date(repo, stored):
    token = mint("deleted")
    repo.write("src/deep/x.py", b"first\n  key = " + token + b"\n")
    when = {"GIT_AUTHOR_DATE": "1700000000 +0530", "GIT_AUTHOR_NAME": "Zoë"}
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "leak", env=when)
    leak = repo.git("rev-parse", "HEAD")
    blob = repo.git("rev-parse", "HEAD:src/deep/x.py")
    repo.git("rm", "-q", "src/deep/x.py")
    repo.commit("gone")
    stored(repo)
    assert scan(repo.path).found[token] == [
        CommitLocation(
            repository=str(repo.path),
            commit=leak,
            path="src/deep/x.py",
            at=Position(2, 9, 14),
            blob=blob,
            author="Zoë <author@example.com>",
            date="2023-11-15T03:43:20+05:30",
        )
    ]


def test_a_later_edit_of_a_leaking_file_is_no_new_leak(repo, stored):
    token = mint("edited")
    first = repo.commit(a=token)
    repo.commit(a=b"more\n" + token)
    repo.commit(b=b"unrelated")
    stored(repo)
    assert commits(scan(repo.path), token) == [(first, "a")]


def test_a_move_is_no_new_leak(repo, stored):
    token = mint("moved")
    first = repo.commit(a=token)
    repo.git("mv", "a", "b")
    repo.commit()
    stored(repo)
    assert commits(scan(repo.path), token) == [(first, "a")]


def test_a_secret_that_was_removed_and_comes_back_counts_twice(repo, stored):
    token = mint("back")
    first = repo.commit(a=token)
    repo.commit(a=b"clean")
    again = repo.commit(b=token)
    stored(repo)
    assert commits(scan(repo.path), token) == sorted([(first, "a"), (again, "b")])


def test_each_path_in_the_introducing_commit_is_told(repo, stored):
    token = mint("paths")
    first = repo.commit(a=token, b=token, c=b"other " + token)
    stored(repo)
    assert commits(scan(repo.path), token) == [(first, "a"), (first, "b"), (first, "c")]


def test_two_secrets_of_one_file_have_each_its_own_commit(repo, stored):
    one, two = mint("one"), mint("two")
    first = repo.commit(a=one)
    second = repo.commit(a=one + b"\n" + two)
    stored(repo)
    result = scan(repo.path)
    assert commits(result, one) == [(first, "a")]
    assert commits(result, two) == [(second, "a")]


def test_what_only_a_merge_has_is_the_merges(repo, stored):
    token = mint("evil")
    repo.commit(a=b"base")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit(b=b"side")
    repo.git("checkout", "-q", "main")
    repo.commit(c=b"main")
    repo.git("merge", "-q", "--no-commit", "side")
    merge = repo.commit("merge", evil=token)
    assert len(repo.git("rev-parse", "HEAD^@").split()) == 2
    stored(repo)
    assert commits(scan(repo.path), token) == [(merge, "evil")]


def test_a_merge_that_takes_over_a_leak_does_not_introduce_it(repo, stored):
    token = mint("merged")
    repo.commit(a=b"base")
    repo.git("checkout", "-q", "-b", "side")
    leak = repo.commit(b=token)
    repo.git("checkout", "-q", "main")
    repo.commit(c=b"main")
    repo.git("merge", "-q", "--no-edit", "side")
    stored(repo)
    assert commits(scan(repo.path), token) == [(leak, "b")]


def test_an_amended_commit_that_nothing_reaches_is_a_commit_like_any_other(repo, stored):
    token = mint("amended")
    repo.commit(a=b"base")
    leak = repo.commit(a=token)
    repo.write("a", b"clean")
    repo.git("commit", "-q", "-a", "--amend", "-m", "clean")
    repo.git("reflog", "expire", "--expire=now", "--all")
    stored(repo)
    assert commits(scan(repo.path), token) == [(leak, "a")]


def test_a_blob_of_no_commit_is_unreachable(repo, stored):
    token = mint("dangling")
    repo.commit(a=b"base")
    oid = repo.git("hash-object", "-w", "--stdin", stdin=b"x " + token)
    stored(repo)
    place = GitLocation(str(repo.path), "unreachable", Exposure.COMMITTED, Position(1, 3, 2), object=oid)
    assert scan(repo.path).found[token] == [place]


def test_a_blob_in_a_tree_of_no_commit_is_unreachable(repo, stored):
    token = mint("tree")
    oid = repo.git("hash-object", "-w", "--stdin", stdin=token)
    repo.git("mktree", stdin=f"100644 blob {oid}\tx\n".encode())
    stored(repo)
    (place,) = scan(repo.path).found[token]
    assert (place.where, place.object) == ("unreachable", oid)


def test_a_staged_blob_stands_in_the_index_with_its_path(repo, stored):
    token = mint("staged")
    repo.commit(a=b"base")
    repo.write("new/b", token)
    repo.git("add", "-A")
    stored(repo)
    (place,) = scan(repo.path).found[token]
    assert (place.where, place.exposure, place.path) == ("index", Exposure.STAGED, "new/b")


def test_what_a_linked_worktree_has_staged_is_found(repo, tmp_path):
    token = mint("linked")
    repo.commit(a=b"base")
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    (tmp_path / "linked" / "b").write_bytes(token)
    repo.git("-C", str(tmp_path / "linked"), "add", "-A")
    (place,) = scan(repo.path).found[token]
    assert (place.where, place.path) == ("index", "b")
    assert scan(tmp_path / "linked").found.keys() == {token}


@pytest.mark.parametrize(
    ("role", "where"), [("GIT_AUTHOR_NAME", "author"), ("GIT_COMMITTER_EMAIL", "committer"), (None, "commit-message")]
)
def test_a_token_in_a_commit_itself_names_its_part(repo, stored, role, where):
    token = mint(where)
    env = {role: token.decode()} if role else {}
    repo.git("commit", "-q", "--allow-empty", "-m", "plain" if role else f"take {token.decode()}", env=env)
    oid = repo.git("rev-parse", "HEAD")
    stored(repo)
    places = [place for place in scan(repo.path).found[token] if place.exposure is Exposure.COMMITTED]
    assert [(place.where, place.object) for place in places] == [(where, oid)]


@pytest.mark.parametrize(("role", "where"), [("GIT_COMMITTER_NAME", "tagger"), (None, "tag")])
def test_a_token_in_an_annotated_tag_names_its_part(repo, stored, role, where):
    token = mint(where)
    repo.commit(a=b"base")
    env = {role: token.decode()} if role else {}
    repo.git("tag", "-a", "v1", "-m", "plain" if role else token.decode(), env=env)
    stored(repo)
    (place,) = (place for place in scan(repo.path).found[token] if place.exposure is Exposure.COMMITTED)
    assert (place.where, place.object) == (where, repo.git("rev-parse", "v1"))


def test_stashes_and_notes_are_commits(repo, stored):
    stash, note = mint("stash"), mint("note")
    repo.commit(a=b"base")
    repo.write("a", stash)
    repo.git("stash", "-q")
    stashed = repo.git("rev-parse", "stash@{0}")
    repo.git("notes", "add", "-m", note.decode())
    stored(repo)
    result = scan(repo.path)
    assert commits(result, stash) == [(stashed, "a")]
    assert [place.commit for place in result.found[note]] == [repo.git("rev-parse", "refs/notes/commits")]


def test_behind_a_shallow_boundary_a_commit_introduces_all_that_it_has(repo, tmp_path):
    token = mint("shallow")
    repo.commit(a=token)
    last = repo.commit(b=b"later")
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.path}", str(tmp_path / "clone"))
    result = scan(tmp_path / "clone")
    assert commits(result, token) == [(last, "a")]
    assert any("shallow" in problem.reason for problem in result.tally.declined)


def test_a_path_that_is_not_utf_8_is_kept_exactly(repo, stored):
    token = mint("path")
    (repo.path / os.fsdecode(b"a\xff")).write_bytes(token)
    first = repo.commit()
    stored(repo)
    assert commits(scan(repo.path), token) == [(first, os.fsdecode(b"a\xff"))]


def test_trees_that_hold_each_other_many_times_over_end(repo, stored):
    token = mint("bomb")
    entry = "100644 blob " + repo.git("hash-object", "-w", "--stdin", stdin=token)
    for _ in range(12):
        tree = repo.git("mktree", stdin="".join(f"{entry}\t{name}\n" for name in "abcdefghij").encode())
        entry = f"040000 tree {tree}"
    repo.git("update-ref", "HEAD", repo.git("commit-tree", "-m", "bomb", tree))
    stored(repo)
    assert len(scan(repo.path).found[token]) == 10_000
