import json
import threading
from collections import Counter
from contextlib import contextmanager
from itertools import pairwise

import pytest
from leaks import leak
from minting import lookalike, mint
from scripted import ACCEPTED, DROP, answering, error
from turned import TurnedClock

from scanner.audit import AuditLog
from scanner.errors import AuditError, LedgerError
from scanner.finding import Finding
from scanner.http import anonymous
from scanner.ledger import Ledger, State, batches, plans
from scanner.ledger.plans import Selection
from scanner.revoke import dispatch
from scanner.revoke.batch import ATTEMPTS
from scanner.revoke.budget import Budget
from scanner.revoke.client import Answer, Client, Meaning
from scanner.revoke.dispatch import Dispatcher, Stop
from scanner.secret import Secret, fingerprint

EVERYTHING = Selection()
REFUSED = error(422, "Validation Failed")


@pytest.fixture
def ledger(tmp_path, database):
    with Ledger.open(tmp_path, database) as ledger:
        yield ledger


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path)


@pytest.fixture
def send(ledger, log, clock):
    """Dispatch everything, or what is selected, to a server."""

    def run(server, *, wait=False, selection=EVERYTHING, plan=None):
        if plan is None:
            with ledger.writing() as connection:
                plan = plans.make(connection, selection, clock.now()).id
        return Dispatcher(ledger, log, Client(anonymous(server.url)), plan, clock=clock, wait=wait).run()

    return run


def states(ledger):
    return Counter(entry.state for entry in ledger.entries())


def actions(log):
    return [json.loads(record)["event.action"] for record in log.records()]


def test_everything_is_sent_once_in_batches_of_at_most_a_thousand(ledger, log, send):
    tokens = {mint(number).decode() for number in range(2500)}
    ledger.add([leak(number, f"/r{number % 3}") for number in range(2500)])
    with answering(ACCEPTED) as server:
        result = send(server)
        assert [len(sent) for sent in server.credentials] == [1000, 1000, 500]
        assert sorted(token for sent in server.credentials for token in sent) == sorted(tokens)
        again = send(server)
        assert len(server.requests) == 3
    assert (result.stop, result.requests, result.settled) == (Stop.DONE, 3, {State.ACCEPTED: 2500})
    assert (again.stop, again.requests) == (Stop.DONE, 0)
    assert states(ledger) == {State.ACCEPTED: 2500}
    assert {entry.attempts for entry in ledger.entries()} == {1}
    assert actions(log) == ["revocation-intended", "revocation-answered"] * 3
    log.verify()


@pytest.mark.parametrize("database", [None])  # it looks into the file
def test_nothing_of_what_was_accepted_is_left_in_the_state_directory(ledger, send, tmp_path):
    tokens = [mint(number) for number in range(2500)]
    ledger.add([leak(number) for number in range(2500)])
    with ledger.reading() as connection:
        sealed = (
            connection.exec_driver_sql("SELECT sealed FROM secret UNION SELECT sealed FROM data_key").scalars().all()
        )
    before = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert all(one in before for one in sealed)
    with answering(ACCEPTED) as server:
        send(server)
    after = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [one for one in sealed if one in after]
    assert not [token for token in tokens if token in after]


def test_the_intent_is_on_record_before_a_byte_leaves(ledger, log, send):
    ledger.add([leak("a"), leak("b", pattern="github-oauth")])
    found = {}

    def answer(_number, _credentials):
        (record,) = map(json.loads, log.records())
        found.update(record)
        with Ledger.open(ledger.directory, ledger.url) as other:
            found["states"] = states(other)
        return ACCEPTED

    with answering(answer) as server:
        send(server)
    assert found["event.action"] == "revocation-intended"
    assert set(found["unleak.fingerprints"]) == {fingerprint(mint("a")), fingerprint(mint("b", "github-oauth"))}
    assert found["unleak.patterns"] == {"github-pat-classic": 1, "github-oauth": 1}
    assert found["states"] == {State.SUBMITTING: 2}


def test_where_the_log_cannot_be_written_nothing_is_sent(ledger, log, send):
    ledger.add([leak("a")])
    log.append({"event.action": "x"})
    log.path.write_bytes(log.path.read_bytes().replace(b'"x"', b'"y"'))
    with answering(ACCEPTED) as server:
        with pytest.raises(AuditError):
            send(server)
        assert not server.requests
    assert states(ledger) == {State.SUBMITTING: 1}


def test_only_the_plan_is_sent_whatever_was_queued_since(ledger, send, clock):
    ledger.add([leak("a")])
    with ledger.writing() as connection:
        plan = plans.make(connection, Selection(), clock.now()).id
    ledger.add([leak("b")])
    with answering(ACCEPTED) as server:
        send(server, plan=plan)
        assert server.credentials == [[mint("a").decode()]]


def test_one_refused_item_is_isolated_and_all_others_are_accepted(ledger, send, clock):
    bad = mint(5).decode()
    ledger.add([leak(number) for number in range(16)])
    start = clock.time
    with answering(lambda _number, sent: REFUSED if bad in sent else ACCEPTED) as server:
        result = send(server, wait=True)
        sent = server.credentials
    assert result.settled == {State.ACCEPTED: 15, State.REJECTED: 1}
    (entry,) = ledger.entries(State.REJECTED)
    assert entry.fingerprint == fingerprint(mint(5))
    assert entry.reason == "refused (422): Validation Failed"
    assert len({tuple(one) for one in sent}) == len(sent)
    assert clock.time - start >= 3600  # nine requests, of which six an hour


def test_isolating_does_not_keep_what_is_fresh_waiting(ledger, send):
    bad = mint("bad").decode()
    ledger.add([leak("bad"), *(leak(number) for number in range(99))])
    with answering(lambda _number, sent: REFUSED if bad in sent else ACCEPTED) as server:
        assert send(server).stop is Stop.LATER
        assert len(server.requests) == 7
        ledger.add([leak("fresh")])
        send(server)
        assert server.credentials[-1] == [mint("fresh").decode()]
        assert len(server.requests) == 8


@pytest.mark.parametrize("answer", [error(500, "boom"), DROP])
def test_a_batch_without_an_answer_that_tells_is_sent_again_unchanged_and_parked_after_five(
    ledger, log, send, clock, answer
):
    ledger.add([leak(number) for number in range(3)])
    with answering(answer) as server:
        result = send(server)
        assert (result.stop, result.until) == (Stop.LATER, clock.now() + 60)
        assert states(ledger) == {State.UNKNOWN: 3}
        ledger.add([leak("later")])
        result = send(
            server, wait=True, selection=Selection(fingerprints=tuple(fingerprint(mint(n)) for n in range(3)))
        )
        assert len(server.requests) == ATTEMPTS
        assert len({tuple(sorted(sent)) for sent in server.credentials}) == 1
        assert send(server, selection=Selection(fingerprints=(fingerprint(mint(1)),))).requests == 0
    assert result.settled == {State.PARKED: 3}
    assert states(ledger) == {State.PARKED: 3, State.QUEUED: 1}
    assert clock.slept >= 60 + 120 + 240 + 480
    log.verify()


def test_after_a_time_out_a_batch_goes_on_in_halves(ledger, send, monkeypatch):
    monkeypatch.setitem(anonymous.__globals__, "_TIMEOUT", 0.3)
    ended = threading.Event()
    ledger.add([leak(number) for number in range(5)])

    def answer(number, _credentials):
        if number:
            return ACCEPTED
        ended.wait(30)
        return DROP

    with answering(answer) as server:
        result = send(server, wait=True)
        ended.set()
        whole, *halves = map(sorted, server.credentials)
    assert [len(half) for half in halves] == [3, 2]
    assert sorted(halves[0] + halves[1]) == whole
    assert result.settled == {State.ACCEPTED: 5}


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (error(403, "API rate limit exceeded", headers={"x-ratelimit-remaining": "0"}), 3601),
        (error(429, "secondary rate limit", headers={"retry-after": "90"}), 90),
        (error(403, "secondary rate limit"), 60),
    ],
)
def test_a_limit_stops_everything_until_it_is_over(ledger, send, clock, answer, seconds):
    ledger.add([leak(number) for number in range(3)])
    with answering(lambda number, _sent: ACCEPTED if number else answer) as server:
        start = clock.now()
        result = send(server)
        assert (result.stop, result.until) == (Stop.LATER, start + seconds)
        assert states(ledger) == {State.QUEUED: 3}
        ledger.add([leak("fresh")])
        assert send(server).requests == 0
        result = send(server, wait=True)
        assert clock.now() >= start + seconds
        assert [len(sent) for sent in server.credentials] == [3, 4]
    assert states(ledger) == {State.ACCEPTED: 4}


@pytest.mark.parametrize(
    "answer",
    [
        error(403, "does not accept authenticated requests"),
        error(403, "make sure your request has a User-Agent header"),
        error(400, "Problems parsing JSON"),
        error(404, "Not Found"),
        (307, {"location": "http://127.0.0.1:1/"}, b""),
        (200, {}, b"{}"),
    ],
)
def test_a_call_that_is_wrong_in_itself_ends_the_run_and_loses_nothing(ledger, send, answer):
    ledger.add([leak(number) for number in range(2500)])
    with answering(answer) as server:
        assert send(server).stop is Stop.FAULT
        assert len(server.requests) == 1
    assert states(ledger) == {State.QUEUED: 2500}


def test_where_nobody_listens_nothing_is_lost(ledger, send):
    ledger.add([leak("a")])
    with answering(ACCEPTED) as server:
        pass
    result = send(server)
    assert (result.stop, result.reason) == (Stop.FAULT, "unreachable")
    assert states(ledger) == {State.QUEUED: 1}


def test_while_it_waits_it_tries_again_where_nobody_listens_less_and_less_often(ledger, send, clock, monkeypatch):
    ledger.add([leak("a")])
    tried = []

    with answering(ACCEPTED) as server:
        submit = Client.submit

        def broken(self, secrets):
            tried.append(clock.now())
            return Answer(Meaning.UNREACHABLE) if len(tried) < 4 else submit(self, secrets)

        monkeypatch.setattr(Client, "submit", broken)
        result = send(server, wait=True)
    assert result.stop is Stop.DONE
    assert [later - earlier for earlier, later in pairwise(tried)] == [60, 120, 240]
    assert states(ledger) == {State.ACCEPTED: 1}


def test_a_request_is_counted_when_it_goes_however_long_the_ledgers_lock_was_waited_for(
    ledger, send, clock, monkeypatch
):
    ledger.add([leak("a")])
    counted = []
    writing = Ledger.writing

    @contextmanager
    def late(self):
        with writing(self) as connection:
            clock.sleep(3)
            yield connection

    def answer(_number, _sent):
        with Ledger.open(ledger.directory, ledger.url) as other, other.reading() as connection:
            counted.append((clock.now(), Budget.load(connection, clock.now()).sent[-1]))
        return ACCEPTED

    monkeypatch.setattr(Ledger, "writing", late)
    with answering(answer) as server:
        send(server)
    ((arrived, recorded),) = counted
    assert arrived == recorded


@pytest.mark.parametrize("halves", [False, True])
def test_requests_arrive_a_second_apart_however_long_one_was_on_its_way(ledger, log, send, clock, monkeypatch, halves):
    monkeypatch.setattr(dispatch, "LARGEST", 4 if halves else 1)
    ledger.add([leak(number) for number in range(4)])
    arrived = []
    append = AuditLog.append

    def slow(self, *events):
        if not arrived:
            clock.sleep(0.9)
        return append(self, *events)

    def answer(_number, sent):
        arrived.append(clock.now())
        clock.sleep(0.2)
        return REFUSED if len(sent) == 4 else ACCEPTED

    monkeypatch.setattr(AuditLog, "append", slow)
    with answering(answer) as server:
        send(server)
    assert len(arrived) >= 3
    assert all(later - earlier >= 1 for earlier, later in pairwise(arrived))


def test_what_was_on_its_way_in_a_crash_counts_from_when_that_is_noticed(ledger, send, clock):
    ledger.add([leak("a")])
    with ledger.writing() as connection:
        plan = plans.make(connection, EVERYTHING, clock.now()).id
        batches.intend(connection, batches.form(connection, plan, 1))
        Budget().spend(clock.now(), isolating=True).save(connection)
    clock.sleep(30)
    noticed, arrived = clock.now(), []
    with answering(lambda _number, _sent: arrived.append(clock.now()) or ACCEPTED) as server:
        send(server)
    assert arrived[0] >= noticed + 1
    with ledger.reading() as connection:
        assert Budget.load(connection, clock.now()).isolating == (noticed,)


def test_a_member_whose_secret_is_lost_is_held_and_never_counts_as_accepted(ledger, log, send):
    ledger.add([leak(1), leak(2)])
    ledger.add([leak("lost")])
    with ledger.writing() as connection:
        connection.exec_driver_sql("DELETE FROM secret WHERE finding_id = 3")
    with answering(ACCEPTED) as server:
        result = send(server)
        assert [len(sent) for sent in server.credentials] == [2]
    assert result.settled == {State.HELD: 1, State.ACCEPTED: 2}
    (entry,) = ledger.entries(State.HELD)
    assert entry.fingerprint == fingerprint(mint("lost"))
    assert entry.reason == "its secret is missing: the ledger may be damaged"
    assert actions(log)[0] == "revocation-held"


def test_where_all_secrets_are_lost_it_ends(ledger, send):
    ledger.add([leak(number) for number in range(3)])
    with ledger.writing() as connection:
        connection.exec_driver_sql("DELETE FROM secret")
    with answering(ACCEPTED) as server:
        result = send(server)
        assert not server.requests
    assert (result.stop, result.settled) == (Stop.DONE, {State.HELD: 3})


def test_a_batch_with_nothing_in_it_keeps_nobody_busy(ledger, send):
    ledger.add([leak("a")])
    with ledger.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO batch (unsettled, isolating, unanswered, not_before) VALUES (true, false, 0, 0)"
        )
    with answering(ACCEPTED) as server:
        assert send(server).stop is Stop.DONE
        assert len(server.requests) == 1


def test_sixty_requests_an_hour_and_not_one_more(ledger, send, clock):
    times, seen = [], set()

    def answer(_number, sent):
        times.append(clock.now())
        if tuple(sent) in seen:
            return ACCEPTED
        seen.add(tuple(sent))
        return error(500, "boom")

    with answering(answer) as server:
        stops = []
        for number in range(150):
            ledger.add([leak(number)])
            stops.append(send(server).stop)
        result = send(server, wait=True)
        assert Stop.LATER in stops
        assert result.stop is Stop.DONE
    assert states(ledger) == {State.ACCEPTED: 150}
    assert len(times) > 120
    assert all(later - earlier > 3600 for earlier, later in zip(times, times[60:], strict=False))
    assert all(later - earlier >= 1 for earlier, later in pairwise(times))


def test_a_pause_stops_it_before_its_next_request(ledger, send):
    ledger.add([leak(number) for number in range(2500)])

    def answer(_number, _sent):
        with Ledger.open(ledger.directory, ledger.url) as other:
            other.pause()
        return ACCEPTED

    with answering(answer) as server:
        assert send(server).stop is Stop.PAUSED
        assert send(server).stop is Stop.PAUSED
        assert len(server.requests) == 1
        ledger.resume()
        server.answer = lambda _number, _sent: ACCEPTED
        assert send(server).stop is Stop.DONE
    assert states(ledger) == {State.ACCEPTED: 2500}


def test_there_is_one_dispatcher_at_a_time(ledger, send):
    ledger.add([leak("a")])
    with answering(ACCEPTED) as server:
        with ledger.dispatching(), pytest.raises(LedgerError, match="another dispatcher"):
            send(server)
        assert not server.requests
        assert send(server).stop is Stop.DONE


def test_an_orphan_is_taken_up_as_unknown_and_sent_again_as_it_was(ledger, log, send, clock):
    ledger.add([leak(number) for number in range(3)])
    with ledger.writing() as connection:
        plan = plans.make(connection, Selection(), clock.now()).id
        batches.intend(connection, batches.form(connection, plan, 1000))
    ledger.add([leak("fresh")])
    with answering(ACCEPTED) as server:
        send(server)
        assert [len(sent) for sent in server.credentials] == [3, 1]
    assert actions(log)[0] == "revocation-orphaned"
    assert sorted(entry.attempts for entry in ledger.entries()) == [1, 2, 2, 2]


def test_a_token_that_is_unleaks_own_by_now_is_held(ledger, log, send, monkeypatch):
    ledger.add([leak("mine"), leak("other")])
    monkeypatch.setenv("GH_TOKEN", mint("mine").decode())
    with answering(ACCEPTED) as server:
        result = send(server)
        assert server.credentials == [[mint("other").decode()]]
    assert result.settled == {State.HELD: 1, State.ACCEPTED: 1}
    (entry,) = ledger.entries(State.HELD)
    assert (entry.fingerprint, entry.reason) == (fingerprint(mint("mine")), "it stands in unleak's own environment")
    assert actions(log)[0] == "revocation-held"


def test_nothing_whose_check_fails_ever_leaves(ledger, send):
    good = leak("a")
    facts = {name: getattr(good, name) for name in good.__slots__}
    ledger.add([Finding(**facts | {"secret": Secret(lookalike("b"))})])
    ledger.add([Finding(**facts | {"secret": Secret(mint("c") + b"X")})])
    ledger.add(
        [
            Finding(
                **facts | {"secret": Secret(mint("d", "github-app-installation")), "pattern": "github-app-installation"}
            )
        ]
    )
    with answering(ACCEPTED) as server:
        result = send(server)
        assert not server.requests
    assert result.settled == {State.HELD: 3}


def test_no_token_is_in_what_it_tells_or_logs(ledger, log, clock, tmp_path):
    ledger.add([leak("a")])
    token = mint("a").decode()
    told = []
    with answering(error(422, f"cannot revoke {token}")) as server:
        with ledger.writing() as connection:
            plan = plans.make(connection, Selection(), clock.now()).id
        Dispatcher(ledger, log, Client(anonymous(server.url)), plan, clock=clock, tell=told.append).run()
    assert states(ledger) == {State.REJECTED: 1}
    assert token not in "".join(told)
    assert not [path.name for path in tmp_path.iterdir() if token.encode() in path.read_bytes()]
