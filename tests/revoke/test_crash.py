import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest
from leaks import leak
from minting import mint
from scripted import ACCEPTED, answering

from scanner.audit import AuditLog
from scanner.ledger import Ledger, State

# A dispatch in which one step, counted from 0 over all writes to disk, is the last that this process ever does.
KILLED = """
import os, signal, sys
from scanner import audit, ledger
from scanner.cli.main import main

countdown = int(sys.argv[1])

def counted(function):
    def run(*args, **kwargs):
        global countdown
        before = countdown
        countdown -= 1
        if before == 0 and sys.argv[2] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if before == 0 and sys.argv[2] == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return run

from sqlalchemy.engine import Transaction
import sqlalchemy.engine.default as default
default.DefaultDialect.do_commit = counted(default.DefaultDialect.do_commit)
audit.AuditLog.append = counted(audit.AuditLog.append)
sys.exit(main(["revoke", "--execute", "--yes", "--api-url", sys.argv[3]]))
"""


def run(state, url, step, moment):
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(step), moment, url],
        env=os.environ | {"UNLEAK_STATE_DIR": str(state)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", range(1, 8))
def test_killed_at_any_step_nothing_is_lost_and_at_most_the_batch_in_flight_is_repeated(tmp_path, step, moment):
    with Ledger.open(tmp_path) as ledger:
        ledger.add([leak(number) for number in range(1500)])
    with answering(ACCEPTED) as server:
        killed = run(tmp_path, server.url, step, moment)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        before = len(server.requests)
        finished = run(tmp_path, server.url, 10_000, "never")
        assert finished.returncode == 0, finished.stderr
        sent = Counter(token for batch in server.credentials for token in batch)
    assert set(sent) == {mint(number).decode() for number in range(1500)}
    repeated = {token for token, count in sent.items() if count > 1}
    assert max(sent.values()) <= 2
    assert not repeated or repeated == set(server.credentials[before - 1])
    with Ledger.open(tmp_path) as ledger:
        assert {entry.state for entry in ledger.entries()} == {State.ACCEPTED}
        with ledger.reading() as connection:
            assert not connection.exec_driver_sql("SELECT count(*) FROM secret").scalar()
    log = AuditLog(tmp_path)
    log.verify()
    actions = Counter(json.loads(record)["event.action"] for record in log.records())
    assert actions["revocation-answered"] >= 2
    assert actions["revocation-intended"] >= len(server.requests)


def test_the_script_of_the_kills_is_not_in_the_way(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        ledger.add([leak("a")])
    with answering(ACCEPTED) as server:
        assert run(tmp_path, server.url, 10_000, "never").returncode == 0
        assert len(server.requests) == 1
