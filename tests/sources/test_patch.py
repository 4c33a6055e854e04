import io
import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minting import mint
from repo import Repo

from scanner.finding import Tally
from scanner.sources import patch as patches
from scanner.sources.patch import AROUND, read_patches


def read(text):
    tally = Tally()
    found = {}
    for each in read_patches(io.BytesIO(text), tally):
        new, old = found.setdefault(each.path, ([], []))
        new += [(hunk.line, hunk.text) for hunk in each.new]
        old += [hunk.text for hunk in each.old]
    return found, tally


@pytest.fixture
def diff(unleak, tmp_path):
    def run(text, code=1):
        result = unleak("diff", "--format", "jsonl", "-", stdin=text, cwd=tmp_path)
        assert result.returncode == code, result.stderr
        run.stderr = result.stderr
        return {
            (finding["redacted"][-4:].encode(), place["path"], place["line"], place["column"])
            for finding in map(json.loads, result.stdout.splitlines()[:-1])
            for place in finding["locations"]
        }

    return run


def test_a_plain_unified_patch_names_the_new_file_and_its_line(diff):
    text = (
        b"--- src/x.py\t2024-01-01 00:00:00.000000000 +0000\n+++ src/x.py\t2024-01-02 00:00:00.000000000 +0000\n"
        b"@@ -10,3 +10,4 @@ def f():\n a\n-b\n+t = '" + mint(1) + b"'\n+c\n d\n"
    )
    assert diff(text) == {(mint(1)[-4:], "src/x.py", 11, 6)}
    assert b"a patch of 1 file read" in diff.stderr


def test_what_the_old_lines_have_or_the_context_is_not_new(diff):
    text = (
        b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-" + mint("old") + b"\n " + mint("context") + b"\n+x\n"
        b"@@ -90 +90,3 @@\n x\n+" + mint("old") + b"\n+" + mint("new") + mint("context") + b"\n"
    )
    assert diff(text) == {(mint("new")[-4:], "x", 92, 1)}


def test_lines_may_end_in_crlf_and_headers_too(diff):
    text = b"--- a/x\r\n+++ b/x\r\n@@ -1 +1,3 @@\r\n x\r\n\r\n+" + mint(1) + b"\r\n"
    assert diff(text.replace(b"+1,3", b"+1,3").replace(b"-1 ", b"-1,2 ")) == {(mint(1)[-4:], "x", 3, 1)}


def test_what_stands_around_a_patch_is_read_too(diff):
    text = b"commit 1\n\n    the token is " + mint(1) + b"\n\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n-- \n" + mint(2)
    assert diff(text) == {(mint(1)[-4:], "-", 3, 18), (mint(2)[-4:], "-", 10, 1)}


def test_text_without_a_patch_is_read_as_text_and_it_is_said(diff):
    assert diff(b"nothing of the kind\n" + mint(1)) == {(mint(1)[-4:], "-", 2, 1)}
    assert b"no patch on standard input" in diff.stderr


def test_a_hunk_that_lies_about_its_length_hides_nothing(diff):
    short = b"--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n+" + mint(1) + b"\n"
    long = b"--- a/x\n+++ b/x\n@@ -0,0 +1,9 @@\n+x\ndiff --git a/y b/y\n--- a/y\n+++ b/y\n@@ -0,0 +1 @@\n+" + mint(2)
    assert diff(short) == {(mint(1)[-4:], "-", 5, 2)}
    assert diff(long) == {(mint(2)[-4:], "y", 1, 1)}


def test_added_lines_that_look_like_headers_are_content(diff):
    text = b"--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n--- " + mint("old") + b"\n+++ b/y\n++ " + mint(1) + b"\n"
    assert diff(text) == {(mint(1)[-4:], "x", 2, 3)}


def test_binary_content_that_the_patch_has_not_is_declined(diff):
    assert diff(b"diff --git a/x.png b/x.png\nBinary files /dev/null and b/x.png differ\n", code=0) == set()
    assert b"declined: x.png: binary: its content is not in the patch" in diff.stderr


def test_a_damaged_binary_patch_fails(diff):
    text = b"diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\nliteral 9\nQ!!!!!\n\n"
    assert diff(text, code=4) == set()
    assert b"failed: x: its " in diff.stderr


@pytest.fixture
def repo(tmp_path):
    return Repo(tmp_path / "r")


NAMES = [b"plain", b"with space", b"tab\there", b'quo"te', b"caf\xc3\xa9", b"latin\xe9", b"b/b", b" a", b"new\nline"]


@pytest.mark.parametrize("options", [(), ("--no-prefix",), ("--src-prefix=i/", "--dst-prefix=w/"), ("--binary",)])
def test_every_name_that_git_can_write_is_read(repo, diff, options):
    repo.commit(base="x")
    for number, name in enumerate(NAMES):
        file = repo.path / name.decode(errors="surrogateescape")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"\n" + mint(number) + b"\n")
    repo.git("add", "-A")
    text = subprocess.run(["git", "diff", "--cached", *options], cwd=repo.path, capture_output=True, check=True).stdout
    expected = {(mint(number)[-4:], name.decode(errors="replace"), 2, 1) for number, name in enumerate(NAMES)}
    if options == ("--no-prefix",):  # without prefixes, b/b cannot be told from b with one
        expected = {(token, "b" if name == "b/b" else name, *at) for token, name, *at in expected}
    assert diff(text) == expected


def test_a_rename_and_a_change_of_mode_bring_nothing_and_an_edit_on_the_way_does(repo, diff):
    repo.commit(old=b"a\nb\nc\nd\ne\n" + mint("old") + b"\n", same="x")
    repo.git("mv", "old", "new name")
    repo.git("update-index", "--chmod=+x", "same")
    assert diff(repo.git("diff", "--cached").encode() + b"\n", code=0) == set()
    repo.write("new name", b"a\nb\nc\nd\ne\n" + mint("old") + b"\n" + mint(1))
    repo.git("add", "-A")
    assert diff(repo.git("diff", "--cached").encode() + b"\n") == {(mint(1)[-4:], "new name", 7, 1)}


def test_a_binary_patch_is_read_with_its_old_side(repo, diff):
    noise = bytes(range(256)) * 3
    repo.commit(data=noise + mint("old"))
    repo.write("data", mint("old") + noise[::-1] + b"\n" + mint(1))
    repo.write("fresh", b"\0\n" + mint(2))
    repo.git("add", "-A")
    text = repo.git("diff", "--cached", "--binary").encode() + b"\n"
    found = diff(text)
    assert (mint(2)[-4:], "fresh", 2, 1) in found
    assert {(token, path) for token, path, *_ in found} == {(mint(2)[-4:], "fresh"), (mint(1)[-4:], "data")}


def test_of_a_binary_delta_what_it_inserts_is_read_and_that_is_said(repo, diff):
    noise = bytes((n * n * 31 + n // 7) % 256 for n in range(60_000))
    repo.commit(data=noise)
    repo.write("data", noise[:30_000] + mint(1) + noise[30_000:])
    repo.git("add", "-A")
    text = repo.git("diff", "--cached", "--binary").encode() + b"\n"
    assert b"\ndelta " in text
    assert {(token, path) for token, path, *_ in diff(text)} == {(mint(1)[-4:], "data")}
    assert b"declined: data: a binary delta: only what it inserts is read" in diff.stderr


def test_of_a_combined_diff_what_no_parent_has_is_new(repo, diff):
    repo.commit(f=b"a\n\n\nz\n")
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit(f=b"a\n\n\n" + mint("theirs") + b"\n")
    repo.git("checkout", "-q", "main")
    repo.commit(f=mint("ours") + b"\n\n\nz\n")
    repo.git("merge", "-q", "--no-commit", "topic")
    repo.write("f", mint("ours") + b"\n" + mint("evil") + b"\n\n" + mint("theirs") + b"\n")
    repo.commit("evil")
    text = repo.git("show", "--format=", "--cc", "HEAD").encode() + b"\n"
    assert b"@@@ " in text
    assert diff(text) == {(mint("evil")[-4:], "f", 2, 1)}


def test_a_long_patch_of_one_file_is_judged_in_parts(monkeypatch):
    monkeypatch.setattr(patches, "_MOST", 100)
    body = b"".join(b"+line %d\n" % number for number in range(1, 101))
    found, _ = read(b"--- a/x\n+++ b/x\n@@ -0,0 +1,100 @@\n" + body)
    assert b"".join(text for _, text in found["x"][0]) == body.replace(b"+", b"")
    for line, text in found["x"][0]:
        assert text.startswith(b"line %d\n" % line)


LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"\n", b"-x\n", b"+y\n", b"--- a\n", b"@@ -1 +1 @@\n", b"\\ z\r\n"]))


@settings(max_examples=60, deadline=None)
@given(LINES, LINES, st.booleans(), st.integers(0, 3))
def test_the_new_side_and_the_old_side_of_what_git_writes_are_those_of_the_files(
    tmp_path_factory, old, new, cut_last, context
):
    directory = tmp_path_factory.mktemp("law")
    before, after = b"".join(old), b"".join(new)
    if cut_last:
        after = after.removesuffix(b"\n")
    (directory / "old").write_bytes(before)
    (directory / "new").write_bytes(after)
    text = subprocess.run(
        ["git", "diff", "--no-index", "--text", f"-U{context + 1000}", "old", "new"],
        cwd=directory,
        stdout=subprocess.PIPE,
        check=False,
    ).stdout
    found, tally = read(text)
    if before == after:
        assert found == {}
        return
    sides = found["new"]
    assert b"".join(text for _, text in sides[0]).rstrip(b"\n") == after.rstrip(b"\n")
    assert b"".join(sides[1]).rstrip(b"\n") == before.rstrip(b"\n")
    assert (tally.failed, AROUND in found) == ([], False)
