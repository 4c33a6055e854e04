from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.ledger import Ledger
from scanner.revoke.budget import HOURLY, ISOLATING, Budget
from scanner.revoke.client import Limits

NOW = 1_800_000_000.0
HOUR = 3600.0

steps = st.lists(
    st.tuples(
        st.floats(0, 400),  # seconds that truly pass
        st.one_of(st.just(0.0), st.floats(-100_000, 0)),  # how far the clock is turned back meanwhile
        st.booleans(),  # whether it is to isolate
        st.one_of(
            st.none(),
            st.builds(
                Limits,
                remaining=st.one_of(st.none(), st.integers(0, 100)),
                reset=st.one_of(st.none(), st.floats(-10, 4000)),
                retry_after=st.one_of(st.none(), st.floats(0, 100)),
            ),
        ),
        st.booleans(),  # whether the answer says to slow down
    ),
    max_size=200,
)


@settings(deadline=None, max_examples=200)
@given(steps)
def test_no_rolling_hour_has_more_than_sixty_requests_however_the_clock_is_turned_back(steps):
    budget, shown, true = Budget(), NOW, 0.0
    sent, isolating_sent = [], []
    for passes, turned, isolating, limits, setback in steps:
        true += passes
        shown += passes + turned
        budget = budget.at(shown)
        wait = budget.opens(shown, isolating=isolating) - shown
        if wait > 0:
            if passes < 200:
                continue  # sometimes another process gives up, sometimes it waits
            true += wait
            shown += wait
        budget = budget.spend(shown, isolating=isolating)
        sent.append(true)
        isolating_sent += [true] if isolating else []
        if limits:
            budget = budget.learn(limits, shown, setback=setback)
    slack = 1e-3  # floating point
    assert all(later - earlier >= HOUR - slack for earlier, later in zip(sent, sent[HOURLY:], strict=False))
    assert all(later - earlier >= 1 - slack for earlier, later in pairwise(sent))
    pairs = zip(isolating_sent, isolating_sent[ISOLATING:], strict=False)
    assert all(later - earlier >= HOUR - slack for earlier, later in pairs)


def spent(count, budget=None, now=NOW):
    budget = budget or Budget()
    for number in range(count):
        budget = budget.spend(now + number)
    return budget


def test_sixty_requests_may_go_and_the_next_has_to_wait_for_the_hour():
    budget = spent(60)
    assert (spent(59).left(NOW + 60), budget.left(NOW + 60)) == (1, 0)
    assert budget.opens(NOW + 60) == NOW + 3601


def test_requests_are_a_second_apart():
    assert Budget().spend(NOW).opens(NOW) == NOW + 1


def test_isolating_takes_at_most_six_requests_an_hour_and_leaves_the_rest_alone():
    budget = Budget()
    for number in range(6):
        budget = budget.spend(NOW + number, isolating=True)
    assert budget.opens(NOW + 10) <= NOW + 10
    assert budget.opens(NOW + 10, isolating=True) == NOW + 3601


@given(limits=st.lists(st.builds(Limits, remaining=st.integers(0, 100), reset=st.floats(0, 3600)), max_size=5))
def test_nothing_that_github_says_raises_what_is_left(limits):
    budget = spent(10)
    for one in limits:
        left = budget.left(NOW + 20)
        budget = budget.learn(one, NOW + 20, setback=False)
        assert budget.left(NOW + 20) <= left


def test_the_lowest_of_all_limits_counts_until_its_window_ends():
    budget = Budget().spend(NOW).learn(Limits(remaining=2, reset=100.0), NOW, setback=False)
    assert budget.left(NOW + 1) == 2
    budget = spent(2, budget, NOW + 10)
    assert budget.left(NOW + 20) == 0
    assert budget.opens(NOW + 20) == NOW + 101
    assert budget.left(NOW + 102) == 57


def test_retry_after_is_obeyed():
    budget = Budget().spend(NOW).learn(Limits(retry_after=77.0), NOW, setback=True)
    assert budget.opens(NOW) == NOW + 77
    assert budget.left(NOW + 76) == 0


@pytest.mark.parametrize("limits", [Limits(retry_after=0.0), Limits(retry_after=5.0), Limits(remaining=0, reset=0.0)])
def test_an_answer_that_says_to_slow_down_and_to_come_back_at_once_is_still_a_setback(limits):
    budget, opens = Budget(), []
    for _ in range(3):
        budget = budget.spend(NOW).learn(limits, NOW, setback=True)
        opens.append(budget.opens(NOW) - NOW)
    assert opens == [60, 120, 240]


def test_a_request_counts_from_its_answer_on_and_so_does_one_that_isolates():
    plain = Budget().spend(NOW, isolating=True).spend(NOW + 5).answered(NOW + 9)
    assert (plain.sent, plain.isolating) == ((NOW, NOW + 9), (NOW,))
    isolating = Budget().spend(NOW, isolating=True).answered(NOW + 9)
    assert (isolating.sent, isolating.isolating) == ((NOW + 9,), (NOW + 9,))
    assert Budget().answered(NOW) == Budget()


def test_where_nothing_is_said_the_wait_begins_with_a_minute_and_doubles_up_to_an_hour():
    budget, waits = Budget(), []
    for _ in range(9):
        budget = budget.spend(NOW).learn(Limits(), NOW, setback=True)
        waits.append(budget.not_before - NOW)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    calm = budget.learn(Limits(), NOW, setback=False)
    assert calm.learn(Limits(), NOW + 4000, setback=True).not_before == NOW + 4060


def test_a_limit_that_is_spent_without_a_reset_is_waited_for_an_hour():
    budget = Budget().spend(NOW).learn(Limits(remaining=0), NOW, setback=True)
    assert budget.opens(NOW) == NOW + 3601


def test_after_the_clock_went_back_nothing_waits_for_the_old_time():
    budget = spent(60).at(NOW - 86_400)
    assert budget.opens(NOW - 86_400) <= NOW - 86_400 + 3601


def test_it_outlasts_the_process(tmp_path):
    budget = spent(3).spend(NOW + 10, isolating=True).learn(Limits(remaining=9, reset=50.0), NOW + 10, setback=True)
    with Ledger.open(tmp_path) as ledger, ledger.writing() as connection:
        assert Budget.load(connection, NOW) == Budget()
        budget.save(connection)
    with Ledger.open(tmp_path) as ledger, ledger.reading() as connection:
        assert Budget.load(connection, NOW + 11) == budget
