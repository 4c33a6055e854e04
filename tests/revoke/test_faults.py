"""Each fault that the sandbox plays, and what the ledger and the audit log hold afterwards."""

import json
from collections import Counter

import pytest
from leaks import leak
from minting import mint
from turned import TurnedClock

from scanner.audit import AuditLog
from scanner.errors import UsageError
from scanner.http import anonymous
from scanner.ledger import Ledger, State, plans
from scanner.ledger.plans import Selection
from scanner.revoke.client import Client
from scanner.revoke.dispatch import Dispatcher, Stop
from scanner.sandbox import FAULTS, running
from scanner.secret import fingerprint

COUNT = 8

# fault: the state of all secrets right after it, why the run stopped, the outcome on record, what the reason names
AFTER = {
    "empty": (State.ACCEPTED, Stop.DONE, "success", "accepted (202)"),
    "null": (State.ACCEPTED, Stop.DONE, "success", "accepted (202)"),
    "no-json": (State.ACCEPTED, Stop.DONE, "success", "accepted (202)"),
    "huge": (State.ACCEPTED, Stop.DONE, "success", "accepted (202)"),
    "slow": (State.ACCEPTED, Stop.DONE, "success", "accepted (202)"),
    "reset-in-answer": (State.ACCEPTED, Stop.DONE, "success", "accepted (202)"),
    "307": (State.QUEUED, Stop.FAULT, "failure", "redirected (307)"),
    "400": (State.QUEUED, Stop.FAULT, "failure", "not understood (400)"),
    "404": (State.QUEUED, Stop.FAULT, "failure", "not found (404)"),
    "403-authenticated": (State.QUEUED, Stop.FAULT, "failure", "taken for authenticated (403)"),
    "403-agent": (State.QUEUED, Stop.FAULT, "failure", "User-Agent refused (403)"),
    "403-primary": (State.QUEUED, Stop.LATER, "failure", "primary rate limit (403)"),
    "403-secondary": (State.QUEUED, Stop.LATER, "failure", "secondary rate limit (403)"),
    "429": (State.QUEUED, Stop.LATER, "failure", "secondary rate limit (429)"),
    "422-spam": (State.QUEUED, Stop.LATER, "failure", "spam (422)"),
    "500": (State.UNKNOWN, Stop.LATER, "unknown", "server error (500)"),
    "502": (State.UNKNOWN, Stop.LATER, "unknown", "server error (502)"),
    "503": (State.UNKNOWN, Stop.LATER, "unknown", "server error (503)"),
    "reset-before": (State.UNKNOWN, Stop.LATER, "unknown", "broken off"),
    "reset-during": (State.UNKNOWN, Stop.LATER, "unknown", "broken off"),
    "reset-after": (State.UNKNOWN, Stop.LATER, "unknown", "broken off"),
    "timeout": (State.UNKNOWN, Stop.LATER, "unknown", "timed out"),
}


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        ledger.add([leak(number) for number in range(COUNT)])
        yield ledger


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path)


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setitem(anonymous.__globals__, "_TIMEOUT", 0.8)
    return TurnedClock()


@pytest.fixture
def dispatch(ledger, log, clock):
    def run(url, *, wait=False):
        with ledger.writing() as connection:
            plan = plans.make(connection, Selection(), clock.now()).id
        return Dispatcher(ledger, log, Client(anonymous(url)), plan, clock=clock, wait=wait).run()

    return run


def states(ledger):
    return Counter(entry.state for entry in ledger.entries())


def answered(log):
    records = map(json.loads, log.records())
    return [record for record in records if record["event.action"] == "revocation-answered"]


def test_the_table_has_each_fault_that_there_is():
    assert AFTER.keys() | {"422-item"} == FAULTS.keys()


@pytest.mark.parametrize("fault", AFTER)
def test_a_fault_leaves_what_the_table_says_and_once_it_is_over_all_is_accepted(ledger, log, clock, dispatch, fault):
    state, stop, outcome, reason = AFTER[fault]
    with running(faults=[fault], clock=clock.now) as sandbox:
        result = dispatch(sandbox.url)
        assert (result.stop, result.requests) == (stop, 1)
        assert states(ledger) == {state: COUNT}
        (record,) = answered(log)
        assert record["event.outcome"] == outcome
        assert record["event.reason"].startswith(reason)
        result = dispatch(sandbox.url, wait=True)
        assert result.stop is Stop.DONE
        sent = Counter(one for request in sandbox.received for one in request.fingerprints)
    assert states(ledger) == {State.ACCEPTED: COUNT}
    assert set(sent) == {fingerprint(mint(number)) for number in range(COUNT)}
    assert max(sent.values()) <= (1 if state is State.ACCEPTED else 2)
    log.verify()


def test_an_item_that_is_refused_is_isolated_and_nothing_is_sent_twice_unchanged(ledger, log, clock, dispatch):
    with running(faults=["422-item"], clock=clock.now) as sandbox:
        assert dispatch(sandbox.url).stop is Stop.DONE
        assert [one.credentials for one in sandbox.received if one.method == "POST"] == [8, 4, 4]
    assert states(ledger) == {State.ACCEPTED: COUNT}
    assert answered(log)[0]["event.reason"].startswith("refused (422): Validation Failed; credentials/7 is not")


def test_spam_is_never_sent_again_unchanged_and_one_secret_by_itself_is_parked_after_five(ledger, log, clock, dispatch):
    with running(faults=["422-spam*"], clock=clock.now) as sandbox:
        assert dispatch(sandbox.url, wait=True).stop is Stop.DONE
        sent = Counter(one.fingerprints for one in sandbox.received if one.method == "POST")
    assert states(ledger) == {State.PARKED: COUNT}
    assert all(count <= (5 if len(batch) == 1 else 1) for batch, count in sent.items())
    log.verify()


@pytest.mark.parametrize("fault", ["500", "reset-after", "reset-before"])
def test_what_never_gets_an_answer_is_parked_after_five_and_kept(ledger, log, clock, dispatch, fault):
    with running(faults=[f"{fault}*"], clock=clock.now) as sandbox:
        result = dispatch(sandbox.url, wait=True)
    assert (result.stop, result.requests, result.settled) == (Stop.DONE, 5, {State.PARKED: COUNT})
    assert [record["event.outcome"] for record in answered(log)] == ["unknown"] * 5
    with ledger.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM secret").scalar() == COUNT


def test_a_tls_failure_sends_nothing_and_loses_nothing(ledger, log, dispatch):
    with running() as sandbox:
        result = dispatch(sandbox.url.replace("http:", "https:"))
        assert sandbox.received == ()
    assert (result.stop, result.reason) == (Stop.FAULT, "unreachable")
    assert states(ledger) == {State.QUEUED: COUNT}


def test_a_script_of_faults_is_played_in_order(ledger, clock, dispatch):
    with running(faults=["500", "ok", "503*2"], clock=clock.now) as sandbox:
        dispatch(sandbox.url, wait=True)
        for number in range(3):
            ledger.add([leak(f"more {number}")])
            dispatch(sandbox.url, wait=True)
        assert [one.status for one in sandbox.received if one.method == "POST"] == [500, 202, 503, 503, 202, 202, 202]


@pytest.mark.parametrize("word", ["nonsense", "500*0", "500*x", "*", ""])
def test_a_word_that_is_no_fault_is_refused_before_anything_is_served(word):
    with pytest.raises(UsageError), running(faults=[word]):
        raise AssertionError("served")
