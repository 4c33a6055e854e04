import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from minting import mint
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest
from scripted import DROP, answering, error

from scanner.audit import AuditLog
from scanner.cli.main import main
from scanner.errors import Exit
from scanner.sandbox import running
from scanner.secret import fingerprint

CONTRACT = OpenAPI.from_dict(json.loads((Path(__file__).parents[1] / "sandbox" / "openapi.json").read_text()))
AUTHORIZATIONS = "credential-authorizations"


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    directory = tmp_path / "state"
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(directory))
    monkeypatch.setenv("UNLEAK_GITHUB_TOKEN", "sandbox-app")
    return directory


@pytest.fixture
def act(capsys):
    """Runs the command for real against a server, with the right words of confirmation."""

    def run(server, *words, confirm=None):
        slug = words[1]
        phrase = confirm or (f"destroy {slug}" if "--destroy-credentials" in words else slug)
        code = main(["enterprise", *words, "--execute", "--confirm", phrase, "--api-url", server.url])
        return code, capsys.readouterr()

    return run


def records(state):
    return [json.loads(record) for record in AuditLog(state).records()]


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (["revoke-all", "octo-corp"], f"octo-corp/{AUTHORIZATIONS}/revoke-all", '{"revoke_credentials":false}'),
        (
            ["revoke-user", "octo-corp", "member"],
            f"octo-corp/{AUTHORIZATIONS}/member/revoke",
            '{"revoke_credentials":false}',
        ),
        (
            ["revoke-user", "octo-managed", "member", "--destroy-credentials"],
            f"octo-managed/{AUTHORIZATIONS}/member/revoke",
            '{"revoke_credentials":true}',
        ),
    ],
)
def test_a_dry_run_shows_what_would_be_sent_and_execute_sends_exactly_that(act, state, capsys, words, path, body):
    assert main(["enterprise", *words]) == Exit.CLEAN
    shown = capsys.readouterr().out
    assert f"POST https://api.github.com/enterprises/{path}\n" in shown
    assert f"\n{body}\n" in shown
    assert "The calling token may die with the rest." in shown
    assert "Nothing was sent" in shown
    assert ("DESTROYS all personal access tokens" in shown) == ("true" in body)
    calls = []
    with running(script=calls.append) as sandbox:
        code, output = act(sandbox, *words)
    (call,) = calls
    assert code == Exit.CLEAN, output.err
    assert (call.path, call.body.decode()) == (f"/enterprises/{path}", body)
    assert call.headers["authorization"] == "Bearer sandbox-app"
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


def test_a_dry_run_opens_no_socket_and_leaves_no_trace(state, monkeypatch):
    def opened(*_args, **_kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", opened)
    monkeypatch.setattr(socket, "getaddrinfo", opened)
    for name in ("EXECUTE", "CONFIRM", "DESTROY_CREDENTIALS"):
        monkeypatch.setenv(f"UNLEAK_{name}", "1")
    assert main(["enterprise", "revoke-all", "octo-corp"]) == Exit.CLEAN
    assert not state.exists()


@pytest.mark.parametrize(
    ("token", "words", "status", "says", "step"),
    [
        ("sandbox-member", ["revoke-all", "octo-corp"], 403, "may not do this", "an enterprise owner"),
        ("sandbox-owner", ["revoke-all", "nowhere"], 404, "no such enterprise or user", "Compare the slug"),
        ("sandbox-owner", ["revoke-user", "octo-corp", "nobody"], 404, "no such enterprise or user", "Compare"),
        (
            "sandbox-owner",
            ["revoke-all", "octo-corp", "--destroy-credentials"],
            422,
            "only available for EMU enterprises",
            "Enterprise Managed Users only",
        ),
        ("sandbox-owner", ["revoke-user", "octo-managed", "protected"], 422, "cannot be revoked", "some users"),
        ("stranger", ["revoke-all", "octo-corp"], 401, "does not know the calling token", "expired"),
    ],
)
def test_a_refusal_is_told_in_words_with_the_next_step(act, state, monkeypatch, token, words, status, says, step):
    monkeypatch.setenv("UNLEAK_GITHUB_TOKEN", token)
    with running() as sandbox:
        code, output = act(sandbox, *words)
        assert len(sandbox.received) == 1
    assert code == Exit.ERROR
    assert says in output.err
    assert step in output.err.split("hint: ")[1]
    intended, answered = records(state)
    assert intended["event.action"] == "enterprise-intended"
    assert (answered["event.outcome"], answered["http.response.status_code"]) == ("failure", status)


def test_a_calling_token_that_dies_is_warned_of_and_the_next_call_says_that_it_is_unknown(act, monkeypatch):
    monkeypatch.setenv("UNLEAK_GITHUB_TOKEN", "sandbox-owner")
    with running() as sandbox:
        code, output = act(sandbox, "revoke-all", "octo-managed", "--destroy-credentials")
        assert code == Exit.CLEAN
        assert output.out == "accepted (202): Credential authorization revocation has been queued\n"
        assert "GitHub warns: The token used for this request may also be revoked" in output.err
        code, output = act(sandbox, "revoke-all", "octo-managed")
        assert code == Exit.ERROR
        assert "have died in an earlier call" in output.err


def test_intent_and_outcome_are_on_record_and_the_intent_before_a_byte_leaves(act, state):
    seen = []

    def answer(_number, _credentials):
        seen.extend(records(state))
        return 202, {"x-github-request-id": "AB:1"}, b'{"message":"queued"}'

    with answering(answer) as server:
        act(server, "revoke-user", "octo-corp", "member")
        url = server.url
    (intended,) = seen
    assert intended["event.action"] == "enterprise-intended"
    assert intended["url.full"] == f"{url}/enterprises/octo-corp/{AUTHORIZATIONS}/member/revoke"
    assert intended["organization.name"] == "octo-corp"
    assert intended["user.target.name"] == "member"
    assert intended["unleak.destroy_credentials"] == "false"
    assert intended["unleak.caller"] == fingerprint(b"sandbox-app")
    _, answered = records(state)
    assert (answered["event.outcome"], answered["http.request.id"]) == ("success", "AB:1")
    AuditLog(state).verify()


@pytest.mark.parametrize("answer", [DROP, error(500, "boom"), error(502, "bad gateway")])
def test_where_nobody_knows_whether_it_was_taken_it_says_so_and_is_not_sent_again(act, state, answer):
    with answering(answer) as server:
        code, output = act(server, "revoke-all", "octo-corp")
        assert len(server.requests) == 1
    assert code == Exit.ERROR
    assert "may have been taken all the same" in output.err
    assert records(state)[1]["event.outcome"] == "unknown"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (error(403, "slow down", headers={"retry-after": "60"}), "rate limit (403)"),
        (error(403, "limit", headers={"x-ratelimit-remaining": "0"}), "rate limit (403)"),
        ((307, {"location": "http://127.0.0.1:1/"}, b""), "unexpected (307)"),
        ((200, {}, b"{}"), "unexpected (200)"),
    ],
)
def test_nothing_but_202_is_accepted(act, answer, says):
    with answering(answer) as server:
        code, output = act(server, "revoke-all", "octo-corp")
    assert code == Exit.ERROR
    assert says in output.err


def test_where_nobody_listens_nothing_was_sent(act, state):
    with answering(DROP) as server:
        pass
    code, output = act(server, "revoke-all", "octo-corp")
    assert code == Exit.ERROR
    assert "unreachable: nothing was sent" in output.err
    assert records(state)[1]["event.outcome"] == "failure"


@pytest.mark.parametrize(
    "argv",
    [
        ["revoke-all", "octo-corp", "--execute"],
        ["revoke-all", "octo-corp", "--execute", "--confirm", "octo-managed"],
        ["revoke-all", "octo-corp", "--execute", "--confirm", "destroy octo-corp"],
        ["revoke-all", "octo-corp", "--execute", "--destroy-credentials", "--confirm", "octo-corp"],
        ["revoke-all", "octo-corp", "member", "--execute", "--confirm", "octo-corp"],
        ["revoke-user", "octo-corp", "--execute", "--confirm", "octo-corp"],
        ["revoke-user", "octo-corp", "a/../../x", "--execute", "--confirm", "octo-corp"],
        ["revoke-all", "..", "--execute", "--confirm", ".."],
        ["revoke-all", "octo-corp?x", "--execute", "--confirm", "octo-corp?x"],
        ["revoke-all", "octo-corp", "--execute", "--confirm", "octo-corp", "--token-file", "/nowhere"],
    ],
)
def test_what_is_not_confirmed_or_makes_no_sense_is_not_sent(argv):
    with running() as sandbox:
        assert main(["enterprise", *argv, "--api-url", sandbox.url]) == Exit.ERROR
        assert sandbox.received == ()


@pytest.mark.parametrize(("typed", "code"), [("octo-corp\n", Exit.CLEAN), ("yes\n", Exit.ERROR), ("", Exit.ERROR)])
def test_on_a_terminal_the_slug_is_typed(monkeypatch, capsys, typed, code):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with running() as sandbox:
        assert main(["enterprise", "revoke-all", "octo-corp", "--execute", "--api-url", sandbox.url]) == code
        assert len(sandbox.received) == (code == Exit.CLEAN)
    asked = capsys.readouterr().err
    assert "EVERY user of the enterprise octo-corp" in asked
    assert "Type 'octo-corp' to send it" in asked


@pytest.mark.parametrize("url", ["https://evil.example", "http://api.github.com", "https://api.x.ghe.com.evil.example"])
def test_the_calling_token_goes_to_no_other_address(url, capsys):
    words = ["enterprise", "revoke-all", "octo-corp", "--execute", "--confirm", "octo-corp", "--api-url", url]
    assert main(words) == Exit.ERROR
    assert "--api-url" in capsys.readouterr().err


def test_an_address_with_data_residency_is_shown_in_a_dry_run(capsys):
    assert main(["enterprise", "revoke-all", "octo", "--api-url", "https://api.octo.ghe.com"]) == Exit.CLEAN
    assert "POST https://api.octo.ghe.com/enterprises/octo/" in capsys.readouterr().out


@pytest.mark.parametrize("token", ["", "two words", "umläut"])
def test_a_calling_token_that_is_none_is_refused(act, monkeypatch, token):
    monkeypatch.setenv("UNLEAK_GITHUB_TOKEN", token)
    with running() as sandbox:
        code, output = act(sandbox, "revoke-all", "octo-corp")
        assert sandbox.received == ()
    assert code == Exit.ERROR
    assert "calling token" in output.err


def test_the_calling_token_comes_from_a_file_of_ones_own_and_is_stored_nowhere(state, tmp_path, monkeypatch, capfd):
    token = mint("caller").decode()
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(f"{token}\n")
    monkeypatch.delenv("UNLEAK_GITHUB_TOKEN")
    words = ["enterprise", "revoke-all", "octo-corp", "--execute", "--confirm", "octo-corp", "--token-file", str(path)]
    with answering(error(403, f"you are {token}")) as server:
        assert main([*words, "--api-url", server.url, "-v"]) == Exit.ERROR
        ((_, headers, _),) = server.requests
        assert headers["authorization"] == f"Bearer {token}"
        path.chmod(0o644)
        assert main([*words, "--api-url", server.url]) == Exit.ERROR
        assert len(server.requests) == 1
    written = "".join(capfd.readouterr()) + AuditLog(state).path.read_text()
    assert token not in written


def test_no_other_command_can_reach_it():
    script = """if True:
        import importlib, sys
        from scanner.cli import main, options
        for name in sorted(main._COMMANDS.keys() - {"enterprise"}):
            importlib.import_module(f"scanner.cli.{name}").configure(options.Parser())
        import scanner.revoke.dispatch, scanner.revoke.client
        print([name for name in sys.modules if "enterprise" in name and "sandbox" not in name])
    """
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ, cwd="/"
    )
    assert said.stdout == "[]\n"
