import pickle
import random
import subprocess

import pytest
from gitscan import counted, scan
from minting import mint
from repo import Repo

from scanner.sources import git


def grown(path, *options, commits=24):
    """A repository whose files grow line by line, so that git makes chains of deltas; and its tokens."""
    rng = random.Random(7)
    repo = Repo(path, *options)
    lines = {name: [f"{name} {rng.random()}\n" for _ in range(60)] for name in ("a", "b", "c")}
    tokens = []
    for number in range(commits):
        name = rng.choice("abc")
        place = rng.randrange(len(lines[name]))
        line = lines[name][place]
        if number % 8 == 3:
            tokens.append(mint(f"grown {number}"))
            lines[name][place] = tokens[-1].decode() + "\n"
        else:
            lines[name][place] = f"{number} {line}"
        repo.commit(f"change {number}", **{name: "".join(lines[name])})
        if number % 8 == 3:
            lines[name][place] = line
    return repo, set(tokens)


def agrees(repo, tokens, parts=1):
    result = scan(repo.path, parts)
    assert (result.tally.failed, result.tally.declined) == ([], [])
    assert result.found.keys() == tokens
    assert (result.tally.objects) == counted(repo)[0]
    return result


def test_loose_objects_are_all_read(tmp_path):
    agrees(*grown(tmp_path / "r"))


@pytest.mark.parametrize("format_", ["sha1", "sha256"])
@pytest.mark.parametrize("offsets", ["true", "false"], ids=["by offset", "by name"])
@pytest.mark.parametrize("depth", [1, 50, 4000])
def test_deltas_of_each_kind_and_depth_are_rebuilt(tmp_path, format_, offsets, depth):
    repo, tokens = grown(tmp_path / "r", f"--object-format={format_}")
    repo.git("config", "repack.useDeltaBaseOffset", offsets)
    repo.git("repack", "-q", "-a", "-d", "-f", f"--depth={depth}", "--window=50")
    (index,) = (repo.path / ".git/objects/pack").glob("*.idx")
    assert "chain length = 1:" in repo.git("verify-pack", "-v", f"--object-format={format_}", str(index))
    packs = repo.git("count-objects", "-v")
    assert "packs: 1" in packs
    assert "\ncount: 0" in "\n" + packs
    result = agrees(repo, tokens)
    assert {len(place.commit) for places in result.found.values() for place in places} == {
        40 if format_ == "sha1" else 64
    }


def test_an_index_of_version_1_serves(tmp_path):
    repo, tokens = grown(tmp_path / "r")
    repo.git("-c", "pack.indexVersion=1", "repack", "-q", "-a", "-d")
    (index,) = (repo.path / ".git/objects/pack").glob("*.idx")
    assert index.read_bytes()[:4] != b"\xfftOc"
    agrees(repo, tokens)


@pytest.mark.parametrize("parts", [2, 3, 7, 500])
def test_shares_of_a_pack_add_up(tmp_path, monkeypatch, parts):
    monkeypatch.setattr("scanner.sources.git._SHARE", 1)
    repo, tokens = grown(tmp_path / "r")
    repo.git("repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=50")
    whole, shared = agrees(repo, tokens), agrees(repo, tokens, parts)
    assert shared.tally == whole.tally
    assert shared.found == whole.found


def test_an_object_that_is_packed_and_loose_or_in_two_packs_counts_once(tmp_path):
    repo, tokens = grown(tmp_path / "r")
    repo.git("repack", "-q", "-a")
    assert not repo.git("count-objects").startswith("0 ")
    agrees(repo, tokens)
    listing = repo.git("rev-list", "--objects", "--all").encode()
    repo.git("pack-objects", "-q", ".git/objects/pack/pack", stdin=listing.split(b"\n", 9)[9])
    assert "packs: 2" in repo.git("count-objects", "-v")
    agrees(repo, tokens)


def test_borrowed_objects_are_read_and_a_lost_lender_is_a_failure(tmp_path):
    repo, tokens = grown(tmp_path / "r")
    repo.git("clone", "-q", "--shared", str(repo.path), str(tmp_path / "borrower"))
    borrower = Repo(tmp_path / "borrower")
    agrees(borrower, tokens)
    token = mint("own")
    borrower.commit(own=token)
    agrees(borrower, tokens | {token})
    repo.path.rename(tmp_path / "elsewhere")
    result = scan(borrower.path)
    assert [problem.path for problem in result.tally.failed] == [str(repo.path / ".git/objects")]
    assert token in result.found


def test_alternates_may_be_relative_and_lead_in_a_circle(tmp_path):
    repo, tokens = grown(tmp_path / "r")
    other = Repo(tmp_path / "other")
    (other.path / ".git/objects/info/alternates").write_text("../../../r/.git/objects\n")
    (repo.path / ".git/objects/info/alternates").write_text("../../../other/.git/objects\n")
    result = scan(other.path)
    assert result.found.keys() == tokens
    assert not result.tally.failed


def test_a_bare_repository_and_an_empty_one(tmp_path):
    repo, tokens = grown(tmp_path / "r")
    repo.git("clone", "-q", "--mirror", str(repo.path), str(tmp_path / "bare"))
    result = scan(tmp_path / "bare")
    assert result.found.keys() == tokens
    assert result.repository.worktree is None
    empty = agrees(Repo(tmp_path / "empty"), set())
    assert empty.tally.objects == 0


def test_a_partial_clone_says_so(tmp_path):
    repo, _ = grown(tmp_path / "r", commits=5)
    repo.git("config", "uploadpack.allowFilter", "true")
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--filter=blob:none", f"file://{repo.path}", tmp_path / "p"], check=True
    )
    result = scan(tmp_path / "p")
    assert any("partial" in problem.reason for problem in result.tally.declined)
    assert not result.tally.failed


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_blob_is_read_in_windows_with_lines_counted(tmp_path, packed):
    token = mint("long")
    rng = random.Random(3)
    body = bytearray(b"0123456789abcde\n" * (20 << 16))
    for place in range(0, len(body), 4096):
        body[place : place + 8] = rng.randbytes(8).replace(b"\n", b"x")
    at = (17 << 20) + 5
    body[at : at + len(token)] = token
    lines = body.count(b"\n", 0, at)
    repo = Repo(tmp_path / "r")
    commit = repo.commit(long=bytes(body))
    if packed:
        repo.git("repack", "-q", "-a", "-d")
    result = agrees(repo, {token})
    (place,) = result.found[token]
    assert (place.commit, place.at.line, place.at.offset) == (commit, lines + 1, at)
    assert place.at.column == at - body.rfind(b"\n", 0, at)
    assert result.tally.bytes > len(body)


def test_units_are_small_and_cross_to_another_process(tmp_path):
    repo, _ = grown(tmp_path / "r", commits=10)
    repo.git("repack", "-q", "-a", "-d")
    repo.commit(loose="x")
    units = list(git.discover(git.Repository.open(repo.path), parts=2))
    assert {type(unit).__name__ for unit in units} == {"PackUnit", "LooseUnit", "PlacesUnit"}
    for unit in units:
        packed = pickle.dumps(unit)
        assert pickle.loads(packed) == unit
        assert len(packed) < 2000


def test_submodules_keep_repositories_of_their_own(tmp_path):
    inner, tokens = grown(tmp_path / "inner", commits=10)
    outer = Repo(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path), "deep/sub")
    outer.commit()
    (found,) = git.submodules(git.Repository.open(outer.path))
    assert scan(found.path).found.keys() == tokens
    checked_out = git.Repository.open(outer.path / "deep/sub")
    assert checked_out.identity == found.identity
    assert checked_out.path == str(outer.path / "deep/sub")
