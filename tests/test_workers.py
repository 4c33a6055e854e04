import os
import signal
import time

import pytest

from scanner.workers import WorkerDiedError, crew, default_jobs


def work(function, units, jobs):
    with crew(jobs) as workers:
        yield from workers.work(function, units)


def double(number):
    return os.getpid(), 2 * number


def die(number):
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail(number):
    raise ValueError(number)


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_unit_is_worked_on_once(jobs):
    results = list(work(double, range(100), jobs))
    assert sorted(result for _, result in results) == list(range(0, 200, 2))
    assert (os.getpid() in {process for process, _ in results}) == (jobs == 1)


def test_a_single_unit_starts_no_process():
    assert list(work(double, [1], 8)) == [(os.getpid(), 2)]
    assert list(work(double, [], 8)) == []


def test_units_are_taken_only_as_workers_get_free():
    taken = 0

    def units():
        nonlocal taken
        while taken < 1000:
            taken += 1
            yield taken

    results = work(double, units(), 2)
    next(results)
    assert taken < 20
    assert len(list(results)) == 999


def test_a_second_round_of_work_is_done_by_the_same_processes():
    with crew(2) as workers:
        first, second = ({process for process, _ in workers.work(double, range(50))} for _ in range(2))
    assert os.getpid() not in first
    assert len(first | second) <= 2


def test_no_process_is_started_once_threads_may_have_been():
    with crew(2) as workers:
        assert list(workers.work(double, [1])) == [(os.getpid(), 2)]
        assert {process for process, _ in workers.work(double, range(9))} == {os.getpid()}


def test_a_worker_that_dies_is_an_error_and_no_hang():
    with pytest.raises(WorkerDiedError, match="a worker process died"):
        list(work(die, range(50), 2))


def test_a_worker_that_dies_while_the_next_unit_is_looked_for_is_the_same_error():
    def units():
        yield from [5, 5]
        time.sleep(1)  # the pool notices meanwhile
        yield 6

    with pytest.raises(WorkerDiedError, match="a worker process died"):
        list(work(die, units(), 2))


def test_what_a_worker_raises_comes_out():
    with pytest.raises(ValueError, match=r"^7$"):
        list(work(fail, [7, 7, 7], 2))


def test_there_is_at_least_one_job():
    assert default_jobs() >= 1
