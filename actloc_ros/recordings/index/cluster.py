"""Index recordings on a cluster of Ray; a recording whose worker is lost is done again."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from actloc_ros.files import one_line
from actloc_ros.recordings.index.processes import ONE_THREAD, OnShare, WorkerError
from actloc_ros.recordings.index.work import Indexer, IndexOptions, Job, Outcome

ATTEMPTS = 4  # at a recording whose worker or node is lost
CONNECT = 5.0  # s that a cluster may take to answer
_indexers: dict[str, Indexer] = {}


def run_on_cluster(
    options: IndexOptions, jobs: Sequence[Job], address: str, on_share: OnShare
) -> Iterator[Outcome]:
    """Yield what becomes of each job, in the order in which they are done.

    Each job is a task of one core. All machines must have this package and its model, and see the
    recordings under the same paths; only this one writes to the index.

    Args:
        options: Of the run.
        jobs: In the order in which they are begun.
        address: Of the cluster, as `ray.init` takes it.
        on_share: Hears of what is done.

    Raises:
        WorkerError: There is no such cluster, or the model cannot be used.
    """
    import ray

    task = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(_work)
    ours = not ray.is_initialized()
    if ours:
        _connect(ray, address)
    waiting: dict[Any, Job] = {}
    try:
        shared = ray.put(options)
        waiting = {task.remote(shared, job): job for job in jobs}
        while waiting:
            done, _ = ray.wait(list(waiting))
            for reference in done:
                job = waiting.pop(reference)
                outcome = _outcome(ray, reference, job)
                on_share(job, 1.0, 0.0)
                yield outcome
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)
        if ours:
            ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    try:
        _reach(address)
        environment = {'env_vars': dict.fromkeys(ONE_THREAD, '1')}
        ray.init(address=address, log_to_driver=False, runtime_env=environment)
    except Exception as error:  # several classes, by what is wrong
        raise WorkerError(
            f'there is no Ray cluster at {address} ({one_line(error)}); start one: ray start --head'
        ) from error


def _reach(address: str) -> None:
    """Refuse an address at which nothing listens: Ray itself tries for a quarter of an hour.

    Raises:
        OSError: Nothing does.
    """
    host, colon, port = address.rpartition('://')[2].rpartition(':')
    if colon and port.isdecimal():
        socket.create_connection((host.strip('[]'), int(port)), timeout=CONNECT).close()


def _outcome(ray: Any, reference: Any, job: Job) -> Outcome:
    try:
        said = ray.get(reference)
    except ray.exceptions.RayError as error:
        return Outcome(
            job, fault=f'{job.path}: its workers were lost {ATTEMPTS} times ({one_line(error)})'
        )
    if isinstance(said, WorkerError):
        raise said
    return said


def _work(options: IndexOptions, job: Job) -> Outcome | WorkerError:
    """Do a job; the body of a task. A worker keeps its localizer for the next one."""
    import cv2

    cv2.setNumThreads(1)
    key = repr((options.model, options.max_rate, os.getpid()))
    try:
        if key not in _indexers:
            _indexers.clear()
            _indexers[key] = Indexer(options)
        return _indexers[key].run(job, lambda share, time: None)
    except ValueError as error:
        return WorkerError(one_line(error))
