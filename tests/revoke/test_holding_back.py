"""What keeps a submission from leaving, or makes it wait: policy, reserve, patience, the clock, GET /rate_limit."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaks import leak
from minting import mint
from scripted import ACCEPTED, answering, error
from turned import TurnedClock

from scanner.audit import AuditLog
from scanner.cli.main import main
from scanner.errors import Exit, LedgerError, RevokeError, UsageError
from scanner.http import anonymous
from scanner.ledger import Ledger, State, plans
from scanner.ledger.plans import Selection
from scanner.revoke.budget import Budget
from scanner.revoke.client import Client, Limits
from scanner.revoke.clock import Steady, SystemClock
from scanner.revoke.dispatch import Dispatcher, Stop
from scanner.revoke.policy import Policy, read_policy
from scanner.revoke.watch import watch
from scanner.sandbox import running
from scanner.secret import fingerprint

NOW = 1_800_000_000.0


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path / "state"


@pytest.fixture
def ledger(state):
    with Ledger.open(state) as ledger:
        yield ledger


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def dispatch(ledger, clock):
    def run(url, **options):
        with ledger.writing() as connection:
            plan = plans.make(connection, Selection(), clock.now()).id
        log = AuditLog(ledger.directory)
        return Dispatcher(ledger, log, Client(anonymous(url)), plan, clock=clock, **options).run()

    return run


def states(ledger):
    return {entry.fingerprint: entry.state for entry in ledger.entries()}


def posts(sandbox):
    return [one for one in sandbox.received if one.method == "POST"]


def test_what_is_on_the_allow_list_by_now_is_held(ledger, dispatch):
    ledger.add([leak("canary"), leak("real")])
    with answering(ACCEPTED) as server:
        result = dispatch(server.url, policy=Policy(allow=(fingerprint(mint("canary")),)))
        assert server.credentials == [[mint("real").decode()]]
    assert result.settled == {State.HELD: 1, State.ACCEPTED: 1}


def test_a_kind_of_token_that_the_policy_leaves_out_is_held(ledger, dispatch):
    ledger.add([leak("a"), leak("b", pattern="github-oauth")])
    with answering(ACCEPTED) as server:
        dispatch(server.url, policy=Policy(patterns=("github-oauth",)))
        assert server.credentials == [[mint("b", "github-oauth").decode()]]


def test_a_run_sends_no_more_than_the_policys_cap(ledger, dispatch):
    ledger.add([leak(number) for number in range(30)])
    with answering(ACCEPTED) as server:
        result = dispatch(server.url, policy=Policy(cap=12))
        assert [len(sent) for sent in server.credentials] == [12]
        assert (result.stop, result.settled) == (Stop.CAPPED, {State.ACCEPTED: 12})


def test_with_more_than_the_policy_lets_go_a_person_has_to_have_seen_the_plan(ledger, tmp_path, capsys):
    ledger.add([leak(number) for number in range(3)])
    (tmp_path / "policy.toml").write_text("ask_above = 2\ncap = 2\n")
    with answering(ACCEPTED) as server:
        words = ["revoke", "--execute", "--yes", "--api-url", server.url, "--policy", str(tmp_path / "policy.toml")]
        assert main(words) == Exit.ERROR
        assert not server.requests
        plan = capsys.readouterr().err.split("--plan ")[1].strip()
        assert main([*words, "--plan", plan]) == Exit.BUDGET_SPENT
        assert "cap of 2 is reached, with 1 secret left" in capsys.readouterr().err
        assert [len(sent) for sent in server.credentials] == [2]


@pytest.mark.parametrize("content", [None, "allow = 1", "[", 'no_such = "x"'])
def test_a_policy_that_is_none_is_a_mistake(tmp_path, content):
    path = tmp_path / "policy.toml"
    if content:
        path.write_text(content)
    with pytest.raises(UsageError, match=r"policy\.toml"):
        read_policy(path)


def test_a_reserve_leaves_requests_to_others(ledger, clock, dispatch):
    with running(clock=clock.now) as sandbox:
        for number in range(7):
            ledger.add([leak(number)])
            result = dispatch(sandbox.url, reserve=55)
        assert len(posts(sandbox)) == 5
        assert result.stop is Stop.LATER
        assert dispatch(sandbox.url, reserve=55, wait=True).stop is Stop.DONE
    assert clock.now() - NOW >= 3600


@pytest.mark.parametrize("words", [["--reserve", "60"], ["--reserve", "x"], ["--watch"], ["--watch", "--execute"]])
def test_options_that_make_no_sense_are_a_mistake(state, words):
    assert main(["revoke", *words]) == Exit.ERROR


def test_what_others_have_used_up_is_asked_for_before_anything_is_sent(ledger, clock, dispatch):
    ledger.add([leak("a")])
    with running(limit=3, clock=clock.now) as sandbox:
        client = Client(anonymous(sandbox.url))
        for _ in range(3):
            client.submit([])
        result = dispatch(sandbox.url)
        assert result.stop is Stop.LATER
        assert result.requests == 0
        assert dispatch(sandbox.url, wait=True).stop is Stop.DONE
        assert [one.status for one in posts(sandbox)] == [422, 422, 422, 202]
    assert set(states(ledger).values()) == {State.ACCEPTED}


def test_where_there_is_nothing_to_send_nothing_is_asked(ledger, dispatch):
    with running() as sandbox:
        dispatch(sandbox.url)
        assert sandbox.received == ()


def test_a_clock_that_is_turned_ahead_frees_no_budget(ledger, clock, dispatch):
    with running(limit=1000, clock=clock.now) as sandbox:
        for number in range(60):
            ledger.add([leak(number)])
            dispatch(sandbox.url, wait=True)
        clock.turn(86_400)
        ledger.add([leak("one more")])
        assert dispatch(sandbox.url).stop is Stop.LATER
        clock.turn(-86_400 * 30)
        assert dispatch(sandbox.url).stop is Stop.LATER
        before = clock.slept
        assert dispatch(sandbox.url, wait=True).stop is Stop.DONE
        assert 3500 < clock.slept - before <= 3601
        assert len(posts(sandbox)) == 61


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-1e6, 1e6)), max_size=150))
def test_no_rolling_hour_has_more_than_sixty_requests_however_the_clock_is_turned(steps):
    budget, shown, true = Budget(), NOW, 0.0
    sent = []
    for passes, turned in steps:
        true += passes
        shown += passes + turned
        budget = budget.at(shown, Steady("x", true))
        wait = max(0.0, budget.opens(shown) - shown)
        assert wait <= 3601.1
        true, shown = true + wait, shown + wait
        budget = budget.at(shown, Steady("x", true)).spend(shown)
        sent.append(true)
    assert all(later - earlier >= 3600 for earlier, later in zip(sent, sent[60:], strict=False))


def test_the_steady_clock_goes_on_and_has_a_name():
    first, second = SystemClock().steady(), SystemClock().steady()
    assert first.scale == second.scale
    assert first.seconds <= second.seconds


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"no json"),
        (200, {}, b'{"rate":{"remaining":"x"}}'),
        (404, {}, b"{}"),
        (500, {}, b""),
    ],
)
def test_an_answer_about_limits_that_tells_nothing_changes_nothing(answer):
    with answering(answer) as server:
        assert Client(anonymous(server.url)).standing() == Limits()


def test_with_few_requests_left_what_is_fresh_waits_for_company_but_not_for_long(ledger, clock, dispatch):
    with running(limit=8, clock=clock.now) as sandbox:
        ledger.add([leak("a")], now=clock.now())
        result = dispatch(sandbox.url, patient=True)
        assert (result.stop, result.until) == (Stop.LATER, clock.now() + 600)
        ledger.add([leak(number) for number in range(999)], now=clock.now())
        assert dispatch(sandbox.url, patient=True).settled == {State.ACCEPTED: 1000}
        ledger.add([leak("b")], now=clock.now())
        start = clock.now()
        assert dispatch(sandbox.url, patient=True, wait=True).stop is Stop.DONE
        assert 600 <= clock.now() - start < 661


def test_with_plenty_left_what_is_fresh_goes_at_once(ledger, clock, dispatch):
    ledger.add([leak("a")], now=clock.now())
    with running(clock=clock.now) as sandbox:
        assert dispatch(sandbox.url, patient=True).stop is Stop.DONE
    assert clock.slept == 0


def test_tokens_on_standard_input_are_sent_now_and_nothing_else(unleak, ledger):
    ledger.add([leak("other")])
    with running() as sandbox:
        words = ["revoke", "--stdin", "--execute", "--yes", "--api-url", sandbox.url]
        done = unleak(*words, stdin=b"x " + mint("now"), env={"UNLEAK_STATE_DIR": str(ledger.directory)})
        assert done.returncode == 0, done.stderr
        assert [one.fingerprints for one in posts(sandbox)] == [(fingerprint(mint("now")),)]
    assert states(ledger)[fingerprint(mint("other"))] == State.QUEUED


def test_help_loads_neither_httpx_nor_sqlalchemy():
    script = """if True:
        import argparse, sys
        from scanner.cli import enterprise, revoke
        for one in enterprise, revoke:
            one.configure(argparse.ArgumentParser())
        print([name for name in ("httpx", "sqlalchemy", "nacl", "msgspec") if name in sys.modules])
    """
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"[]\n"


class EnoughError(Exception):
    pass


class Watched(TurnedClock):
    """Lets a test act while a watch sleeps."""

    def __init__(self, *acts):
        super().__init__()
        self.acts = list(acts)

    def sleep(self, seconds):
        super().sleep(seconds)
        if not self.acts:
            raise EnoughError
        self.acts.pop(0)()


def watching(ledger, url, clock, **options):
    log = AuditLog(ledger.directory)
    with pytest.raises(EnoughError):
        watch(Dispatcher(ledger, log, Client(anonymous(url)), "", clock=clock, **options), Selection())


def test_a_watch_sends_what_is_queued_as_it_comes(ledger):
    acts = [lambda number=number: ledger.add([leak(number)]) for number in range(3) for _ in range(1)]
    with answering(ACCEPTED) as server:
        watching(ledger, server.url, Watched(*acts, *[lambda: None] * 5))
        assert server.credentials == [[mint(number).decode()] for number in range(3)]


def test_a_watch_outlasts_faults_pauses_and_limits(ledger):
    answers = [error(404, "gone"), error(429, "slow down"), error(500, "boom")]
    ledger.add([leak("a")])
    ledger.pause()
    clock = Watched(lambda: None, ledger.resume, *[lambda: None] * 2000)
    with answering(lambda number, _sent: answers[number] if number < len(answers) else ACCEPTED) as server:
        watching(ledger, server.url, clock)
        assert len(server.requests) == 4
    assert set(states(ledger).values()) == {State.ACCEPTED}


def test_a_watch_keeps_every_other_dispatcher_out(ledger):
    def try_another():
        with Ledger.open(ledger.directory) as other, pytest.raises(LedgerError, match="another dispatcher"):
            other.dispatching().__enter__()

    with answering(ACCEPTED) as server:
        watching(ledger, server.url, Watched(try_another, try_another))


def test_a_watch_ends_where_the_policy_asks_a_person(ledger):
    ledger.add([leak(number) for number in range(3)])
    log = AuditLog(ledger.directory)
    with answering(ACCEPTED) as server:
        dispatcher = Dispatcher(ledger, log, Client(anonymous(server.url)), "", policy=Policy(ask_above=2))
        with pytest.raises(RevokeError, match="asks a person above 2"):
            watch(dispatcher, Selection())
        assert not server.requests


def test_a_watch_goes_on_an_hour_after_its_cap(ledger):
    ledger.add([leak(number) for number in range(5)])
    clock = Watched(*[lambda: None] * 3)
    with answering(ACCEPTED) as server:
        watching(ledger, server.url, clock, policy=Policy(cap=2))
        assert [len(sent) for sent in server.credentials] == [2, 2, 1]
    assert clock.slept >= 7200
