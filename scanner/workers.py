"""The executor seam: where units are worked on, in this process or in a pool, with bounded work in flight."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import chain, islice
from typing import Final, TypeVar

from scanner.errors import UnleakError

_IN_FLIGHT_A_JOB: Final = 4  # units handed out ahead, so that no worker waits for the next
_LOOK: Final = 0.5  # seconds between looks at whether the parent lives

UnitT = TypeVar("UnitT")
ResultT = TypeVar("ResultT")


class WorkerDiedError(UnleakError):
    """A worker process ended without an answer: out of memory, or killed."""


def default_jobs() -> int:
    """How many processors this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Crew:
    """Processes that stay until all work is done.

    They are started by the first work, if that is more than one unit: later there may be threads.

    Args:
        jobs: How many processes.
        enter: Keeps the executor until the crew is dismissed.
    """

    def __init__(self, jobs: int, enter: Callable[[AbstractContextManager[Executor]], Executor]) -> None:
        self._jobs: Final = jobs
        self._enter: Final = enter
        self._executor: Executor | None = None
        self._may_fork = jobs > 1

    def work(self, function: Callable[[UnitT], ResultT], units: Iterable[UnitT]) -> Iterator[ResultT]:
        """Apply a function to each unit, in whatever order results come.

        A single unit, or a single job, is worked on in this process: a pool costs more than it brings.

        Args:
            function: What a worker does; picklable, as are its argument and its result.
            units: Taken one by one as workers get free.

        Raises:
            WorkerDiedError: A worker process died.
        """
        ahead = iter(units)
        first = list(islice(ahead, 2))
        if self._may_fork and len(first) == 2:
            self._executor = self._enter(_pool(self._jobs))
        self._may_fork = False
        if self._executor is None or len(first) < 2:
            return map(function, chain(first, ahead))
        return _bounded(self._executor, function, chain(first, ahead), self._jobs * _IN_FLIGHT_A_JOB)


@contextmanager
def crew(jobs: int) -> Iterator[Crew]:
    """Processes for several rounds of work; they end with the block."""
    with ExitStack() as stack:
        yield Crew(jobs, stack.enter_context)


def _bounded(
    executor: Executor,
    function: Callable[[UnitT], ResultT],
    units: Iterator[UnitT],
    limit: int,
) -> Iterator[ResultT]:
    in_flight: set[Future[ResultT]] = set()
    try:
        for unit in units:
            if len(in_flight) >= limit:
                yield from _finished(in_flight)
            in_flight.add(executor.submit(function, unit))
        while in_flight:
            yield from _finished(in_flight)
    except BrokenExecutor as error:
        raise WorkerDiedError(
            "a worker process died: out of memory, or killed", "Try again with --jobs 1, or on a smaller target."
        ) from error


def _finished(in_flight: "set[Future[ResultT]]") -> Iterator[ResultT]:
    done, _ = wait(in_flight, return_when=FIRST_COMPLETED)
    in_flight -= done
    for future in done:
        yield future.result()


@contextmanager
def _pool(jobs: int) -> Iterator[Executor]:
    # These cost 30 ms to import, which a scan in one process need not pay.
    import multiprocessing  # noqa: PLC0415
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    # A forked worker starts at once and shares what is loaded. On macOS system libraries do not survive a fork.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    executor = ProcessPoolExecutor(jobs, context, _begin_worker, (os.getpid(),))
    try:
        yield executor
    except BaseException:
        for process in list((executor._processes or {}).values()):  # noqa: SLF001 - 3.14 has terminate_workers()
            process.terminate()
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


def _begin_worker(parent: int) -> None:
    import signal  # noqa: PLC0415 - in a worker only
    import threading  # noqa: PLC0415 - likewise

    # An interrupt goes to the whole process group; it is for the parent alone to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent has died without a word: nobody else will, and nobody wants its results."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)
