import base64
import hashlib
import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minting import BY_ID, mint

from scanner.secret import Secret, fingerprint, path_for_people, redact


def test_a_secret_shows_itself_only_when_revealed():
    token = mint(1)
    secret = Secret(token)
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r}", secret.redacted):
        assert token[4:-4].decode() not in text
        assert text.startswith(("ghp_…", "Secret(ghp_…"))
    assert secret.reveal() == token


def test_a_fingerprint_is_what_github_calls_the_hashed_token():
    token = mint(1)
    assert Secret(token).fingerprint == base64.b64encode(hashlib.sha256(token).digest()).decode()
    assert len(fingerprint(b"")) == 44


def test_a_secret_crosses_a_process_boundary():
    secret = Secret(mint(1))
    assert pickle.loads(pickle.dumps(secret)) == secret


@pytest.mark.parametrize("pattern", BY_ID)
@given(before=st.text(), after=st.text())
def test_redaction_never_leaks(pattern, before, after):
    token = mint(before + after, pattern).decode()
    shown = redact(before + token + after)
    assert token[:-4] not in shown
    assert token[8:-5] not in shown


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="_")))
def test_text_without_a_prefix_is_left_alone(text):
    assert redact(text) == text


def test_a_path_that_is_not_utf8_is_told_exactly_and_redacted_in_both_forms():
    token = mint(1)
    text, exact = path_for_people(os.fsdecode(b"caf\xe9/" + token + b"/x"))
    assert text == f"caf\N{REPLACEMENT CHARACTER}/ghp_…{token[-4:].decode()}/x"
    assert base64.b64decode(exact) == b"caf\xe9/" + f"ghp_…{token[-4:].decode()}".encode() + b"/x"
    assert path_for_people("plain/päth") == ("plain/päth", None)
