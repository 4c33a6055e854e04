import hashlib
from base64 import b64encode

import pytest
from minting import lookalike, mint

from scanner.secret import fingerprint

AGENT = {"User-Agent": "unleak-tests"}
PATH = "/credentials/revoke"


@pytest.mark.parametrize("count", [1, 2, 999, 1000])
def test_one_to_a_thousand_credentials_are_accepted_with_an_empty_object(ask, count):
    answer = ask.submit(*(mint(number) for number in range(count)))
    assert (answer.status, answer.json) == (202, {})


def test_what_was_received_is_known_by_its_fingerprints_in_order(ask, sandbox):
    tokens = [mint("first"), lookalike("second"), b"anything", mint("first")]
    ask.submit(*tokens)
    received = sandbox.received[-1]
    assert received.fingerprints == tuple(b64encode(hashlib.sha256(token).digest()).decode() for token in tokens)
    assert (received.method, received.path, received.status, received.credentials) == ("POST", PATH, 202, 4)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        "credentials",
        7,
        {"credentials": None},
        {"credentials": "one"},
        {"credentials": {"0": "one"}},
        {"credentials": []},
        {"credentials": ["x"] * 1001},
        {"credentials": ["x", 7]},
        {"credentials": ["x", None]},
        {"credentials": [["x"]]},
        {"Credentials": ["x"]},
    ],
    ids=repr,
)
def test_a_wrong_shape_is_a_validation_error(ask, body):
    content = b"null" if body is None else body
    answer = ask("POST", PATH, content)
    assert answer.status == 422
    assert answer.json["message"] == "Validation Failed"
    assert answer.json["documentation_url"].startswith("https://docs.github.com/rest/")
    assert all(isinstance(error, str) for error in answer.json["errors"])


def test_no_body_at_all_is_a_validation_error(ask):
    assert ask("POST", PATH).status == 422


@pytest.mark.parametrize(
    "content",
    [b"{", b"{'credentials':['x']}", b'{"credentials":[NaN]}', b"\xff\xfe", b'"\\ud800"', b"[" * 100_000],
    ids=["cut", "single quotes", "NaN", "not UTF-8", "a lone surrogate", "very deep"],
)
def test_what_is_no_json_is_a_bad_request(ask, sandbox, content):
    answer = ask("POST", PATH, content)
    assert (answer.status, answer.json["message"]) == (400, "Problems parsing JSON")
    assert sandbox.received[-1].credentials == 0


@pytest.mark.parametrize(
    "header",
    [
        {"Authorization": "Bearer anything"},
        {"Authorization": "Bearer sandbox-owner"},
        {"Authorization": "token anything"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": ""},
        {"Cookie": "session=1"},
    ],
    ids=str,
)
def test_anything_authenticated_is_forbidden(ask, sandbox, header):
    answer = ask.submit(mint("authenticated"), headers={**AGENT, **header})
    assert answer.status == 403
    assert answer.json["message"] == "This endpoint does not accept authenticated requests"
    assert int(answer.headers["x-ratelimit-remaining"]) > 0
    assert next(iter(header)).lower() in sandbox.received[-1].headers


@pytest.mark.parametrize("headers", [{}, {"User-Agent": ""}], ids=["missing", "empty"])
def test_a_request_without_user_agent_is_forbidden(ask, headers):
    answer = ask.submit(mint("no agent"), headers=headers)
    assert answer.status == 403
    assert "User-Agent" in answer.json["message"]


@pytest.mark.parametrize("version", ["2022-11-28", "2026-03-10", None])
def test_a_known_api_version_or_none_is_taken(ask, version):
    assert ask.submit("x", headers=AGENT | ({"X-GitHub-Api-Version": version} if version else {})).status == 202


@pytest.mark.parametrize("version", ["2011-01-01", "latest", ""])
def test_an_unknown_api_version_is_a_bad_request(ask, version):
    assert ask.submit("x", headers={**AGENT, "X-GitHub-Api-Version": version}).status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/credentials/revoke/"),
        ("POST", "//credentials/revoke"),
        ("POST", "/credentials"),
        ("POST", "/"),
        ("GET", "/credentials/revoke"),
        ("PUT", "/credentials/revoke"),
        ("POST", "/rate_limit"),
        ("GET", "/rate_limit/"),
        ("GET", "/user"),
    ],
)
def test_every_other_path_and_method_is_not_found(ask, method, path):
    answer = ask(method, path, {"credentials": ["x"]})
    assert (answer.status, answer.json["message"]) == (404, "Not Found")


def test_a_token_sent_to_a_wrong_path_is_still_counted_as_received(ask, sandbox):
    ask("POST", "/credentials/revoke/", {"credentials": [mint("astray").decode()]})
    assert sandbox.received[-1].fingerprints == (fingerprint(mint("astray")),)


def test_every_request_has_an_id_of_its_own(ask):
    ids = {ask.submit("x").headers["x-github-request-id"] for _ in range(3)}
    assert len(ids) == 3


def test_no_answer_quotes_a_token_that_was_sent(ask):
    token = mint("quoted").decode()
    answers = [
        ask("POST", PATH, {"credentials": [token, 7]}),
        ask("POST", PATH, f'["{token}'.encode()),
        ask("POST", f"/{token}", {"credentials": [token]}),
        ask.submit(token, headers={**AGENT, "Authorization": f"Bearer {token}"}),
        ask.submit(token, headers={**AGENT, "X-GitHub-Api-Version": token}),
        ask.enterprise(f"{token}/credential-authorizations/{token}/revoke"),
    ]
    for answer in answers:
        assert token.encode() not in answer.body
        assert token not in str(answer.headers)
