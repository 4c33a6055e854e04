import random
import re
from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from minting import BY_ID, lookalike, mint

import patterns
from patterns import PackError
from patterns.checksum import CHECKSUMS, crc32_digits

GOOD = """
schema = 1
[[pattern]]
id = "acme-key"
name = "Acme key"
anchors = ["acme_"]
regex = "acme_[0-9a-f]{8}"
length = 13
check = "none"
template = "acme_{hex:8}"
"""


def test_the_builtin_pack_holds_githubs_seven():
    assert list(BY_ID) == [
        "github-pat-classic",
        "github-pat-fine-grained",
        "github-oauth",
        "github-app-user",
        "github-app-installation",
        "github-app-refresh",
        "github-app-installation-jwt",
    ]
    assert [pattern.id for pattern in patterns.builtin() if not pattern.revocable] == [
        "github-app-installation",
        "github-app-installation-jwt",
    ]


@pytest.mark.parametrize("pattern", patterns.builtin(), ids=lambda pattern: pattern.id)
def test_a_made_example_has_the_form_the_length_and_the_check(pattern):
    for seed in range(50):
        token = pattern.example(random.Random(seed))
        assert regex.fullmatch(pattern.regex.encode(), token)
        assert pattern.length in {None, len(token)}
        assert pattern.checksum is None or pattern.checksum.passes(token)
        assert len(token) <= patterns.MAX_LENGTH


@pytest.mark.parametrize(("body", "crc"), [(b"", 0), (b"a", 0xE8B7BE43), (b"123456789", 0xCBF43926)])
def test_check_digits_are_base62_of_the_crc32_padded_to_six(body, crc):
    # The last is the check value that is published for CRC-32.
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    digits = crc32_digits(body).decode()
    assert len(digits) == 6
    assert sum(alphabet.index(digit) * 62**place for place, digit in enumerate(reversed(digits))) == crc


@pytest.mark.parametrize("pattern", [pattern for pattern in BY_ID if BY_ID[pattern].checksum])
def test_a_lookalike_fails_the_check(pattern):
    checksum = BY_ID[pattern].checksum
    assert checksum.passes(mint(1, pattern))
    assert not checksum.passes(lookalike(1, pattern))
    assert len(lookalike(1, pattern)) == len(mint(1, pattern))


@pytest.mark.parametrize("pattern", [pattern for pattern in BY_ID if BY_ID[pattern].checksum])
@given(data=st.data())
def test_one_wrong_character_fails_the_check_wherever_it_is_covered(pattern, data):
    token = mint(1, pattern)
    last_covered = 85 if pattern == "github-pat-fine-grained" else len(token)
    place = data.draw(st.integers(token.index(b"_", 7 if last_covered == 85 else 0) + 1, last_covered - 1))
    wrong = data.draw(st.sampled_from(b"09AZaz"))
    changed = token[:place] + bytes([wrong]) + token[place + 1 :]
    assert BY_ID[pattern].checksum.passes(changed) == (changed == token)


def test_completing_is_idempotent():
    for name, checksum in CHECKSUMS.items():
        pattern = next(pattern for pattern in patterns.builtin() if pattern.check == name)
        token = mint(1, pattern.id)
        assert checksum.complete(token) == token


def test_a_good_pack_loads(tmp_path):
    pack = tmp_path / "mine.toml"
    pack.write_text(GOOD)
    (pattern,) = patterns.load(pack)
    assert (pattern.id, pattern.anchors, pattern.length, pattern.revocable) == ("acme-key", (b"acme_",), 13, False)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("schema = 1", "schema = 2", "schema: want 1, got 2"),
        ("schema = 1", "", "schema: want 1, got None"),
        ("[[pattern]]", "[[patterns]]", "unknown key: patterns"),
        ("schema = 1", "schema = ", "not TOML"),
        ('id = "acme-key"', 'id = "Acme"', "pattern Acme: id: want lower-case"),
        ('id = "acme-key"', "", "pattern number 1: missing: id"),
        ('name = "Acme key"', "name = 3", "pattern acme-key: name: want str, got int"),
        ('anchors = ["acme_"]', "anchors = []", "pattern acme-key: anchors: at least one"),
        ('anchors = ["acme_"]', 'anchors = ["a"]', "'a' is shorter than 3 bytes"),
        ('anchors = ["acme_"]', "anchors = [1]", "want a list of strings"),
        ("length = 13", "length = 0", "length: want 1 to 4096, got 0"),
        ("length = 13", "length = true", "length: want int, got bool"),
        ('check = "none"', 'check = "md5"', "check: want github-crc32, github-sha256, none, got 'md5'"),
        ('check = "none"', 'check = "none"\nrevocable = true', "revocable: GitHub does not accept this type"),
        ('length = 13\ncheck = "none"', 'check = "github-crc32"', "length: a pattern with a check needs one"),
        ("{hex:8}", "{octal:8}", "template: unknown alphabet 'octal'"),
        ('check = "none"', 'check = "none"\ncolour = "red"', "pattern acme-key: unknown key: colour"),
    ],
)
def test_a_bad_pack_is_refused_with_file_pattern_and_reason(tmp_path, old, new, reason):
    pack = tmp_path / "mine.toml"
    assert old in GOOD
    pack.write_text(GOOD.replace(old, new))
    with pytest.raises(PackError, match=f"^{re.escape(str(pack))}: ") as raised:
        patterns.load(pack)
    assert reason in str(raised.value)


def test_two_patterns_with_one_id_are_refused(tmp_path):
    pack = tmp_path / "mine.toml"
    pack.write_text(GOOD + GOOD.replace("schema = 1", ""))
    with pytest.raises(PackError, match="acme-key: its id is taken"):
        patterns.load(pack)


def test_a_pack_that_cannot_be_read_says_so():
    with pytest.raises(PackError, match=r"^/no/such\.toml: cannot be read"):
        patterns.load(Path("/no/such.toml"))
