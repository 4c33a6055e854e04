"""The sandbox, and whoever talks to it, against the operations that GitHub publishes.

``openapi.json`` holds them as published in GitHub's OpenAPI description of version 2026-03-10, without the prose.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minting import mint
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from openapi_core.validation.request.exceptions import RequestValidationError

from scanner.sandbox import running

HERE = Path(__file__).parent
DESCRIPTION = json.loads((HERE / "openapi.json").read_text())
CONTRACT = OpenAPI.from_dict(DESCRIPTION)
BASE = "https://api.github.com"
AGENT = {"User-Agent": "unleak-tests", "X-GitHub-Api-Version": "2026-03-10"}
AUTHORIZATIONS = "credential-authorizations"
REVOKE = "/credentials/revoke"
ALL = f"/enterprises/octo-managed/{AUTHORIZATIONS}/revoke-all"
USER = f"/enterprises/octo-managed/{AUTHORIZATIONS}/member/revoke"
TOKEN = {"Authorization": "Bearer sandbox-app"}


def described(path):
    """The statuses that the description lists for a path."""
    return {int(status) for status in DESCRIPTION["paths"][path]["post"]["responses"]}


def check_request(method, path, body):
    CONTRACT.validate_request(MockRequest(BASE, method, path, data=body))


def check_response(path, answer, body=b"{}"):
    CONTRACT.validate_response(
        MockRequest(BASE, "POST", path, data=body), MockResponse(answer.body, answer.status, answer.headers)
    )


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        (REVOKE, {}, {"credentials": ["x"]}, 202),
        (REVOKE, {}, {"credentials": []}, 422),
        (REVOKE, {}, {"credentials": [7]}, 422),
        (ALL, TOKEN, None, 202),
        (ALL, {"Authorization": "Bearer sandbox-owner"}, {"revoke_credentials": True}, 202),
        (ALL, {"Authorization": "Bearer sandbox-member"}, {}, 403),
        (ALL.replace("managed", "missing"), TOKEN, {}, 404),
        (ALL.replace("managed", "corp"), TOKEN, {"revoke_credentials": True}, 422),
        (USER, TOKEN, {"revoke_credentials": True}, 202),
        (USER, {"Authorization": "Bearer sandbox-member"}, {}, 403),
        (USER.replace("member", "nobody"), TOKEN, {}, 404),
        (USER.replace("member", "protected"), TOKEN, {}, 422),
    ],
)
def test_every_answer_of_every_endpoint_is_as_described(asking, path, headers, body, status):
    with running() as sandbox:
        answer = asking(sandbox)("POST", path, body, {**AGENT, **headers})
    assert answer.status == status
    check_response(path, answer)


def test_every_described_status_but_500_is_one_that_the_table_above_provokes():
    table = test_every_answer_of_every_endpoint_is_as_described.pytestmark[0].args[1]
    provoked = {"credentials": set(), "revoke-all": set(), "user": set()}
    for path, _, _, status in table:
        kind = "credentials" if path == REVOKE else "revoke-all" if path.endswith("revoke-all") else "user"
        provoked[kind].add(status)
    listed = {
        "credentials": described(REVOKE) - {500},
        "revoke-all": described(f"/enterprises/{{enterprise}}/{AUTHORIZATIONS}/revoke-all"),
        "user": described(f"/enterprises/{{enterprise}}/{AUTHORIZATIONS}/{{username}}/revoke"),
    }
    assert provoked == listed


def test_the_check_itself_can_fail(asking):
    with pytest.raises(RequestValidationError):
        check_request("POST", REVOKE, b'{"credentials":[]}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NEARLY_RIGHT = st.fixed_dictionaries(
    {}, optional={"credentials": st.lists(st.text() | JSON), "revoke_credentials": JSON}
)


@settings(max_examples=200, deadline=None)
@given(body=JSON | NEARLY_RIGHT)
@pytest.mark.parametrize(
    ("path", "headers"), [(REVOKE, {}), (ALL, TOKEN), (USER, TOKEN)], ids=["revoke", "all", "user"]
)
def test_any_json_gets_an_answer_that_the_description_allows(ask, path, headers, body):
    content = json.dumps(body).encode()
    answer = ask("POST", path, content, {**AGENT, **headers})
    assert answer.status in {202, 422}
    check_response(path, answer)
    # What the description allows is accepted, and nothing else is.
    try:
        check_request("POST", path, content)
    except RequestValidationError:
        assert answer.status == 422
    else:
        assert answer.status == 202


@settings(max_examples=25, deadline=None)
@given(count=st.sampled_from([1, 2, 999, 1000, 1001, 1500]), seed=st.integers(0, 10**9))
def test_the_bounds_of_a_batch_are_those_of_the_description(ask, count, seed):
    content = json.dumps({"credentials": [mint(seed).decode()] * count}).encode()
    answer = ask("POST", REVOKE, content)
    check_response(REVOKE, answer)
    assert answer.status == (202 if count <= 1000 else 422)
    if count > 1000:
        with pytest.raises(RequestValidationError):
            check_request("POST", REVOKE, content)
    else:
        check_request("POST", REVOKE, content)
