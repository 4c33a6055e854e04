import json

import pytest

from scanner.audit import AuditLog
from scanner.cli.main import main
from scanner.errors import Exit


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(tmp_path))
    log = AuditLog(tmp_path)
    log.append(
        {"event.action": "first"}, {"event.action": "second", "unleak.batch": 1, "unleak.fingerprints": ["x", "y"]}
    )
    return log


def test_it_shows_each_record_on_a_line(log, capsys):
    assert main(["audit", "show"]) == Exit.CLEAN
    first, second = capsys.readouterr().out.splitlines()
    assert "first" in first
    assert "2 secrets" in second


def test_it_shows_the_records_as_they_stand(log, capsys):
    assert main(["audit", "show", "--format", "jsonl"]) == Exit.CLEAN
    assert capsys.readouterr().out.encode() == log.path.read_bytes()


def test_it_shows_the_records_as_one_json_document(log, capsys):
    assert main(["audit", "show", "--format", "json"]) == Exit.CLEAN
    assert [record["event.action"] for record in json.loads(capsys.readouterr().out)] == ["first", "second"]
    log.path.unlink()
    main(["audit", "show", "--format", "json"])
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("format_", ["json", "of-another-command"])
def test_a_format_that_the_environment_sets_is_no_trouble_to_what_has_none(log, monkeypatch, format_):
    monkeypatch.setenv("UNLEAK_FORMAT", format_)
    assert main(["audit", "verify"]) == Exit.CLEAN
    assert main(["audit", "show", "--format", "text"]) == Exit.CLEAN


def test_a_format_that_there_is_not_is_a_mistake(log, capsys):
    assert main(["audit", "show", "--format", "of-another-command"]) == Exit.ERROR
    assert "--format of-another-command: want text, json, jsonl" in capsys.readouterr().err


def test_it_verifies_and_prints_the_head(log, capsys):
    assert main(["audit", "verify"]) == Exit.CLEAN
    assert capsys.readouterr().out == f"2 records, head {log.head().hash}\n"


def test_it_names_the_record_that_was_changed_and_ends_with_2(log, capsys):
    log.path.write_bytes(log.path.read_bytes().replace(b"second", b"sEcond"))
    assert main(["audit", "verify"]) == Exit.ERROR
    assert "line 2: record 2 was changed" in capsys.readouterr().err


@pytest.mark.parametrize("keep", [1, 0])
def test_with_a_head_it_sees_that_the_end_is_missing(log, capsys, keep):
    head = log.head().hash
    log.path.write_bytes(b"".join(log.path.read_bytes().splitlines(keepends=True)[:keep]))
    assert main(["audit", "verify"]) == Exit.CLEAN
    assert main(["audit", "verify", "--expect", head]) == Exit.ERROR
    assert "were removed" in capsys.readouterr().err


def test_a_head_that_is_none_is_a_mistake(log, capsys):
    assert main(["audit", "verify", "--expect", "abc"]) == Exit.ERROR
    assert "64 hexadecimal digits" in capsys.readouterr().err


def test_an_unfinished_line_is_told(log, capsys):
    log.path.write_bytes(log.path.read_bytes() + b"{")
    assert main(["audit", "verify"]) == Exit.CLEAN
    assert "unfinished" in capsys.readouterr().err


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_line_that_is_no_record_is_not_shown(log, capsys, format_):
    log.path.write_bytes(log.path.read_bytes() + b"hello\n")
    assert main(["audit", "show", "--format", format_]) == Exit.ERROR
    assert "is no record" in capsys.readouterr().err
