"""Kills a dispatch of 5,000 tokens at random moments, through a sandbox that plays faults.

    CHAOS_KILLS=1000 python -m pytest tests/chaos/test_kills.py

does it a thousand times; without the variable it is thirty. An injected clock does the waiting.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from leaks import leak
from minting import mint
from turned import TurnedClock

from scanner.audit import AuditLog
from scanner.http import anonymous
from scanner.ledger import Ledger, State, plans
from scanner.ledger.plans import Selection
from scanner.revoke.client import Client
from scanner.revoke.dispatch import Dispatcher
from scanner.secret import fingerprint

KILLS = int(os.environ.get("CHAOS_KILLS", "30"))
COUNT = 5000
FAULTS = ["500", "503", "429", "422-item", "reset-before", "reset-during", "403-secondary"]
UNLEAK = [sys.executable, "-c", "from scanner.cli.main import run; run()"]


@pytest.fixture(scope="module")
def template(memory):
    """A state directory with everything queued, to be copied."""
    directory = memory / "template"
    directory.mkdir(0o700)
    with Ledger.open(directory) as ledger:
        ledger.add([leak(number, f"/r{number % 7}") for number in range(COUNT)])
    return directory


@pytest.fixture(scope="module")
def everything():
    return {fingerprint(mint(number)) for number in range(COUNT)}


class Served:
    """A sandbox in a process of its own."""

    def __init__(self, log, faults):
        self.log = log
        words = [word for fault in faults for word in ("--fault", fault)]
        self.process = subprocess.Popen(
            [*UNLEAK, "sandbox", "-q", "--limit", "1000000", "--log", str(log), *words],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.process.stdout.readline().strip()

    def accepted(self):
        lines = map(json.loads, self.log.read_text().splitlines())
        return [frozenset(line["fingerprints"]) for line in lines if line["method"] == "POST" and line["status"] == 202]

    def close(self):
        self.process.terminate()
        self.process.communicate(timeout=30)


def dispatch(directory, url, start):
    """Dispatch to the end, in a child of this process; returns its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        clock = TurnedClock(start)
        with Ledger.open(directory) as ledger:
            with ledger.writing() as connection:
                plan = plans.make(connection, Selection(), clock.now()).id
            log = AuditLog(directory)
            Dispatcher(ledger, log, Client(anonymous(url)), plan, clock=clock, wait=True).run()
        code = 0
    finally:
        os._exit(code)


def test_a_kill_at_any_moment_loses_nothing_and_repeats_at_most_the_batch_in_flight(memory, template, everything):
    rng = random.Random(int(os.environ.get("CHAOS_SEED", "5")))
    kills, longest = 0, 1.0
    for number in range(KILLS):
        state = memory / f"state-{number}"
        shutil.copytree(template, state)
        faults = [word for _ in range(3) for word in (rng.choice(FAULTS), "ok")]
        served = Served(memory / f"log-{number}", faults)
        try:
            began = time.monotonic()
            child = dispatch(state, served.url, 1_800_000_000.0)
            time.sleep(rng.uniform(0.0, longest))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            killed = os.WIFSIGNALED(status)
            kills += killed
            if not killed:
                longest = max(0.3, 0.9 * longest, time.monotonic() - began - 0.2)
            _, status = os.waitpid(dispatch(state, served.url, 1_800_100_000.0), 0)
            assert os.waitstatus_to_exitcode(status) == 0
        finally:
            served.close()
        check(state, served.accepted(), everything, killed=killed)
        shutil.rmtree(state)
    assert kills > KILLS / 3


def check(state, accepted, everything, *, killed):
    with Ledger.open(state) as ledger:
        states = {entry.fingerprint: entry.state for entry in ledger.entries()}
    assert states.keys() == everything
    assert set(states.values()) == {State.ACCEPTED}
    sent = Counter(one for batch in accepted for one in batch)
    assert sent.keys() == everything
    again = {one for one, count in sent.items() if count > 1}
    assert max(sent.values()) <= 1 + killed
    # The batch in flight, and nothing else; sent again whole or, had it been refused since, in parts.
    assert not again or any(again <= batch for batch in accepted)
    AuditLog(state).verify()
