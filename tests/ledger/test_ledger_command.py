import json

import pytest
from leaks import leak
from minting import mint

from scanner.cli.main import main
from scanner.errors import Exit
from scanner.ledger import Ledger, State
from scanner.secret import fingerprint


@pytest.fixture(autouse=True)
def _queued(tmp_path, monkeypatch):
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(tmp_path))
    with Ledger.open(tmp_path) as ledger:
        ledger.add([leak("a"), leak("b", "/other", pattern="github-oauth")], now=1_800_000_000.0)


RECORD = {
    "fingerprint": fingerprint(mint("a")),
    "pattern": "github-pat-classic",
    "state": "queued",
    "attempts": 0,
    "first_seen": "2027-01-15T08:00:00Z",
    "last_seen": "2027-01-15T08:00:00Z",
    "locations_total": 1,
}


def test_it_lists_as_json(capsys):
    assert main(["ledger", "list", "--format", "json"]) == Exit.CLEAN
    first, second = json.loads(capsys.readouterr().out)
    assert first == RECORD
    assert second["pattern"] == "github-oauth"


def test_it_lists_as_lines_of_json(capsys):
    main(["ledger", "list", "--format", "jsonl"])
    first, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == RECORD


@pytest.mark.parametrize(("words", "empty"), [([], ""), (["--format", "json"], "[]\n"), (["--format", "jsonl"], "")])
def test_it_lists_nothing_where_nothing_is_in_that_state(capsys, words, empty):
    assert main(["ledger", "list", "--state", "parked", *words]) == Exit.CLEAN
    assert capsys.readouterr().out == empty


def test_it_lists_for_people_without_the_secret(capsys):
    main(["ledger", "list"])
    shown = capsys.readouterr().out
    assert "queued" in shown
    assert fingerprint(mint("a")) in shown
    assert mint("a").decode() not in shown
    assert "; 1 place on 2027-01-15, first in /other; not sent" in shown


def test_pause_and_resume_are_on_record(capsys, tmp_path):
    assert main(["ledger", "pause"]) == main(["ledger", "resume"]) == Exit.CLEAN
    main(["audit", "show", "--format", "jsonl"])
    records = map(json.loads, capsys.readouterr().out.splitlines())
    assert [record["event.action"] for record in records] == ["ledger-paused", "ledger-resumed"]


def test_a_format_of_another_command_is_no_trouble_to_the_brake_and_a_mistake_to_the_list(monkeypatch, capsys):
    monkeypatch.setenv("UNLEAK_FORMAT", "of-another-command")
    assert main(["ledger", "pause"]) == Exit.CLEAN
    assert main(["ledger", "list", "--format", "text"]) == Exit.CLEAN
    assert main(["ledger", "list"]) == Exit.ERROR
    assert "--format of-another-command: want text, json, jsonl" in capsys.readouterr().err


def test_the_brake_works_even_where_the_log_is_damaged(tmp_path):
    main(["ledger", "resume"])
    path = tmp_path / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(b"resumed", b"rEsumed"))
    assert main(["ledger", "pause"]) == Exit.ERROR
    with Ledger.open(tmp_path) as ledger, ledger.reading() as connection:
        assert ledger.is_paused(connection)


def test_a_state_directory_that_lets_others_in_is_refused(tmp_path, capsys):
    tmp_path.chmod(0o755)
    assert main(["ledger", "list"]) == Exit.ERROR
    assert "chmod 0700" in capsys.readouterr().err


def test_every_state_can_be_asked_for(capsys):
    for state in State:
        assert main(["ledger", "list", "--state", state]) == Exit.CLEAN
