"""What is said to people, and to whom when a stream is closed: that stops no submission and changes no exit code."""

import os
import shlex
import sys

import pytest
from leaks import leak
from scripted import ACCEPTED, answering

from scanner.cli.main import main
from scanner.errors import Exit
from scanner.ledger import Ledger, State


@pytest.fixture
def state(tmp_path):
    directory = tmp_path / "a state"
    directory.mkdir(mode=0o700)
    with Ledger.open(directory) as ledger:
        ledger.add([leak("a")])
    return directory


@pytest.fixture
def states(state):
    def read():
        with Ledger.open(state) as ledger:
            return [entry.state for entry in ledger.entries()]

    return read


@pytest.fixture(params=["none", "full", "no reader"])
def deaf(request, monkeypatch):
    """A stderr that takes nothing."""
    if request.param == "none":
        monkeypatch.setattr(sys, "stderr", None)
        yield
        return
    if request.param == "full":
        number = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, number = os.pipe()
        os.close(reader)
    stream = open(number, "w", closefd=False)  # noqa: SIM115 - by its number; closing would flush
    monkeypatch.setattr(sys, "stderr", stream)
    yield
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    stream.close()
    os.close(number)


@pytest.mark.usefixtures("deaf")
def test_a_stderr_that_takes_nothing_stops_no_submission(state, states):
    with answering(ACCEPTED) as server:
        common = ["revoke", "--execute", "--yes", "--api-url", server.url, "--state-dir", str(state)]
        assert main(common) == Exit.CLEAN
        assert len(server.requests) == 1
        assert main(common) == Exit.CLEAN
    assert states() == [State.ACCEPTED]


@pytest.mark.usefixtures("deaf")
def test_a_stderr_that_takes_nothing_keeps_the_brake_working(state):
    assert main(["ledger", "pause", "--state-dir", str(state)]) == Exit.CLEAN
    with Ledger.open(state) as ledger, ledger.reading() as connection:
        assert ledger.is_paused(connection)


@pytest.mark.parametrize("closed", ["stdin", "stderr"])
@pytest.mark.parametrize("words", [["revoke"], ["enterprise", "revoke-all", "octo"]], ids=["revoke", "enterprise"])
def test_where_nobody_can_be_asked_nothing_is_sent(state, states, monkeypatch, words, closed):
    monkeypatch.setenv("UNLEAK_GITHUB_TOKEN", "none")
    monkeypatch.setattr(sys, closed, None)
    with answering(ACCEPTED) as server:
        assert main([*words, "--execute", "--api-url", server.url, "--state-dir", str(state)]) == Exit.ERROR
        assert not server.requests
    assert states() == [State.QUEUED]


def test_with_yes_a_closed_stdin_is_no_reason_to_send_nothing(state, states, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with answering(ACCEPTED) as server:
        words = ["--api-url", server.url, "--state-dir", str(state)]
        assert main(["revoke", "--execute", "--yes", "--stdin", *words]) == Exit.ERROR
        assert not server.requests
        assert main(["revoke", "--execute", "--yes", *words]) == Exit.CLEAN
    assert states() == [State.ACCEPTED]


def test_the_line_to_copy_sends_the_same_to_the_same_place_from_any_shell(state, states, capsys, tmp_path):
    policy = tmp_path / "it's a policy.toml"
    policy.write_text("cap = 5\n", "utf-8")
    with answering(ACCEPTED) as server:
        where = ["--api-url", server.url, "--state-dir", str(state), "--policy", str(policy), "--reserve", "3"]
        assert main(["revoke", *where]) == Exit.CLEAN
        line = capsys.readouterr().out.splitlines()[-1]
        name, *words = shlex.split(line)
        assert name == "unleak"
        assert words[:3] == ["revoke", "--execute", "--plan"]
        assert words[4:] == where
        assert main([*words, "--yes"]) == Exit.CLEAN
        assert len(server.requests) == 1
    assert states() == [State.ACCEPTED]


def test_the_line_to_copy_says_nothing_that_goes_without_saying(state, monkeypatch, capsys):
    monkeypatch.setattr("scanner.cli.submission.state_directory", lambda _explicit: state)
    assert main(["revoke"]) == Exit.CLEAN
    *line, _plan = capsys.readouterr().out.splitlines()[-1].split()
    assert line == ["unleak", "revoke", "--execute", "--plan"]


def test_a_ledgers_password_is_refused_wherever_it_stands(state, capsys):
    for url in ("postgresql://user:hunter2@127.0.0.1/x", "postgresql://user@127.0.0.1/x?password=hunter2"):
        assert main(["revoke", "--state-dir", str(state), "--ledger", url]) == Exit.ERROR
        shown = "".join(capsys.readouterr())
        assert "it holds a password" in shown
        assert "hunter2" not in shown


def test_a_watch_may_name_what_is_not_there_yet_but_no_pattern_that_is_none(state, capsys):
    words = ["revoke", "--execute", "--yes", "--watch", "--state-dir", str(state)]
    assert main([*words, "--repository", "/later", "--pattern", "no-such-pattern"]) == Exit.ERROR
    assert "--pattern no-such-pattern" in capsys.readouterr().err
