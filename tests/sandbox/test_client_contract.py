"""The client's requests against GitHub's published description, and the sandbox's answers as the client reads them."""

import json
from pathlib import Path

import pytest
from minting import BY_ID, mint
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest

from scanner.errors import UsageError
from scanner.http import anonymous
from scanner.revoke.client import Client, Meaning
from scanner.sandbox import Answer, running
from scanner.secret import Secret

CONTRACT = OpenAPI.from_dict(json.loads((Path(__file__).parent / "openapi.json").read_text()))


@pytest.fixture
def client():
    """Makes the real client for a sandbox."""
    return lambda sandbox: Client(anonymous(sandbox.url))


def batch(count):
    return [Secret(mint(number)) for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_what_the_client_sends_is_what_the_description_asks_for(client, count):
    calls = []
    with running(script=calls.append) as sandbox:
        answer = client(sandbox).submit(batch(count))
    (call,) = calls
    CONTRACT.validate_request(
        MockRequest(
            "https://api.github.com",
            call.method,
            call.path,
            headers=dict(call.headers),
            data=call.body,
            content_type=call.headers["content-type"],
        )
    )
    assert call.headers["user-agent"].startswith("unleak/")
    assert call.headers["accept"] == "application/vnd.github+json"
    assert call.headers["x-github-api-version"] == "2026-03-10"
    assert not {"authorization", "cookie", "proxy-authorization"} & call.headers.keys()
    assert (answer.meaning, answer.status) == (Meaning.ACCEPTED, 202)
    assert answer.request.startswith("SANDBOX:")


def test_every_type_that_github_revokes_arrives_as_it_was_sent(client):
    secrets = [Secret(mint("type", pattern.id)) for pattern in BY_ID.values() if pattern.revocable]
    with running() as sandbox:
        client(sandbox).submit(secrets)
        assert sandbox.received[0].fingerprints == tuple(secret.fingerprint for secret in secrets)


def test_the_client_is_told_what_is_left_and_stops_at_the_limit(client, clock):
    with running(limit=2, clock=clock) as sandbox:
        one = client(sandbox)
        answers = [one.submit(batch(1)) for _ in range(3)]
    assert [answer.meaning for answer in answers] == [Meaning.ACCEPTED, Meaning.ACCEPTED, Meaning.PRIMARY_LIMIT]
    assert [answer.limits.remaining for answer in answers] == [1, 0, 0]
    assert all(3600 <= answer.limits.reset <= 3601 for answer in answers)


def test_a_batch_of_more_than_a_thousand_is_refused_to_the_client(client):
    with running() as sandbox:
        answer = client(sandbox).submit([Secret(b"x")] * 1001)
    assert (answer.meaning, answer.status) == (Meaning.REFUSED, 422)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_and_nothing_is_sent_twice(client, status):
    with running() as elsewhere:
        answer = Answer(status, headers={"location": f"{elsewhere.url}/credentials/revoke"})
        with running(script=lambda call: answer) as sandbox:
            assert client(sandbox).submit(batch(3)).meaning is Meaning.REDIRECTED
            assert len(sandbox.received) == 1
        assert elsewhere.received == ()


def test_a_hostile_netrc_and_proxies_in_the_environment_change_nothing(client, tmp_path, monkeypatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\ndefault login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    with running() as elsewhere, running() as sandbox:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, elsewhere.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert client(sandbox).submit(batch(1)).meaning is Meaning.ACCEPTED
        assert "authorization" not in sandbox.received[0].headers
        assert elsewhere.received == ()


def test_user_info_in_the_address_is_refused_before_anything_is_sent():
    with running() as sandbox:
        with pytest.raises(UsageError, match="user name"):
            anonymous(sandbox.url.replace("//", "//somebody:something@"))
        assert sandbox.received == ()
