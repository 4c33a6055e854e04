import random
import sqlite3
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaks import leak
from minting import mint

from scanner.ledger import Ledger, State, batches, plans
from scanner.ledger.plans import Selection
from scanner.ledger.schema import data_keys, secrets
from scanner.secret import fingerprint

EVERYTHING = Selection()


@pytest.fixture
def ledger(tmp_path, database):
    with Ledger.open(tmp_path, database) as ledger:
        yield ledger


def plan_of(ledger, selection=EVERYTHING, now=1000.0):
    with ledger.writing() as connection:
        return plans.make(connection, selection, now)


def formed(ledger, plan, size):
    """Make up a batch, and what is in it; None when nothing is left."""
    with ledger.writing() as connection:
        if not batches.any_loose(connection, plan.id):
            return None
        number = batches.form(connection, plan.id, size)
        return batches.take(connection, number, ledger.opener(connection))


def states(ledger):
    return Counter(entry.state for entry in ledger.entries())


@settings(deadline=None, max_examples=25)
@given(counts=st.lists(st.integers(0, 12), max_size=5), size=st.integers(1, 10))
def test_batches_partition_the_queue_fairly(tmp_path_factory, counts, size):
    findings = [
        leak(f"{source}/{number}", f"/r{source}") for source, count in enumerate(counts) for number in range(count)
    ]
    with Ledger.open(tmp_path_factory.mktemp("ledger")) as ledger:
        ledger.add(findings)
        source_of = {entry.fingerprint: entry.source for entry in ledger.entries()}
        plan = plan_of(ledger)
        left = Counter(source_of.values())
        seen = []
        while batch := formed(ledger, plan, size):
            items = [item.fingerprint for item in batch.items]
            assert len(items) == min(size, sum(left.values()))
            shares = Counter(source_of[item] for item in items)
            # No source has two more in a batch than another that still had more to give.
            for source, share in shares.items():
                for other in left:
                    assert shares[other] >= share - 1 or shares[other] == left[other], (source, other)
            left -= shares
            seen += items
        assert sorted(seen) == sorted(finding.fingerprint for finding in findings)


def test_the_newest_of_a_source_goes_first(ledger):
    for now, seed in ((1000.0, "old"), (3000.0, "new"), (2000.0, "between")):
        ledger.add([leak(seed)], now=now)
    plan = plan_of(ledger)
    order = [formed(ledger, plan, 1).items[0].secret.reveal() for _ in range(3)]
    assert order == [mint("new"), mint("between"), mint("old")]


def test_a_flood_from_one_source_does_not_keep_another_waiting(ledger):
    ledger.add([leak(number, "/flood") for number in range(3000)], now=2000.0)
    ledger.add([leak("real", "/real")], now=1000.0)
    assert fingerprint(mint("real")) in {item.fingerprint for item in formed(ledger, plan_of(ledger), 1000).items}


def test_a_full_batch_is_made_up_within_the_limits_of_any_sqlite(ledger):
    ledger.add([leak(number) for number in range(1000)])
    plan = plan_of(ledger)
    with ledger.writing() as connection:
        if ledger.url is None:
            connection.connection.dbapi_connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
        number = batches.form(connection, plan.id, 1000)
        assert len(batches.take(connection, number, ledger.opener(connection)).items) == 1000


def test_a_plan_is_kept_for_thirty_days_after_it_was_last_shown(ledger):
    ledger.add([leak("a")])
    day = 86400.0
    shown = plan_of(ledger, now=day)
    assert plan_of(ledger, now=30 * day) == shown
    ledger.add([leak("b")])
    plan_of(ledger, now=31.5 * day)
    with ledger.reading() as connection:
        assert plans.find(connection, shown.id) == shown
    plan_of(ledger, now=60.5 * day)
    with ledger.reading() as connection:
        assert plans.find(connection, shown.id) is None


def test_a_plan_has_the_same_id_for_the_same_set_only(ledger):
    ledger.add([leak("a"), leak("b")])
    first = plan_of(ledger)
    assert plan_of(ledger, now=2000.0) == first
    ledger.add([leak("c")])
    assert plan_of(ledger).id != first.id
    with ledger.reading() as connection:
        kept = plans.find(connection, first.id)
        assert plans.find(connection, "0" * 16) is None
    assert kept == first
    assert kept.total == 2


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), {"a", "b", "c"}),
        (Selection(sources=("/r1",)), {"a", "b"}),
        (Selection(sources=("/r1", "/r2")), {"a", "b", "c"}),
        (Selection(patterns=("github-oauth",)), {"b"}),
        (Selection(sources=("/r2",), patterns=("github-oauth",)), set()),
        (Selection(fingerprints=(fingerprint(mint("c")),)), {"c"}),
    ],
)
def test_a_selection_leaves_a_part_of_the_queue(ledger, selection, expected):
    tokens = {"a": mint("a"), "b": mint("b", "github-oauth"), "c": mint("c")}
    ledger.add([leak("a", "/r1"), leak("b", "/r1", pattern="github-oauth"), leak("c", "/r2")])
    plan = plan_of(ledger, selection)
    assert (plan.total, plan.loose, plan.batches) == (len(expected), len(expected), 0)
    batch = formed(ledger, plan, 1000)
    assert {item.secret.reveal() for item in batch.items} if batch else set() == {tokens[name] for name in expected}


def test_a_plan_counts_by_pattern_and_by_source(ledger):
    ledger.add([leak("a", "/r1"), leak("b", "/r2", pattern="github-oauth"), leak("c", "/r2")])
    plan = plan_of(ledger)
    assert plan.patterns == (("github-oauth", 1), ("github-pat-classic", 2))
    assert plan.sources == (("/r2", 2), ("/r1", 1))


def test_a_batch_that_was_sent_is_in_a_plan_whole_or_not_at_all(ledger):
    ledger.add([leak("a", "/r1"), leak("b", "/r2")])
    batch = formed(ledger, plan_of(ledger), 1000)
    with ledger.writing() as connection:
        batches.intend(connection, batch.id)
        batches.put_back(connection, batch.id, State.UNKNOWN, "", unanswered=1, not_before=5000.0)
    ledger.add([leak("c", "/r1")])
    whole, part = plan_of(ledger), plan_of(ledger, Selection(sources=("/r1",)))
    assert (whole.total, whole.batches, whole.loose) == (3, 1, 1)
    assert (part.total, part.batches, part.loose) == (1, 0, 1)
    with ledger.reading() as connection:
        assert batches.due(connection, whole.id, 4999.0, isolating=True) is None
        assert batches.due(connection, whole.id, 5000.0, isolating=True) == batch.id
        assert batches.due(connection, part.id, 5000.0, isolating=True) is None
        assert batches.next_due(connection, whole.id, isolating=False) == 5000.0
        assert batches.next_due(connection, whole.id, isolating=True) is None
        assert batches.next_due(connection, part.id, isolating=False) is None


def test_a_batch_that_was_certainly_not_taken_dissolves(ledger):
    ledger.add([leak("a"), leak("b")])
    plan = plan_of(ledger)
    batch = formed(ledger, plan, 1000)
    with ledger.writing() as connection:
        batches.put_back(connection, batch.id, State.QUEUED, "", unanswered=0, not_before=0.0)
        assert batches.any_loose(connection, plan.id)
        assert batches.next_due(connection, plan.id, isolating=False) is None


@pytest.mark.parametrize("count", [2, 3, 8])
def test_halves_of_a_batch_are_all_of_it(ledger, count):
    ledger.add([leak(number) for number in range(count)])
    plan = plan_of(ledger)
    whole = formed(ledger, plan, 1000)
    with ledger.writing() as connection:
        batches.halve(connection, whole.id, State.QUEUED, "", unanswered=2, not_before=7.0, isolating=True)
        assert batches.due(connection, plan.id, 7.0, isolating=False) is None
        first = batches.due(connection, plan.id, 7.0, isolating=True)
        halves = [batches.take(connection, number, ledger.opener(connection)) for number in (first, first + 1)]
    assert [(half.isolating, half.unanswered) for half in halves] == [(True, 2)] * 2
    assert [len(half.items) for half in halves] == [(count + 1) // 2, count // 2]
    assert {item for half in halves for item in half.items} == set(whole.items)


def test_what_is_held_leaves_its_batch(ledger):
    ledger.add([leak("a"), leak("b")])
    plan = plan_of(ledger)
    batch = formed(ledger, plan, 1000)
    with ledger.writing() as connection:
        batches.hold(connection, batch.id, batch.items[0].id, "because")
        rest = batches.take(connection, batch.id, ledger.opener(connection))
        batches.hold(connection, batch.id, batch.items[1].id, "because")
        assert batches.next_due(connection, plan.id, isolating=False) is None
    assert rest.items == batch.items[1:]
    assert {(entry.state, entry.reason, entry.batch) for entry in ledger.entries()} == {(State.HELD, "because", None)}


def test_what_is_accepted_and_found_again_has_reappeared_and_is_not_queued(ledger):
    ledger.add([leak("a")])
    batch = formed(ledger, plan_of(ledger), 1)
    with ledger.writing() as connection:
        batches.settle(connection, batch.id, State.ACCEPTED, None)
    added = ledger.add([leak("a")])
    assert (added.queued, added.known, added.reappeared) == (0, 1, 1)
    (entry,) = ledger.entries()
    assert (entry.state, entry.reappeared) == (State.ACCEPTED, True)
    assert plan_of(ledger).total == 0


@pytest.mark.parametrize("database", [None])  # it looks into the file
def test_nothing_is_left_of_what_was_wiped_whatever_the_order(ledger, tmp_path):
    rng = random.Random(5)
    everything = []
    for run in range(4):
        ledger.add([leak(f"{run}/{number}", f"/r{number % 7}") for number in range(700)])
        with ledger.reading() as connection:
            everything = connection.execute(secrets.select()).all()
            keys = dict(connection.execute(data_keys.select()).all())
        plan = plan_of(ledger)
        wiped = []
        for _ in range(rng.randrange(3, 9)):
            batch = formed(ledger, plan, rng.randrange(1, 150))
            with ledger.writing() as connection:
                batches.settle(connection, batch.id, State.ACCEPTED, None)
            wiped += batch.items
        numbers = {item.id for item in wiped}
        gone = [row.sealed for row in everything if row.finding_id in numbers]
        assert len(gone) == len(wiped)
        content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert not [sealed for sealed in gone if sealed in content or sealed[-24:] in content]
        assert all(sealed in content for sealed in keys.values())
    while batch := formed(ledger, plan, 1000):
        with ledger.writing() as connection:
            batches.settle(connection, batch.id, State.ACCEPTED, None)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [row for row in everything if row.sealed in content]
    assert not [sealed for sealed in keys.values() if sealed in content]
    assert states(ledger) == {State.ACCEPTED: 2800}


@pytest.mark.parametrize("state", [State.REJECTED, State.PARKED])
def test_what_was_not_accepted_is_not_wiped(ledger, state):
    ledger.add([leak("a")])
    batch = formed(ledger, plan_of(ledger), 1)
    with ledger.writing() as connection:
        batches.settle(connection, batch.id, state, "why")
        assert batches.take(connection, batch.id, ledger.opener(connection)).items == batch.items
