import socket
import sys

import pytest
from leaks import leak
from minting import mint
from scripted import ACCEPTED, answering, error

from scanner.cli.main import main
from scanner.errors import Exit
from scanner.ledger import Ledger, State
from scanner.secret import fingerprint


@pytest.fixture
def state(tmp_path, monkeypatch):
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(directory))
    return directory


@pytest.fixture
def queue(state):
    def add(*findings):
        with Ledger.open(state) as ledger:
            ledger.add(findings)

    return add


@pytest.fixture
def states(state):
    def read():
        with Ledger.open(state) as ledger:
            return [entry.state for entry in ledger.entries()]

    return read


def plan_id(output):
    return output.split()[1].rstrip(":")


def test_without_execute_it_opens_no_socket(queue, states, monkeypatch, capsys):
    queue(leak("a"), leak("b"))

    def opened(*_args, **_kwargs):
        raise AssertionError("a socket was opened")

    for name in ("__init__", "connect"):
        monkeypatch.setattr(socket.socket, name, opened)
    monkeypatch.setattr(socket, "getaddrinfo", opened)
    monkeypatch.setenv("UNLEAK_EXECUTE", "1")
    monkeypatch.setenv("UNLEAK_YES", "1")
    assert main(["revoke"]) == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "2 secrets in 1 request to https://api.github.com" in shown
    assert "budget: 60 of 60 requests left" in shown
    assert "Nothing was sent" in shown
    assert states() == [State.QUEUED] * 2


def test_the_dry_run_counts_by_pattern_and_by_source(queue, capsys):
    queue(leak("a", "/r1"), leak("b", "/r1", pattern="github-oauth"), leak("c", "/r2"))
    main(["revoke"])
    shown = capsys.readouterr().out
    assert "github-oauth        1\n" in shown
    assert "from /r1: 2\n" in shown


def test_a_dry_run_names_the_set_that_execute_sends(queue, states, capsys):
    queue(leak("a"))
    main(["revoke"])
    plan = plan_id(capsys.readouterr().out)
    main(["revoke"])
    assert plan_id(capsys.readouterr().out) == plan
    queue(leak("b"))
    with answering(ACCEPTED) as server:
        assert main(["revoke", "--execute", "--yes", "--plan", plan, "--api-url", server.url]) == Exit.CLEAN
        assert server.credentials == [[mint("a").decode()]]
    assert states() == [State.ACCEPTED, State.QUEUED]


@pytest.mark.parametrize(
    "argv",
    [
        ["--execute"],
        ["--execute", "--yes", "--plan", "0" * 16],
        ["--execute", "--yes", "--plan", "0" * 16, "--pattern", "x"],
        ["--plan", "0" * 16],
        ["--api-url", "https://user@api.github.com"],
        ["--api-url", "https://example.com"],
        ["--execute", "--yes", "--fingerprint", "nonsense"],
        ["--execute", "--yes", "--repository", "/nowhere"],
        ["--execute", "--yes", "--pattern", "no-such-pattern"],
        ["--repository", "/r", "--repository", "/nowhere"],
    ],
)
def test_a_call_that_does_not_make_sense_ends_with_2_and_sends_nothing(queue, states, argv):
    queue(leak("a"))
    with answering(ACCEPTED) as server:
        words = argv if "--api-url" in argv else [*argv, "--api-url", server.url]
        assert main(["revoke", *words]) == Exit.ERROR
        assert not server.requests
    assert states() == [State.QUEUED]


def test_off_a_terminal_it_needs_yes(queue, monkeypatch, capsys):
    queue(leak("a"))
    monkeypatch.setattr(sys.stdin, "readline", lambda: "yes\n", raising=False)
    with answering(ACCEPTED) as server:
        assert main(["revoke", "--execute", "--api-url", server.url]) == Exit.ERROR
        assert not server.requests
    assert "--execute needs --yes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "code", "count"), [("yes\n", Exit.CLEAN, 1), ("no\n", Exit.ERROR, 0), ("", Exit.ERROR, 0)]
)
def test_on_a_terminal_it_asks(queue, monkeypatch, capsys, typed, code, count):
    queue(leak("a"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdin, "readline", lambda: typed, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with answering(ACCEPTED) as server:
        assert main(["revoke", "--execute", "--api-url", server.url]) == code
        assert len(server.requests) == count
    asked = capsys.readouterr().err
    assert "1 secret in 1 request" in asked
    assert "cannot be undone" in asked


def test_a_second_run_sends_nothing(queue, capsys):
    queue(leak("a"))
    with answering(ACCEPTED) as server:
        for _ in range(2):
            assert main(["revoke", "--execute", "--yes", "--api-url", server.url]) == Exit.CLEAN
        assert len(server.requests) == 1
    assert "nothing to submit" in capsys.readouterr().err


def test_what_is_selected_is_sent(queue, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    queue(leak("a", str(tmp_path / "r")), leak("b", "/other"), leak("c", "/other", pattern="github-oauth"))
    with answering(ACCEPTED) as server:
        common = ["--execute", "--yes", "--api-url", server.url]
        main(["revoke", *common, "--repository", "r"])
        main(["revoke", *common, "--pattern", "github-oauth"])
        main(["revoke", *common, "--fingerprint", fingerprint(mint("b"))])
        sent = server.credentials
    assert sent == [[mint("a").decode()], [mint("c", "github-oauth").decode()], [mint("b").decode()]]


def test_a_rejected_secret_ends_it_with_1(queue, states):
    queue(leak("a"))
    with answering(error(422, "no")) as server:
        assert main(["revoke", "--execute", "--yes", "--api-url", server.url]) == Exit.FINDINGS
    assert states() == [State.REJECTED]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--fingerprint", "nonsense"], "--fingerprint nonsense: the ledger has no such secret"),
        (["--repository", "/nowhere"], "--repository /nowhere: the ledger has nothing from there"),
        (["--pattern", "no-such-pattern"], "--pattern no-such-pattern: no such pattern"),
    ],
)
def test_a_selector_that_names_nothing_says_so(queue, capsys, words, shown):
    queue(leak("a"))
    assert main(["revoke", *words]) == Exit.ERROR
    assert shown in capsys.readouterr().err


def test_a_pattern_of_which_nothing_is_queued_is_no_mistake(queue, capsys):
    queue(leak("a"))
    assert main(["revoke", "--execute", "--yes", "--pattern", "github-oauth"]) == Exit.CLEAN
    assert "nothing to submit" in capsys.readouterr().err


def test_what_waits_in_a_batch_with_others_is_told_and_ends_it_with_3(queue, states, capsys):
    queue(leak("a", "/r1"), leak("b", "/r2"))
    main(["revoke", "--repository", "/r1"])
    plan = plan_id(capsys.readouterr().out)
    with answering(error(500, "boom")) as server:
        common = ["revoke", "--execute", "--yes", "--api-url", server.url]
        assert main(common) == Exit.BUDGET_SPENT
        capsys.readouterr()
        waits = "1 secret waits in batch 1 with 1 other: it is sent again as a whole only, after "
        for words in (["--plan", plan], ["--repository", "/r1"], ["--fingerprint", fingerprint(mint("a"))]):
            assert main([*common, *words]) == Exit.BUDGET_SPENT
            assert waits in capsys.readouterr().err
        assert main(["revoke", "--repository", "/r1"]) == Exit.CLEAN
        assert waits in capsys.readouterr().out
        assert len(server.requests) == 1
        server.answer = lambda _number, _sent: ACCEPTED
        queue(leak("c", "/r1"))
        assert main([*common, "--repository", "/r1"]) == Exit.BUDGET_SPENT
        assert waits in capsys.readouterr().err
    assert states() == [State.UNKNOWN, State.UNKNOWN, State.ACCEPTED]


def test_a_spent_budget_ends_it_with_3_and_says_when_to_come_back(queue, states, capsys):
    queue(leak("a"))
    with answering(error(429, "no", headers={"retry-after": "120"})) as server:
        assert main(["revoke", "--execute", "--yes", "--api-url", server.url]) == Exit.BUDGET_SPENT
    shown = capsys.readouterr().err
    assert "1 secret left: run this again after" in shown
    assert "(in 2 min)" in shown
    assert states() == [State.QUEUED]


def test_a_call_that_github_does_not_take_ends_it_with_2(queue, states, capsys):
    queue(leak("a"))
    with answering((307, {"location": "http://127.0.0.1:1/"}, b"")) as server:
        assert main(["revoke", "--execute", "--yes", "--api-url", server.url]) == Exit.ERROR
    assert "redirected (307)" in capsys.readouterr().err
    assert states() == [State.QUEUED]


def test_a_pause_ends_it_with_2(queue, states, capsys):
    queue(leak("a"))
    assert main(["ledger", "pause"]) == Exit.CLEAN
    main(["revoke"])
    assert "sending is paused" in capsys.readouterr().out
    with answering(ACCEPTED) as server:
        assert main(["revoke", "--execute", "--yes", "--api-url", server.url]) == Exit.ERROR
        assert not server.requests
        assert main(["ledger", "resume"]) == Exit.CLEAN
        assert main(["revoke", "--execute", "--yes", "--api-url", server.url]) == Exit.CLEAN
    assert states() == [State.ACCEPTED]


def test_every_run_that_has_something_on_record_prints_the_head(queue, capsys):
    queue(leak("a"))
    with answering(ACCEPTED) as server:
        main(["revoke", "--execute", "--yes", "--api-url", server.url])
    head = capsys.readouterr().err.split()[-1]
    assert main(["audit", "verify", "--expect", head]) == Exit.CLEAN
    assert capsys.readouterr().out == f"2 records, head {head}\n"


def test_no_token_is_in_anything_that_is_written(queue, capsys):
    token = mint("a").decode()
    queue(leak("a", f"/r/{mint('path').decode()}"))
    with answering(error(422, f"bad {token}")) as server:
        main(["revoke"])
        main(["revoke", "--execute", "--yes", "--api-url", server.url, "-v"])
    main(["revoke", "-v", "--api-url", f"https://{token}@api.github.com"])
    for words in (["ledger", "list"], ["ledger", "list", "--format", "json"], ["audit", "show"]):
        main(words)
    written = "".join(capsys.readouterr())
    assert token not in written
    assert mint("path").decode() not in written
