import multiprocessing
import sys
import time
from collections import Counter

import pytest
from leaks import leak
from minting import mint
from scripted import ACCEPTED, answering

from scanner.audit import AuditLog
from scanner.cli.main import main
from scanner.errors import Exit, LedgerError, UsageError
from scanner.ledger import Ledger, State, plans
from scanner.ledger.plans import Selection
from scanner.secret import fingerprint

WRITERS = 4
EACH = 300


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://somebody:hunter2@host/db", "holds a password"),
        ("mysql://host/db", "only postgresql"),
        ("sqlite:///x", "only postgresql"),
        ("nonsense", "no URL"),
    ],
)
def test_a_url_that_cannot_be_a_ledger_is_refused(tmp_path, url, why):
    with pytest.raises(UsageError, match=why) as caught:
        Ledger.open(tmp_path, url)
    assert "hunter2" not in str(caught.value.message)


def test_a_server_that_is_not_there_is_an_error_of_the_ledger(tmp_path):
    with pytest.raises(LedgerError, match="the ledger"):
        Ledger.open(tmp_path, f"postgresql://tests@/postgres?host={tmp_path}")


def test_without_the_driver_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match="needs psycopg") as caught:
        Ledger.open(tmp_path, "postgresql://host/db")
    assert caught.value.hint == "pip install 'unleak[postgres]'"


def test_the_commands_take_a_ledger_by_its_url(tmp_path, database, unleak, monkeypatch, capsys):
    state = tmp_path / "state"
    environment = {"UNLEAK_STATE_DIR": str(state)} | ({"UNLEAK_LEDGER": database} if database else {})
    (tmp_path / "leak.txt").write_bytes(mint("a"))
    queued = unleak("scan", "leak.txt", "--queue", env=environment)
    assert b"queued 1 secret" in queued.stderr, queued.stderr
    assert (state / "ledger.sqlite3").exists() == (database is None)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with answering(ACCEPTED) as server:
        assert main(["revoke", "--execute", "--yes", "--api-url", server.url]) == Exit.CLEAN
        assert server.credentials == [[mint("a").decode()]]
    assert main(["ledger", "show", fingerprint(mint("a"))]) == Exit.CLEAN
    assert "accepted" in capsys.readouterr().out
    assert main(["ledger", "rekey"]) == Exit.CLEAN


def test_there_is_one_dispatcher_at_a_time(tmp_path, database):
    with Ledger.open(tmp_path, database) as one, Ledger.open(tmp_path, database) as other:
        with one.dispatching(), pytest.raises(LedgerError, match="another dispatcher"), other.dispatching():
            raise AssertionError("two at once")
        with other.dispatching():
            pass


def _write(directory, url, writer, waits):
    longest = 0.0
    for number in range(0, EACH, 10):
        findings = [leak(f"{writer}/{one}", f"/r{writer}") for one in range(number, number + 10)]
        before = time.monotonic()
        with Ledger.open(directory, url) as ledger:
            ledger.add(findings)
        longest = max(longest, time.monotonic() - before)
    waits.put(longest)


def _dispatch(directory, url, api):
    words = ["revoke", "--execute", "--yes", "-q", "--state-dir", str(directory), "--api-url", api]
    codes = {main([*words, *(["--ledger", url] if url else [])]) for _ in range(4)}
    sys.exit(int(not codes <= {Exit.CLEAN, Exit.ERROR, Exit.BUDGET_SPENT}))


def test_many_writers_and_dispatchers_at_once_send_nothing_twice(tmp_path, database, capfd):
    with Ledger.open(tmp_path, database) as ledger:
        ledger.add([leak("first")])
    context = multiprocessing.get_context("spawn")
    waits = context.Queue()
    with answering(ACCEPTED) as server:
        processes = [context.Process(target=_write, args=(tmp_path, database, n, waits)) for n in range(WRITERS)]
        processes += [context.Process(target=_dispatch, args=(tmp_path, database, server.url)) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(300)
        assert [process.exitcode for process in processes] == [0] * len(processes)
        main(
            ["revoke", "--execute", "--yes", "--state-dir", str(tmp_path), "--api-url", server.url]
            + (["--ledger", database] if database else [])
        )
        sent = Counter(token for batch in server.credentials for token in batch)
    assert set(sent.values()) == {1}
    assert len(sent) == WRITERS * EACH + 1
    assert "is locked" not in capfd.readouterr().err
    with Ledger.open(tmp_path, database) as ledger:
        assert {entry.state for entry in ledger.entries()} == {State.ACCEPTED}
    AuditLog(tmp_path).verify()


def test_a_plan_is_the_same_in_either_database(tmp_path, postgresql):
    ids = []
    for url in (None, postgresql()):
        with Ledger.open(tmp_path, url) as ledger:
            ledger.add([leak(number) for number in range(50)], now=1000.0)
            with ledger.writing() as connection:
                ids.append(plans.make(connection, Selection(), 2000.0).id)
    assert ids[0] == ids[1]
