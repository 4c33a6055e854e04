"""Random histories: what is found, and whose it is, equals what a reading of every commit's every file tells."""

import shutil
import tempfile
from pathlib import Path

from gitscan import counted, scan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minting import mint
from repo import Repo

from scanner.finding import CommitLocation

TOKENS = [mint(f"law {number}") for number in range(4)]
PATHS = ["a", "b", "d/a", "d/e/a", "f/a"]

contents = st.tuples(st.frozensets(st.sampled_from(TOKENS), max_size=2), st.integers(0, 2))
trees = st.dictionaries(st.sampled_from(PATHS), contents, max_size=4)
histories = st.lists(st.tuples(trees, st.sets(st.integers(0, 9), max_size=3)), min_size=1, max_size=10)


def body(content):
    tokens, salt = content
    return b"".join(f"line {line} of {salt}\n".encode() for line in range(30)) + b"\n".join(sorted(tokens))


def parents_of(number, chosen):
    return sorted({parent % number for parent in chosen}) if number else []


def build(path, history):
    """The history in a real repository; returns it with the commits' ids."""
    repo = Repo(path)
    stream = bytearray()
    for number, (tree, chosen) in enumerate(history):
        stream += f"commit refs/heads/b{number}\nmark :{number + 1}\n".encode()
        stream += f"committer C <c@example.com> {1_600_000_000 + number} +0000\ndata 1\nx\n".encode()
        for place, parent in enumerate(parents_of(number, chosen)):
            stream += f"{'merge' if place else 'from'} :{parent + 1}\n".encode()
        stream += b"deleteall\n"
        for name, content in tree.items():
            raw = body(content)
            stream += f"M 100644 inline {name}\ndata {len(raw)}\n".encode() + raw + b"\n"
    repo.git("fast-import", "--quiet", f"--export-marks={path}/marks", stdin=bytes(stream))
    marks = dict(line.split() for line in (path / "marks").read_text().splitlines())
    return repo, [marks[f":{number + 1}"] for number in range(len(history))]


def brute_force(history, commits):
    """For each token, the commits and paths that introduced it."""
    expected = {}
    carried = [{token for tokens, _ in tree.values() for token in tokens} for tree, _ in history]
    for number, (tree, chosen) in enumerate(history):
        inherited = set().union(*(carried[parent] for parent in parents_of(number, chosen)))
        for path, (tokens, _) in tree.items():
            for token in tokens - inherited:
                # Equal commits are one commit.
                expected.setdefault(token, set()).add((commits[number], path))
    return expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories, depth=st.integers(0, 20), parts=st.sampled_from([1, 2, 5]), repacked=st.booleans())
def test_origins_are_those_of_a_brute_force_reading(history, depth, parts, repacked):
    path = Path(tempfile.mkdtemp())
    try:
        repo, commits = build(path, history)
        if repacked:
            repo.git("repack", "-q", "-a", "-d", "-f", f"--depth={depth}", "--window=10")
        result = scan(path, parts)
        assert not result.tally.failed
        assert (result.tally.objects) == counted(repo)[0]
        places = {
            token: [(place.commit, place.path) for place in found if isinstance(place, CommitLocation)]
            for token, found in result.found.items()
        }
        assert {token: set(found) for token, found in places.items()} == brute_force(history, commits)
        assert all(len(found) == len(set(found)) for found in places.values())
    finally:
        shutil.rmtree(path)
