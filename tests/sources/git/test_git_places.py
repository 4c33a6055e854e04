import os
import subprocess
import sys

import pytest
from gitscan import scan
from minting import mint
from repo import Repo

from scanner.errors import SourceError
from scanner.finding import Exposure
from scanner.sources.git import Repository, is_repository
from scanner.sources.git.index import is_tracked, read_index


@pytest.fixture
def repo(tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit(a=b"base")
    return repo


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("config", "config"),
        ("config.worktree", "config"),
        ("description", "git-directory"),
        ("hooks/pre-push", "hook"),
        ("info/exclude", "git-directory"),
        ("FETCH_HEAD", "fetch-head"),
        ("COMMIT_EDITMSG", "message"),
        ("logs/HEAD", "reflog"),
        ("some/tool's/file", "git-directory"),
    ],
)
def test_a_token_in_a_file_of_the_git_directory_is_local(repo, path, where):
    token = mint(path)
    file = repo.path / ".git" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        stream.write(b"\n# " + token)
    (place,) = scan(repo.path).found[token]
    assert (place.where, place.exposure, place.path) == (where, Exposure.LOCAL, path)
    assert place.at.column == 3


def test_the_name_of_a_branch_is_a_place_that_is_published(repo):
    token = mint("branch")
    repo.git("branch", f"fix/{token.decode()}")
    places = {place.where: place for place in scan(repo.path).found[token]}
    assert places.keys() == {"ref", "reflog"}
    assert places["ref"].exposure is Exposure.COMMITTED
    assert places["ref"].path == f"refs/heads/fix/{token.decode()}"
    assert places["ref"].at.offset == len("refs/heads/fix/")
    repo.git("pack-refs", "--all")
    packed = [place for place in scan(repo.path).found[token] if place.where == "ref"]
    assert [place.path for place in packed] == ["packed-refs"]


def test_a_linked_worktrees_own_files_are_read(repo, tmp_path):
    token = mint("linked")
    repo.git("worktree", "add", "-q", "-b", token.decode(), str(tmp_path / "linked"))
    places = {place.path: place.where for place in scan(repo.path).found[token]}
    assert places["worktrees/linked/HEAD"] == "head"
    linked = Repository.open(tmp_path / "linked")
    assert linked.identity == Repository.open(repo.path).identity
    assert linked.path == str(tmp_path / "linked")


def test_objects_of_git_lfs_are_published(repo):
    token = mint("lfs")
    file = repo.path / ".git/lfs/objects/ab/cd/abcd"
    file.parent.mkdir(parents=True)
    file.write_bytes(token)
    (place,) = scan(repo.path).found[token]
    assert (place.where, place.exposure) == ("lfs", Exposure.COMMITTED)


def test_a_long_file_is_read_to_its_end_with_lines_counted(repo):
    token = mint("long")
    (repo.path / ".git/packed-refs").write_bytes(b"# a line\n" * 300_000 + b"# " + token)
    (place,) = scan(repo.path).found[token]
    assert (place.at.line, place.at.column) == (300_001, 3)


def test_links_are_not_followed_and_fifos_not_waited_for(repo, tmp_path):
    token = mint("outside")
    (tmp_path / "outside").write_bytes(token)
    (repo.path / ".git/link").symlink_to(tmp_path / "outside")
    (repo.path / ".git/directory").symlink_to(tmp_path)
    os.mkfifo(repo.path / ".git/fifo")
    assert token not in scan(repo.path).found


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_fails(repo):
    (repo.path / ".git/config").chmod(0)
    assert scan(repo.path).tally.failed


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("format_", ["sha1", "sha256"])
def test_the_index_of_each_version_is_read(tmp_path, version, format_):
    repo = Repo(tmp_path / "r", f"--object-format={format_}")
    for name in ("a", "dir/b", "dir/bc", "dir/deep/" + "x" * 200, "z"):
        repo.write(name, name)
    repo.git("add", "-A")
    repo.git("update-index", "--index-version", str(version))
    if version == 3:
        repo.write("later", "x")
        repo.git("add", "-N", "later")
    index = read_index(str(repo.path / ".git/index"), 20 if format_ == "sha1" else 32)
    listing = [line.split(maxsplit=3) for line in repo.git("ls-files", "--stage").splitlines()]
    assert [(f"{mode:o}", oid, str(stage), path) for path, mode, oid, stage, _, _ in index.entries] == [
        (mode, oid, stage, path) for mode, oid, stage, path in listing
    ]


def test_a_damaged_index_fails_and_every_file_counts_as_tracked(repo):
    index = repo.path / ".git/index"
    content = bytearray(index.read_bytes())
    content[80] ^= 1
    index.write_bytes(content)
    assert [problem.path for problem in scan(repo.path).tally.failed] == [str(index)]
    assert is_tracked(Repository.open(repo.path), str(repo.path / "new"))


def test_a_file_is_tracked_when_the_index_has_it(repo, tmp_path, monkeypatch):
    repo.write("dir/new", "x")
    repository = Repository.open(repo.path)
    assert is_tracked(repository, str(repo.path / "a"))
    assert not is_tracked(repository, str(repo.path / "dir/new"))
    (tmp_path / "way").symlink_to(repo.path)
    assert is_tracked(repository, str(tmp_path / "way" / "a"))
    monkeypatch.chdir(repo.path)
    assert is_tracked(repository, "a")
    repo.git("add", "-A")
    assert is_tracked(repository, "dir/new")


def test_only_a_repository_is_taken_for_one(repo, tmp_path):
    assert is_repository(str(repo.path / ".git"))
    assert not is_repository(str(repo.path))
    with pytest.raises(SourceError, match="not a git repository"):
        Repository.open(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/.git").write_text("gitdir: nowhere\n")
    with pytest.raises(SourceError, match="nowhere"):
        Repository.open(tmp_path / "broken")


def test_an_object_format_of_the_future_is_refused(repo):
    repo.git("config", "core.repositoryFormatVersion", "1")
    with (repo.path / ".git/config").open("a") as config:
        config.write("[Extensions]\n\tObjectFormat = sha999 ; or so\n")
    with pytest.raises(SourceError, match="sha999"):
        Repository.open(repo.path)


def test_discovery_imports_nothing_heavy(repo):
    code = (
        "import sys; from scanner.sources import git\n"
        f"list(git.discover(git.Repository.open({str(repo.path)!r}), parts=2))\n"
        "print(*sorted({'numpy', 'dulwich', 'regex', 'git', 'ahocorasick_rs'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@pytest.mark.parametrize("version", [2, 4])
def test_a_split_index_is_read_with_the_one_that_it_shares(repo, version):
    for number in range(200):
        repo.write(f"d/{number}", f"{number}")
    repo.git("add", "-A")
    repo.git("config", "splitIndex.maxPercentChange", "100")
    repo.git("update-index", "--index-version", str(version))
    repo.git("update-index", "--split-index")
    for number in (3, 77, 150):
        repo.write(f"d/{number}", "replaced")
    for number in (0, 64, 199):
        (repo.path / f"d/{number}").unlink()
    repo.write("a new one", "x")
    repo.write("z", "x")
    repo.git("add", "-A")
    assert list((repo.path / ".git").glob("sharedindex.*"))
    listing = [line.split(maxsplit=3) for line in repo.git("ls-files", "--stage").splitlines()]
    entries = read_index(str(repo.path / ".git/index"), 20).entries
    assert [(f"{entry.mode:o}", entry.oid, str(entry.stage), entry.path) for entry in entries] == [
        (mode, oid, stage, path) for mode, oid, stage, path in listing
    ]
    assert len(listing) == 200


def test_a_split_index_without_its_other_half_fails(repo):
    repo.git("update-index", "--split-index")
    (shared,) = (repo.path / ".git").glob("sharedindex.*")
    shared.unlink()
    (problem,) = scan(repo.path).tally.failed
    assert problem.path == str(repo.path / ".git/index")
    assert "cannot read sharedindex." in problem.reason
