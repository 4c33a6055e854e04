import json

from minting import BY_ID, mint
from test_patterns import GOOD


def test_list_names_every_pattern_with_its_check_and_whether_it_is_revocable(unleak):
    lines = unleak("patterns", "list").stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == list(BY_ID)
    assert "check github-crc32" in lines[0] and " revocable" in lines[0]
    assert "not revocable" in next(line for line in lines if line.startswith("github-app-installation "))


def test_list_as_json_holds_the_same(unleak):
    rows = json.loads(unleak("patterns", "list", "--format", "json").stdout)
    assert {row["id"]: row["revocable"] for row in rows} == {
        pattern.id: pattern.revocable for pattern in BY_ID.values()
    }


def test_check_passes_on_the_builtin_pack(unleak):
    result = unleak("patterns", "check")
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == len(BY_ID)


def test_check_refuses_a_pack_whose_examples_disagree_with_it(unleak, tmp_path):
    pack = tmp_path / "mine.toml"
    for old, new, reason in (
        ("", "", None),
        ("[0-9a-f]{8}", "[0-9a-f]{9}", b"is not found exactly"),
        ("[0-9a-f]{8}", "[0-9a-f", b"regex: "),
        ("length = 13", "length = 12", b"makes 13 bytes where length says 12"),
        ('"acme_{hex:8}"', '"acne_{hex:8}"', b"does not begin with an anchor"),
        ('check = "none"', 'check = "none"\nnegative = ["acme_01234567"]', b"a negative example is found"),
    ):
        pack.write_text(GOOD.replace(old, new) if old else GOOD)
        result = unleak("patterns", "check", "mine.toml")
        assert result.returncode == (2 if reason else 0)
        assert (reason or b"") in result.stderr
        assert not reason or result.stderr.startswith(b"unleak: mine.toml: pattern acme-key: ")


def test_no_example_that_is_shown_is_a_token(unleak):
    shown = unleak("patterns", "list", "--format", "json").stdout + unleak("patterns", "check").stdout
    assert unleak("scan", "-", stdin=shown + mint(1)).returncode == 1
    assert unleak("scan", "-", stdin=shown).returncode == 0
