"""Index recordings in several processes of this machine; one that is lost is replaced."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from actloc_ros.files import one_line
from actloc_ros.recordings.index.work import Indexer, IndexOptions, Job, Outcome

ONE_THREAD = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')
ATTEMPTS = 2  # at a recording whose process is lost, for want of memory mostly
LOOK = 0.5  # s after which a worker sees that its parent is gone

OnShare = Callable[[Job, float, float], None]
"""Takes a job, the share of it that is done, and how many s of its recording that is."""


class WorkerError(ValueError):
    """A worker that cannot begin; the text says why."""


def run_here(
    options: IndexOptions, jobs: Sequence[Job], processes: int, on_share: OnShare
) -> Iterator[Outcome]:
    """Yield what becomes of each job, in the order in which they are done.

    Args:
        options: Of the run.
        jobs: In the order in which they are begun.
        processes: How many work at once, each with one thread; 1 works in this process.
        on_share: Hears of progress.

    Raises:
        WorkerError: The model cannot be used.
        ModelError: Likewise, in this process.
    """
    if processes == 1 or len(jobs) <= 1:
        yield from _run_in_this_process(options, jobs, on_share)
        return
    pool = _Pool(options, deque((job, 0) for job in jobs), on_share)
    try:
        pool.start(min(processes, len(jobs)))
        while pool.busy:
            yield from pool.wait()
    finally:
        pool.stop()


def _run_in_this_process(
    options: IndexOptions, jobs: Sequence[Job], on_share: OnShare
) -> Iterator[Outcome]:
    indexer = Indexer(options)
    try:
        for job in jobs:
            yield indexer.run(job, partial(on_share, job))
    finally:
        indexer.close()


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    job: Job | None = None
    lost: int = 0


class _Pool:
    """Workers, and the jobs that wait, each with how many workers were lost over it."""

    def __init__(
        self, options: IndexOptions, jobs: deque[tuple[Job, int]], on_share: OnShare
    ) -> None:
        self._options, self._jobs, self._on_share = options, jobs, on_share
        self._context = multiprocessing.get_context('spawn')  # libraries have threads
        self._workers: list[_Worker] = []

    @property
    def busy(self) -> bool:
        return any(worker.job is not None for worker in self._workers)

    def start(self, count: int) -> None:
        with _one_thread_each():
            for _ in range(count):
                self._add()

    def _add(self) -> None:
        if not self._jobs:
            return
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(theirs, self._options, os.getpid()), daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        self._give(worker)

    def _give(self, worker: _Worker) -> None:
        worker.job = None
        if self._jobs:
            worker.job, worker.lost = self._jobs.popleft()
            with suppress(OSError):  # it is lost, as reading will say
                worker.connection.send(worker.job)

    def wait(self) -> Iterator[Outcome]:
        """Yield what is done, after waiting until something is."""
        by_connection = {w.connection: w for w in self._workers if w.job is not None}
        for connection in wait(list(by_connection)):
            worker = by_connection[connection]  # type: ignore[index]
            job = worker.job
            assert job is not None
            try:
                said = worker.connection.recv()
            except (EOFError, OSError):
                yield from self._replace(worker, job)
                continue
            if isinstance(said, WorkerError):
                raise said
            if isinstance(said, Outcome):
                self._give(worker)
                yield said
            else:
                self._on_share(job, *said)

    def _replace(self, worker: _Worker, job: Job) -> Iterator[Outcome]:
        worker.process.join()
        self._workers.remove(worker)
        if worker.lost + 1 < ATTEMPTS:
            self._jobs.appendleft((job, worker.lost + 1))
        else:
            yield Outcome(
                job,
                fault=f'{job.path}: the process that indexed it ended {ATTEMPTS} times '
                f'({_ending(worker.process)}); try --processes 1, where memory may be short',
            )
        with _one_thread_each():
            self._add()

    def stop(self) -> None:
        for worker in self._workers:
            worker.connection.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()


def _ending(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return signal.strsignal(-code) or f'signal {-code}' if code < 0 else f'exit code {code}'


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that are started now have one thread in each library that counts."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, '1'))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(connection: Connection, options: IndexOptions, parent: int) -> None:
    """Do jobs until there are no more; the body of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _limit_threads()
    indexer = Indexer(options)
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        try:
            said: object = indexer.run(job, lambda *share: connection.send(share))
        except ValueError as error:
            said = WorkerError(one_line(error))
        connection.send(said)


def _limit_threads() -> None:
    import cv2

    cv2.setNumThreads(1)
    if 'torch' in sys.modules:
        sys.modules['torch'].set_num_threads(1)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone, also by SIGKILL."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(1)
