import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minting import BY_ID, lookalike, mint

import patterns
from scanner.detect import Detector
from scanner.finding import OVERLAP, WINDOW, Check

DETECTOR = Detector(patterns.builtin())


def tokens_in(buffer, detector=DETECTOR):
    return [(match.offset, match.secret.reveal()) for match in detector.search(buffer).matches]


@pytest.mark.parametrize("pattern", BY_ID)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"token = '", b"'\n"),
        (b"X_", b""),
        (b"abc123", b"\n"),
        (b"\x00\xff", b"\xff\x00"),
        ("π".encode(), "π".encode()),
        (b"ghp_", b" "),
        (b"ghp_github_pat_", b" "),
    ],
)
def test_a_token_is_found_exactly_whatever_stands_around_it(pattern, before, after):
    token = mint("around", pattern)
    assert tokens_in(before + token + after) == [(len(before), token)]


@pytest.mark.parametrize("pattern", [pattern for pattern in BY_ID if BY_ID[pattern].length])
@pytest.mark.parametrize("after", [b"_suffix", b"x", b"0123456789", b"_"])
def test_a_token_of_known_length_is_cut_out_of_a_longer_run(pattern, after):
    token = mint("run", pattern)
    assert tokens_in(token + after) == [(0, token)]


@pytest.mark.parametrize("first", BY_ID)
@pytest.mark.parametrize("second", BY_ID)
def test_two_tokens_back_to_back_are_two(first, second):
    one, two = mint(1, first), mint(2, second)
    if first == "github-app-installation-jwt" and second != first:
        two = b"\n" + two  # a signature's length is not known: it ends where its alphabet does
    assert [secret for _, secret in tokens_in(one + two)] == [one, two.strip()]


@pytest.mark.parametrize("text", [text for pattern in patterns.builtin() for text in pattern.negative])
def test_documentation_examples_are_no_findings(text):
    assert DETECTOR.search(text.encode()).matches == ()


def test_a_hundred_thousand_lookalikes_give_no_match():
    rng = random.Random(1)
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    prefixes = ["ghp_", "gho_", "ghu_", "ghs_"]
    lines = (rng.choice(prefixes) + "".join(rng.choices(alphabet, k=36)) for _ in range(100_000))
    buffer = "\n".join(lines).encode()
    found = DETECTOR.search(buffer)
    # Of 100,000 random ones, 62**-6 * 2**32 * 100,000 / 2**32 = 0.000002 are expected to pass.
    assert found.matches == ()
    assert found.lookalikes == 100_000


def test_lookalikes_are_matches_only_when_asked_for():
    detector = Detector(patterns.builtin(), include_failed=True)
    fake = lookalike(1)
    found = detector.search(b"a " + fake + b" b")
    assert [(match.offset, match.secret.reveal(), match.check) for match in found.matches] == [(2, fake, Check.FAILED)]
    assert found.lookalikes == 1


def test_a_mere_mention_of_a_prefix_is_no_lookalike():
    assert DETECTOR.search(b"tokens begin with ghp_, gho_ or github_pat_ and ghp_short").lookalikes == 0


def test_a_stateless_installation_token_is_not_counted_as_a_lookalike_of_the_old_form():
    token = mint(1, "github-app-installation-jwt")
    found = DETECTOR.search(token)
    assert [(match.pattern, match.check) for match in found.matches] == [("github-app-installation-jwt", Check.NONE)]
    assert found.lookalikes == 0


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_kind_of_buffer_will_do(kind):
    token = mint(1)
    assert tokens_in(kind(b"  " + token)) == [(2, token)]


@pytest.mark.parametrize("shift", [-93, -50, -11, -4, -3, -2, -1, 0, 1])
@pytest.mark.parametrize("pattern", ["github-pat-classic", "github-pat-fine-grained"])
def test_a_token_across_a_window_boundary_is_found_once(shift, pattern):
    token = mint(shift, pattern)
    buffer = bytearray(2 * WINDOW + 100)
    place = WINDOW + shift
    buffer[place : place + len(token)] = token
    assert tokens_in(buffer) == [(place, token)]


@given(data=st.data())
def test_cutting_the_input_anywhere_changes_nothing(data):
    kinds = data.draw(st.lists(st.sampled_from(list(BY_ID)), max_size=4))
    tokens = [mint(seed, pattern) for seed, pattern in enumerate(kinds)]
    gaps = [data.draw(st.binary(max_size=20)) + b" " for _ in tokens]
    text = b"".join(b" " + gap + token for gap, token in zip(gaps, tokens, strict=True)) + b" "
    padding = data.draw(st.integers(0, 300))
    whole = b" " * OVERLAP + text + b" " * padding
    cut = data.draw(st.integers(OVERLAP, len(whole)))
    first = DETECTOR.search(whole[:cut], more=True)
    rest = DETECTOR.search(whole[cut - OVERLAP :])
    found = [(match.offset, match.secret) for match in first.matches]
    found += [(match.offset + cut - OVERLAP, match.secret) for match in rest.matches]
    assert found == [(match.offset, match.secret) for match in DETECTOR.search(whole).matches]
    assert [secret.reveal() for _, secret in found if secret.reveal() in tokens] == tokens


@given(st.binary(max_size=2000))
def test_random_bytes_never_give_a_match(data):
    assert DETECTOR.search(data).matches == ()


def test_a_flood_of_bare_prefixes_stays_in_bounded_memory():
    flood = b"ghp_" * (2 * WINDOW // 4)
    tracemalloc.start()
    try:
        assert DETECTOR.search(flood).matches == ()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 80 << 20
