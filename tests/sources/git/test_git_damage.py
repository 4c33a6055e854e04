import struct
import zlib

import pytest
from gitscan import counted, scan
from minting import mint
from repo import Repo

from scanner.sources.git import inflate, walk


@pytest.fixture
def repo(tmp_path):
    """A repository with a token in the newest version of a file, one in an old one, and one in another file."""
    repo = Repo(tmp_path / "r")
    lines = [f"line {number} {number * 7919 % 1000}\n" for number in range(400)]
    repo.commit(a="".join(lines), b=b"other " + mint("healthy"))
    repo.commit(a="".join([*lines, mint("old").decode()]))
    repo.commit(a="".join([*lines, "new " * 20, mint("new").decode()]))
    repo.git("repack", "-q", "-a", "-d", "-f", "--window=50")
    return repo


def pack_of(repo):
    (pack,) = (repo.path / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o644)
    pack.with_suffix(".idx").chmod(0o644)
    return pack


def entry(repo, revision):
    """Where an object's entry begins and ends in the pack."""
    oid = repo.git("rev-parse", revision)
    listing = [line.split() for line in repo.git("verify-pack", "-v", str(pack_of(repo))).splitlines()]
    (row,) = (row for row in listing if row[0] == oid)
    return oid, int(row[4]), int(row[4]) + int(row[3])


def flip(file, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 0x10
    file.write_bytes(content)


def test_a_flipped_byte_fails_that_object_and_those_made_from_it(repo):
    oid, begin, end = entry(repo, "HEAD:a")
    flip(pack_of(repo), (begin + end) // 2)
    result = scan(repo.path)
    failed = [problem.reason.split()[1].rstrip(":") for problem in result.tally.failed]
    assert set(failed) == {oid, repo.git("rev-parse", "HEAD~1:a"), repo.git("rev-parse", "HEAD~2:a")}
    assert all(problem.path == str(pack_of(repo)) for problem in result.tally.failed)
    assert result.found.keys() == {mint("healthy")}
    assert result.tally.objects == 4


def test_a_flipped_byte_in_a_delta_fails_that_object_alone(repo):
    oid, begin, _ = entry(repo, "HEAD~1:a")
    flip(pack_of(repo), begin + 5)
    result = scan(repo.path)
    assert [oid in problem.reason for problem in result.tally.failed] == [True]
    assert result.found.keys() == {mint("healthy"), mint("new")}


def test_a_damaged_object_is_read_from_another_copy(repo):
    oid, begin, end = entry(repo, "HEAD:a")
    content = repo.git("cat-file", "blob", oid).encode()
    pack = pack_of(repo)
    pack.rename(repo.path / "aside.pack")
    repo.git("hash-object", "-w", "--stdin", stdin=content)
    (repo.path / "aside.pack").rename(pack)
    flip(pack, (begin + end) // 2)
    result = scan(repo.path)
    assert not result.tally.failed
    assert result.found.keys() == {mint("healthy"), mint("new"), mint("old")}
    assert result.tally.objects == 7


@pytest.mark.parametrize("left", [0, 10, 40, 300])
def test_a_pack_cut_short_fails_and_loose_objects_are_still_read(repo, left):
    token = mint("loose")
    repo.git("hash-object", "-w", "--stdin", stdin=token)
    pack = pack_of(repo)
    pack.write_bytes(pack.read_bytes()[:left])
    result = scan(repo.path)
    assert result.tally.failed
    assert token in result.found


@pytest.mark.parametrize("left", [0, 500, 1100, -30])
def test_an_index_cut_short_fails_its_pack(repo, left):
    index = pack_of(repo).with_suffix(".idx")
    index.write_bytes(index.read_bytes()[:left])
    result = scan(repo.path)
    assert [problem.path for problem in result.tally.failed] == [str(pack_of(repo))]
    assert not result.found


def test_a_pack_without_its_index_fails(repo):
    pack = pack_of(repo)
    pack.with_suffix(".idx").unlink()
    assert [problem.path for problem in scan(repo.path).tally.failed] == [str(pack)]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_loose_object_fails_by_name_and_the_rest_is_read(tmp_path, damage):
    repo = Repo(tmp_path / "r")
    repo.commit(a=mint("healthy"), b=mint("damaged") * 20)
    oid = repo.git("rev-parse", "HEAD:b")
    file = repo.path / ".git/objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    content = file.read_bytes()
    if damage == "flipped":
        flip(file, len(content) // 2)
    else:
        file.write_bytes({"cut": content[:-9], "empty": b"", "text": b"no zlib"}[damage])
    result = scan(repo.path)
    assert [oid in problem.reason for problem in result.tally.failed] == [True]
    assert mint("healthy") in result.found
    assert result.tally.objects == 2


def test_a_loose_object_under_a_false_name_fails(tmp_path):
    repo = Repo(tmp_path / "r")
    oid = repo.git("hash-object", "-w", "--stdin", stdin=b"one")
    other = repo.git("hash-object", "-w", "--stdin", stdin=b"two")
    objects = repo.path / ".git/objects"
    (objects / oid[:2] / oid[2:]).replace(objects / other[:2] / other[2:])
    (problem,) = scan(repo.path).tally.failed
    assert other in problem.reason


def head(kind, size):
    """An entry's header (gitformat-pack(5))."""
    first, size = kind << 4 | size & 15, size >> 4
    out = bytearray()
    while size:
        out.append(first | 128)
        first, size = size & 127, size >> 7
    return bytes(out) + bytes([first])


def number(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def forge(repo, *entries):
    """Write a pack of forged entries, with a correct index, under made-up ids; returns these."""
    body, rows = b"PACK" + struct.pack(">II", 2, len(entries)), []
    for place, content in enumerate(entries):
        rows.append((bytes([place * 3 + 1]) * 20, len(body), zlib.crc32(content)))
        body += content
    body += b"\0" * 20
    fan_out = [sum(oid[0] <= first for oid, _, _ in rows) for first in range(256)]
    index = b"\xfftOc" + struct.pack(">I", 2) + struct.pack(">256I", *fan_out)
    index += b"".join(oid for oid, _, _ in rows)
    index += b"".join(struct.pack(">I", crc) for _, _, crc in rows)
    index += b"".join(struct.pack(">I", offset) for _, offset, _ in rows) + b"\0" * 40
    stem = repo.path / ".git/objects/pack" / f"pack-{'0' * 40}"
    stem.parent.mkdir(exist_ok=True)
    stem.with_suffix(".pack").write_bytes(body)
    stem.with_suffix(".idx").write_bytes(index)
    return [oid.hex() for oid, _, _ in rows]


def blob(content, size=None):
    return head(3, len(content) if size is None else size) + zlib.compress(content)


def delta(base, instructions, size=None):
    return head(7, len(instructions) if size is None else size) + base + zlib.compress(instructions)


def problems(result):
    every = result.tally.failed + result.tally.declined
    return {problem.reason.split()[1].rstrip(":"): problem.reason for problem in every}


def test_a_delta_that_asks_for_gigabytes_is_declined_and_so_is_what_is_made_from_it(tmp_path):
    repo = Repo(tmp_path / "r")
    token = mint("healthy")
    copies = b"\xff\0\0\0\0\xff\xff\xff" * 300
    bomb = number(1 << 24) + number(300 * 0xFFFFFF) + copies
    ids = forge(
        repo,
        blob(b"\0" * (1 << 24)),
        delta(b"\1" * 20, bomb),
        delta(b"\4" * 20, number(300 * 0xFFFFFF) + number(1) + b"\1x"),
        blob(token),
    )
    result = scan(repo.path)
    assert problems(result).keys() == set(ids[1:3])
    assert len(result.tally.declined) == 2
    assert result.found.keys() == {token}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(blob(b"abc", 2), id="longer than declared"),
        pytest.param(blob(b"abc", 4), id="shorter than declared"),
        pytest.param(blob(b"abc")[:-3], id="cut"),
        pytest.param(blob(b"\0" * (1 << 20), 1), id="a million for one"),
        pytest.param(head(3, 1 << 62) + zlib.compress(b"abc"), id="a size beyond all measure"),
        pytest.param(b"\xb0" + b"\xff" * 20, id="a size without end"),
        pytest.param(b"\x50" + zlib.compress(b""), id="a reserved type"),
        pytest.param(b"\x00" + zlib.compress(b""), id="no type"),
        pytest.param(delta(b"\x99" * 20, number(1) + number(1) + b"\1x"), id="a base that is not there"),
        pytest.param(delta(b"\x04" * 20, number(1) + number(1) + b"\1x"), id="itself as base"),
        pytest.param(delta(b"\x01" * 20, b""), id="an empty delta"),
        pytest.param(delta(b"\x01" * 20, b"\xff" * 30), id="a delta of sizes without end"),
        pytest.param(delta(b"\x01" * 20, number(3) + number(5) + b"\x05x"), id="a delta cut in an insertion"),
        pytest.param(delta(b"\x01" * 20, number(3) + number(99) + b"\x90\x63"), id="a copy past the base's end"),
        pytest.param(delta(b"\x01" * 20, number(9) + number(1) + b"\1x"), id="a delta for another base"),
        pytest.param(delta(b"\x01" * 20, number(3) + number(0) + b"\0"), id="a reserved instruction"),
        pytest.param(head(6, 4) + b"\x80\x00" + zlib.compress(b"\1\1\1x"), id="a base between the entries"),
        pytest.param(head(6, 4) + b"\0" + zlib.compress(b"\1\1\1x"), id="no distance to its base"),
        pytest.param(head(6, 4) + b"\xff" * 30, id="a distance without end"),
    ],
)
def test_a_forged_entry_fails_alone(tmp_path, entry):
    repo = Repo(tmp_path / "r")
    token = mint("healthy")
    ids = forge(repo, blob(b"abc"), entry, blob(token))
    result = scan(repo.path)
    assert problems(result).keys() == {ids[1]}
    assert result.found.keys() == {token}
    assert result.tally.objects == 2


def test_deltas_in_a_circle_fail(tmp_path):
    repo = Repo(tmp_path / "r")
    step = number(1) + number(1) + b"\1x"
    ids = forge(repo, delta(b"\4" * 20, step), delta(b"\7" * 20, step), delta(b"\1" * 20, step), blob(mint("x")))
    result = scan(repo.path)
    assert problems(result).keys() == set(ids[:3])
    assert result.found.keys() == {mint("x")}


def test_over_the_ceiling_a_whole_object_is_streamed_and_its_deltas_are_declined(tmp_path, monkeypatch):
    for module in (inflate, walk):
        monkeypatch.setattr(module, "CEILING", 1 << 20)
    repo = Repo(tmp_path / "r")
    token = mint("long")
    content = b"x" * (3 << 20) + token
    ids = forge(repo, blob(content), delta(b"\1" * 20, number(len(content)) + number(1) + b"\1x"))
    result = scan(repo.path)
    assert result.found.keys() == {token}
    assert list(problems(result)) == ids[1:]
    assert result.tally.declined
    assert result.tally.objects == 1


def test_a_pack_made_to_cost_a_day_is_given_up(repo, monkeypatch):
    monkeypatch.setattr(walk, "WORK", 5000)
    result = scan(repo.path)
    assert any("rebuilt" in problem.reason for problem in result.tally.declined)
    assert result.tally.objects < counted(repo)[0]


def test_of_many_damaged_objects_a_hundred_are_named_and_the_rest_counted(tmp_path):
    repo = Repo(tmp_path / "r")
    for count in range(150):
        repo.write(f"f{count}", f"content {count}")
    repo.commit()
    repo.git("repack", "-q", "-a", "-d")
    pack = pack_of(repo)
    content = pack.read_bytes()
    pack.write_bytes(content[:12] + b"\xff" * (len(content) - 32) + content[-20:])
    result = scan(repo.path)
    assert len(result.tally.failed) == 101
    assert result.tally.failed[-1].reason.endswith("more objects")
