import pytest

from scanner.sandbox import running

AUTHORIZATIONS = "credential-authorizations"
ALL = f"octo-corp/{AUTHORIZATIONS}/revoke-all"
MEMBER = f"octo-corp/{AUTHORIZATIONS}/member/revoke"
MANAGED_ALL = f"octo-managed/{AUTHORIZATIONS}/revoke-all"
MANAGED_MEMBER = f"octo-managed/{AUTHORIZATIONS}/member/revoke"
DESTROY = {"revoke_credentials": True}
SPARE = {"revoke_credentials": False}


@pytest.mark.parametrize("body", [None, {}, SPARE, {"other": 1}], ids=str)
@pytest.mark.parametrize(
    ("path", "message"),
    [
        (ALL, "Credential authorization revocation has been queued"),
        (MANAGED_ALL, "Credential authorization revocation has been queued"),
        (MEMBER, "Credential authorization revocation for user 'member' has been queued"),
        (MANAGED_MEMBER, "Credential authorization revocation for user 'member' has been queued"),
    ],
)
def test_who_may_revoke_has_it_queued(ask, path, message, body):
    answer = ask.enterprise(path, "sandbox-app", body)
    assert (answer.status, answer.json) == (202, {"message": message})


@pytest.mark.parametrize("path", [MANAGED_ALL, MANAGED_MEMBER])
def test_credentials_of_managed_users_can_be_destroyed(ask, path):
    assert ask.enterprise(path, "sandbox-app", DESTROY).status == 202


@pytest.mark.parametrize("path", [ALL, MEMBER])
def test_credentials_of_other_users_cannot_be_destroyed(ask, path):
    answer = ask.enterprise(path, "sandbox-app", DESTROY)
    assert answer.status == 422
    assert "only available for EMU enterprises" in answer.json["message"]


def test_a_protected_user_cannot_be_revoked(ask):
    answer = ask.enterprise(f"octo-managed/{AUTHORIZATIONS}/protected/revoke", "sandbox-app", SPARE)
    assert (answer.status, answer.json["message"]) == (422, "The target user cannot be revoked")


@pytest.mark.parametrize("body", [b"null", [], {"revoke_credentials": "yes"}, {"revoke_credentials": None}], ids=str)
@pytest.mark.parametrize("path", [MANAGED_ALL, MANAGED_MEMBER])
def test_a_body_of_another_shape_is_a_validation_error(ask, path, body):
    assert ask.enterprise(path, "sandbox-app", body).status == 422


def test_a_body_that_is_no_json_is_a_bad_request(ask):
    assert ask.enterprise(ALL, "sandbox-app", b"{").status == 400


@pytest.mark.parametrize("path", [ALL, MANAGED_ALL, MEMBER, MANAGED_MEMBER])
def test_who_is_no_owner_is_forbidden(ask, path):
    answer = ask.enterprise(path, "sandbox-member")
    assert (answer.status, answer.json["status"]) == (403, "403")


@pytest.mark.parametrize(
    "path",
    [
        f"nowhere/{AUTHORIZATIONS}/revoke-all",
        f"nowhere/{AUTHORIZATIONS}/member/revoke",
        f"octo-corp/{AUTHORIZATIONS}/nobody/revoke",
        f"octo-corp/{AUTHORIZATIONS}//revoke",
        f"octo-corp/{AUTHORIZATIONS}/revoke-all/",
        f"octo-corp/{AUTHORIZATIONS}/revoke",
        "octo-corp",
    ],
)
def test_an_unknown_enterprise_user_or_path_is_not_found(ask, path):
    assert ask.enterprise(path).status == 404


@pytest.mark.parametrize(
    ("token", "message"),
    [(None, "Requires authentication"), ("nobody", "Bad credentials"), ("", "Requires authentication")],
)
def test_who_is_unknown_is_unauthorized(ask, token, message):
    answer = ask.enterprise(ALL, token)
    assert (answer.status, answer.json["message"]) == (401, message)


@pytest.mark.parametrize(
    ("path", "token", "dies"),
    [
        (MANAGED_ALL, "sandbox-owner", True),
        (f"octo-managed/{AUTHORIZATIONS}/owner/revoke", "sandbox-owner", True),
        (MANAGED_MEMBER, "sandbox-owner", False),
        (MANAGED_ALL, "sandbox-app", False),
    ],
)
def test_a_personal_token_that_revokes_its_own_user_is_warned_of_and_dies(asking, path, token, dies):
    with running() as sandbox:
        ask = asking(sandbox)
        answer = ask.enterprise(path, token, SPARE)
        assert answer.status == 202
        assert ("warning" in answer.json) == dies
        assert ask.enterprise(MEMBER, token).status == (401 if dies else 202)
        assert [one.caller is None for one in sandbox.received] == [False, dies]


def test_a_call_that_is_refused_kills_no_token(asking):
    with running() as sandbox:
        ask = asking(sandbox)
        assert ask.enterprise(ALL, "sandbox-owner", DESTROY).status == 422
        assert ask.enterprise(MEMBER, "sandbox-owner").status == 202
